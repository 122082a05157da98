//! A Lease that says which replica writes. Two that both believe so do no harm; it is there so that one alone works.

use crate::cluster::written;
use crate::store::Written;
use k8s_openapi::api::coordination::v1 as coordination;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// A Lease, and what was seen of it.
#[derive(Debug)]
pub struct Lease {
    api: Api<coordination::Lease>,
    name: String,
    identity: String,
    duration: Duration,
    /// The version that somebody else has held it in, and since when it was seen so.
    seen: Option<(String, Instant)>,
}

// === impl Lease ===

impl Lease {
    /// For one who is called `identity`, which must be nobody else's. It falls to others after `duration`, in whole seconds.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String, duration: Duration) -> Self {
        let api = Api::namespaced(client, namespace);
        let duration = Duration::from_secs(duration.as_secs().max(1));
        Self { api, name: name.to_owned(), identity, duration, seen: None }
    }

    /// Takes it, or goes on having it, and returns whether that succeeded. Another's is left alone until it did not change
    /// for its whole duration by this process's own clock.
    ///
    /// # Errors
    ///
    /// If the API server does not say.
    pub async fn renew(&mut self, now: SystemTime, instant: Instant) -> kube::Result<bool> {
        let Some(found) = self.api.get_opt(&self.name).await? else { return self.create(now).await };
        let version = found.metadata.resource_version.unwrap_or_default();
        let spec = found.spec.unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
        let is_own = holder.as_deref() == Some(self.identity.as_str());
        if holder.is_some() && !is_own && !self.is_over(&version, instant) {
            return Ok(false);
        }
        let mut changes = self.held(now);
        if !is_own {
            changes["acquireTime"] = moment(now);
            changes["leaseTransitions"] = json!(spec.lease_transitions.unwrap_or(0) + 1);
        }
        self.patch(&version, changes).await
    }

    /// Gives it up, so that nobody waits for it; without effect on another's.
    ///
    /// # Errors
    ///
    /// If the API server does not say.
    pub async fn release(&self) -> kube::Result<()> {
        let Some(found) = self.api.get_opt(&self.name).await? else { return Ok(()) };
        let holder = found.spec.and_then(|spec| spec.holder_identity);
        if holder.as_deref() == Some(self.identity.as_str()) {
            let version = found.metadata.resource_version.unwrap_or_default();
            self.patch(&version, json!({ "holderIdentity": null })).await?;
        }
        Ok(())
    }

    /// Whether another's has not changed for too long.
    fn is_over(&mut self, version: &str, instant: Instant) -> bool {
        match &self.seen {
            Some((seen, since)) if seen == version => instant.duration_since(*since) >= self.duration,
            _ => {
                self.seen = Some((version.to_owned(), instant));
                false
            }
        }
    }

    fn held(&self, now: SystemTime) -> Value {
        json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.duration.as_secs(),
            "renewTime": moment(now),
        })
    }

    async fn create(&self, now: SystemTime) -> kube::Result<bool> {
        let lease = json!({ "metadata": { "name": self.name }, "spec": self.held(now) });
        let lease = serde_json::from_value(lease).map_err(kube::Error::SerdeError)?;
        Ok(written(self.api.create(&PostParams::default(), &lease).await)? == Written::Done)
    }

    async fn patch(&self, version: &str, spec: Value) -> kube::Result<bool> {
        let patch = json!({ "metadata": { "resourceVersion": version }, "spec": spec });
        let patched = self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        Ok(written(patched)? == Written::Done)
    }
}

/// As the API server writes moments in a Lease.
fn moment(time: SystemTime) -> Value {
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
    async fn another_s_is_over_only_when_it_did_not_change_for_its_whole_duration() {
        let (mut lease, begin) = (lease(), Instant::now());
        let looks = [("1", 0), ("1", 14), ("2", 15), ("2", 29), ("2", 30)];
        let over = looks.map(|(version, second)| lease.is_over(version, begin + Duration::from_secs(second)));
        assert_eq!(over, [false, false, false, false, true]);
    }
}
