//! A Lease that elects the replica that writes. It only saves work: two replicas that both write do no harm.

use super::conditional::write_outcome;
use crate::store::WriteOutcome;
use k8s_openapi::api::coordination::v1 as coordination;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// A Lease, and its last observed state.
#[derive(Debug)]
pub struct Lease {
    api: Api<coordination::Lease>,
    name: String,
    identity: String,
    duration: Duration,
    /// The `resourceVersion` under another holder, and since when it was observed.
    seen: Option<(String, Instant)>,
}

// === impl Lease ===

impl Lease {
    /// Returns a Lease for the holder `identity`, which has to be unique. Other replicas may take it over once it was not
    /// renewed for `duration`, in whole seconds.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String, duration: Duration) -> Self {
        let api = Api::namespaced(client, namespace);
        let duration = Duration::from_secs(duration.as_secs().max(1));
        Self { api, name: name.to_owned(), identity, duration, seen: None }
    }

    /// Acquires or renews the Lease, and returns whether this replica holds it. Takes over another holder's Lease only if it
    /// has not changed for its whole duration, by this process's own clock.
    ///
    /// # Errors
    ///
    /// If the API server does not answer, or refuses.
    pub async fn renew(&mut self, now: SystemTime, instant: Instant) -> kube::Result<bool> {
        let Some(found) = self.api.get_opt(&self.name).await? else { return self.create(now).await };
        let version = found.metadata.resource_version.unwrap_or_default();
        let spec = found.spec.unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
        let is_own = holder.as_deref() == Some(self.identity.as_str());
        if holder.is_some() && !is_own && !self.is_expired(&version, instant) {
            return Ok(false);
        }
        let mut changes = self.spec(now);
        if !is_own {
            changes["acquireTime"] = micro_time(now);
            changes["leaseTransitions"] = json!(spec.lease_transitions.unwrap_or(0) + 1);
        }
        self.patch(&version, changes).await
    }

    /// Releases the Lease, so that another replica can acquire it at once. Does nothing if another replica holds it.
    ///
    /// # Errors
    ///
    /// If the API server does not answer, or refuses.
    pub async fn release(&self) -> kube::Result<()> {
        let Some(found) = self.api.get_opt(&self.name).await? else { return Ok(()) };
        let holder = found.spec.and_then(|spec| spec.holder_identity);
        if holder.as_deref() == Some(self.identity.as_str()) {
            let version = found.metadata.resource_version.unwrap_or_default();
            self.patch(&version, json!({ "holderIdentity": null })).await?;
        }
        Ok(())
    }

    /// Returns whether another holder's Lease has not changed for its duration.
    fn is_expired(&mut self, version: &str, instant: Instant) -> bool {
        match &self.seen {
            Some((seen, since)) if seen == version => instant.duration_since(*since) >= self.duration,
            _ => {
                self.seen = Some((version.to_owned(), instant));
                false
            }
        }
    }

    fn spec(&self, now: SystemTime) -> Value {
        json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.duration.as_secs(),
            "renewTime": micro_time(now),
        })
    }

    async fn create(&self, now: SystemTime) -> kube::Result<bool> {
        let lease = json!({ "metadata": { "name": self.name }, "spec": self.spec(now) });
        let lease = serde_json::from_value(lease).map_err(kube::Error::SerdeError)?;
        Ok(write_outcome(self.api.create(&PostParams::default(), &lease).await)? == WriteOutcome::Done)
    }

    async fn patch(&self, version: &str, spec: Value) -> kube::Result<bool> {
        let patch = json!({ "metadata": { "resourceVersion": version }, "spec": spec });
        let patched = self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        Ok(write_outcome(patched)? == WriteOutcome::Done)
    }
}

/// Formats a time as the API type `MicroTime`.
fn micro_time(time: SystemTime) -> Value {
    json!(humantime::format_rfc3339_micros(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let client = Client::try_from(config).unwrap();
        Lease::new(client, "ordinance-system", "ordinance", "me".to_owned(), Duration::from_secs(15))
    }

    #[tokio::test]
    async fn another_holders_lease_expires_only_after_its_whole_duration_without_change() {
        let (mut lease, begin) = (lease(), Instant::now());
        let polls = [("1", 0), ("1", 14), ("2", 15), ("2", 29), ("2", 30)];
        let expired =
            polls.map(|(version, second)| lease.is_expired(version, begin + Duration::from_secs(second)));
        assert_eq!(expired, [false, false, false, false, true]);
    }
}
