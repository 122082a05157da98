//! The CA that the host manages itself in a cluster: its objects, the webhooks that trust it, and its schedule.

use super::input_error::InputError;
use crate::units::DurationText;
use ordinance_certs::{Lifetime, Schedule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The least lifetime of a CA, in lifetimes of its leaf certificates with their wait. A shorter CA expires before its
/// rotation ends.
const LEAVES_PER_CA: u32 = 3;

/// The clock skew between replicas that certificates allow for: a twentieth of a leaf's lifetime, at most 5 minutes.
const SKEW_DIVISOR: u32 = 20;
const MAX_SKEW: Duration = Duration::from_secs(5 * 60);

/// The CA that the host manages itself in a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SelfManagedFile {
    /// Service that the API server calls. Certificates are for `<service>.<namespace>.svc`.
    pub service: String,
    /// Namespace of the Service, the Secret and the Lease. The default is the pod's own, or that of the kubeconfig's
    /// context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Secret that stores the CA. The default is `<service>-ca`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Lease that elects the replica which rotates the CA. The default is `<service>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    /// Names of the webhook configurations, of both kinds, that must trust the CA. The default is `<service>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Vec<String>>,
    /// Lifetime of a CA. It is replaced after two thirds of it.
    #[serde(with = "DurationText")]
    #[schemars(with = "DurationText")]
    pub authority_lifetime: Duration,
    /// Lifetime of a replica's certificate. It is replaced after about two thirds of it.
    #[serde(with = "DurationText")]
    #[schemars(with = "DurationText")]
    pub leaf_lifetime: Duration,
    /// How long every webhook configuration must trust a new CA before the CA signs.
    #[serde(with = "DurationText")]
    #[schemars(with = "DurationText")]
    pub wait: Duration,
    /// How often the Secret and the webhook configurations are read.
    #[serde(with = "DurationText")]
    #[schemars(with = "DurationText")]
    pub look: Duration,
}

/// The configuration of a self-managed CA with all defaults filled in.
#[derive(Clone, Debug)]
pub struct SelfManaged {
    /// Name of the Service.
    pub service: String,
    /// Namespace of all objects; `None` for the default namespace of the client.
    pub namespace: Option<String>,
    /// Name of the Secret.
    pub secret: String,
    /// Name of the Lease.
    pub lease: String,
    /// Names of the webhook configurations.
    pub webhooks: Vec<String>,
    /// Lifetimes and intervals.
    pub schedule: Schedule,
}

// === impl SelfManagedFile ===

impl Default for SelfManagedFile {
    fn default() -> Self {
        let schedule = Schedule::default();
        Self {
            service: "ordinance".to_owned(),
            namespace: None,
            secret: None,
            lease: None,
            webhooks: None,
            authority_lifetime: schedule.authority.0,
            leaf_lifetime: schedule.leaf.0,
            wait: schedule.wait,
            look: schedule.poll_interval,
        }
    }
}

impl SelfManagedFile {
    /// Checks the durations and fills in the defaults. `place` returns the place of a field for errors.
    ///
    /// # Errors
    ///
    /// The first duration with which a rotation can't complete.
    pub(super) fn check(&self, place: impl Fn(&str) -> String) -> Result<SelfManaged, InputError> {
        let error = |field, message: &str| Err(InputError::new(place(field), message));
        if self.look < Duration::from_millis(100) {
            return error("look", "would ask the API server too often; give at least 100ms");
        }
        if self.leaf_lifetime < 10 * self.look || self.leaf_lifetime < Duration::from_secs(5) {
            return error(
                "leafLifetime",
                "is too short to renew certificates in time; give at least ten times look, and 5s",
            );
        }
        if self.authority_lifetime < LEAVES_PER_CA * (self.leaf_lifetime + self.wait) {
            return error(
                "authorityLifetime",
                "is too short for a rotation; give at least three times the sum of leafLifetime and wait",
            );
        }
        Ok(self.complete())
    }

    /// Fills in the names that default to the name of the Service.
    pub fn complete(&self) -> SelfManaged {
        let service = self.service.clone();
        SelfManaged {
            namespace: self.namespace.clone(),
            secret: self.secret.clone().unwrap_or_else(|| format!("{service}-ca")),
            lease: self.lease.clone().unwrap_or_else(|| service.clone()),
            webhooks: self.webhooks.clone().unwrap_or_else(|| vec![service.clone()]),
            schedule: Schedule {
                authority: Lifetime(self.authority_lifetime),
                leaf: Lifetime(self.leaf_lifetime),
                wait: self.wait,
                skew: MAX_SKEW.min(self.leaf_lifetime / SKEW_DIVISOR),
                poll_interval: self.look,
            },
            service,
        }
    }
}

// === impl SelfManaged ===

impl SelfManaged {
    /// Returns the configured namespace, or `default`.
    pub fn namespace<'a>(&'a self, default: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(default)
    }

    /// Returns the DNS names of the certificates.
    pub fn names(&self, namespace: &str) -> Vec<String> {
        vec![format!("{}.{namespace}.svc", self.service)]
    }
}
