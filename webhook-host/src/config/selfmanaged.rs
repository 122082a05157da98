//! A CA that the host keeps itself, in a cluster: where it is, who is to trust it, and how long what takes.

use super::layers::{FILE_BYTES, Layers};
use super::{Fault, read};
use crate::units::Span;
use ordinance_certs::{Lifetime, Schedule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// A leaf is to be renewed, and its CA rotated, in its life; less would come to nothing.
const LEAVES_OF_A_CA: u32 = 3;

/// Of a leaf's life, by how much clocks of replicas may be off, and at most so much.
const SKEW: (u32, Duration) = (20, Duration::from_secs(5 * 60));

/// A CA that the host keeps itself, in a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SelfManagedFile {
    /// The Service that the API server calls; certificates are for `<service>.<namespace>.svc`.
    pub service: String,
    /// Its namespace, and that of the Secret and the Lease; without it the pod's own, or that of the kubeconfig's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The Secret that keeps the CA; `<service>-ca` without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The Lease of whoever writes; `<service>` without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    /// The webhook configurations, of both kinds, that are to trust the CA; `<service>` without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Vec<String>>,
    /// How long a CA counts; it is replaced after two thirds.
    #[serde(with = "Span")]
    #[schemars(with = "Span")]
    pub authority_lifetime: Duration,
    /// How long a certificate of a replica counts; it is replaced after about two thirds.
    #[serde(with = "Span")]
    #[schemars(with = "Span")]
    pub leaf_lifetime: Duration,
    /// How long every configuration is to trust a new CA before it signs.
    #[serde(with = "Span")]
    #[schemars(with = "Span")]
    pub wait: Duration,
    /// How often the Secret and the configurations are looked at.
    #[serde(with = "Span")]
    #[schemars(with = "Span")]
    pub look: Duration,
}

/// The same, checked and complete.
#[derive(Clone, Debug)]
pub struct SelfManaged {
    /// The Service.
    pub service: String,
    /// Its namespace; none for that of the way to the API server.
    pub namespace: Option<String>,
    /// The Secret.
    pub secret: String,
    /// The Lease.
    pub lease: String,
    /// The webhook configurations.
    pub webhooks: Vec<String>,
    /// How long what takes.
    pub schedule: Schedule,
}

/// What a configuration file says of it.
///
/// # Errors
///
/// The file can't be read, or is no configuration.
pub fn self_managed(path: &Path) -> Result<SelfManagedFile, Fault> {
    let text = read::text(path, FILE_BYTES)?;
    Ok(Layers::of_file(path, &text)?.config()?.certificate.self_managed)
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
            look: schedule.look,
        }
    }
}

impl SelfManagedFile {
    /// Checks it.
    ///
    /// # Errors
    ///
    /// The first value with which no rotation would come to its end.
    pub(super) fn check(&self, layers: &Layers) -> Result<SelfManaged, Fault> {
        let fault = |field, message: &str| {
            Err(Fault::new(layers.place(&["certificate", "selfManaged", field]), message))
        };
        if self.look < Duration::from_millis(100) {
            return fault("look", "asks the API server too often; give at least 100ms");
        }
        if self.leaf_lifetime < 10 * self.look || self.leaf_lifetime < Duration::from_secs(5) {
            return fault(
                "leafLifetime",
                "is too short to be renewed in time; give at least ten looks, and 5s",
            );
        }
        if self.authority_lifetime < LEAVES_OF_A_CA * (self.leaf_lifetime + self.wait) {
            return fault(
                "authorityLifetime",
                "is too short; give three times leafLifetime and wait together",
            );
        }
        Ok(self.complete())
    }

    /// With the names that follow from others.
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
                skew: SKEW.1.min(self.leaf_lifetime / SKEW.0),
                look: self.look,
            },
            service,
        }
    }
}

// === impl SelfManaged ===

impl SelfManaged {
    /// The namespace, where another is said only by the way to the API server.
    pub fn namespace<'a>(&'a self, default: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(default)
    }

    /// The names that certificates are for.
    pub fn names(&self, namespace: &str) -> Vec<String> {
        vec![format!("{}.{namespace}.svc", self.service)]
    }
}
