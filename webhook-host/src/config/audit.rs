//! The audit of the cluster in the background.

use super::input_error::InputError;
use crate::units::DurationText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The shortest interval. Each audit lists the cluster.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(10);

/// The audit of the cluster in the background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuditFile {
    /// The pause between two audits; `0s` for none. One replica audits.
    #[serde(with = "DurationText")]
    #[schemars(with = "DurationText")]
    pub interval: Duration,
    /// Whether each object with findings gets a report, if the cluster has a kind for it: `reports.openreports.io`, or
    /// `policyreports.wgpolicyk8s.io`.
    pub reports: bool,
    /// Lease that elects the replica which audits. It is in the namespace of the self-managed CA, else in the pod's own or that of
    /// the kubeconfig's context.
    pub lease: String,
}

// === impl AuditFile ===

impl Default for AuditFile {
    fn default() -> Self {
        Self { interval: Duration::from_secs(3600), reports: true, lease: "ordinance-audit".to_owned() }
    }
}

impl AuditFile {
    /// Returns the configuration, or `None` if nothing is audited. `place` returns the place of a field for errors.
    ///
    /// # Errors
    ///
    /// The interval is too short.
    pub(super) fn check(&self, place: impl Fn(&str) -> String) -> Result<Option<Self>, InputError> {
        if self.interval.is_zero() {
            return Ok(None);
        }
        if self.interval < SHORTEST_INTERVAL {
            let message = "would list the cluster too often; give at least 10s, or 0s for no audit";
            return Err(InputError::new(place("interval"), message));
        }
        Ok(Some(self.clone()))
    }
}
