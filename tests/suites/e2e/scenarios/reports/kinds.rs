//! The kinds of reports that a cluster may have, and what it stores of them.

use super::report::StoredReport;
use anyhow::{Context, Result};
use ordinance_cluster::Kubectl;
use ordinance_e2e::apply;
use serde_json::{Value, json};

/// The kinds of reports of one API group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKinds {
    /// `openreports.io`.
    OpenReports,
    /// `wgpolicyk8s.io`.
    PolicyReports,
}

// === impl ReportKinds ===

impl ReportKinds {
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::OpenReports => "openreports.io/v1alpha1",
            Self::PolicyReports => "wgpolicyk8s.io/v1alpha2",
        }
    }

    /// The kind of reports on objects of a namespace, and that of reports on objects without one.
    pub const fn kinds(self) -> [&'static str; 2] {
        match self {
            Self::OpenReports => ["Report", "ClusterReport"],
            Self::PolicyReports => ["PolicyReport", "ClusterPolicyReport"],
        }
    }

    const fn definitions(self) -> &'static str {
        match self {
            Self::OpenReports => include_str!("open-reports.yaml"),
            Self::PolicyReports => include_str!("policy-reports.yaml"),
        }
    }

    /// Installs the custom resource definitions.
    pub async fn install(self, kubectl: &Kubectl) -> Result<()> {
        kubectl.apply(self.definitions()).await?.ok()?;
        kubectl.ok("wait crd --all --for=condition=Established --timeout=60s").await.map(|_| ())
    }

    /// Creates a report of another tool of each kind.
    pub async fn create_foreign(self, kubectl: &Kubectl) -> Result<()> {
        for kind in self.kinds() {
            let report = json!({
                "apiVersion": self.api_version(), "kind": kind,
                "metadata": {"name": "of-another-tool", "labels": {"app.kubernetes.io/managed-by": "another-tool"}},
                "scope": {"apiVersion": "v1", "kind": "PersistentVolume", "name": "one"},
                "summary": {"pass": 1},
                "results": [{"policy": "theirs", "result": "pass"}],
            });
            apply(kubectl, &report).await?;
        }
        Ok(())
    }

    /// Returns the reports of Ordinance, sorted by their objects.
    pub async fn stored(self, kubectl: &Kubectl) -> Result<Vec<StoredReport>> {
        let reports = self.list(kubectl, "--selector=app.kubernetes.io/managed-by=ordinance").await?;
        let mut reports: Vec<_> = reports.into_iter().map(StoredReport::new).collect();
        reports.sort_by(|one, other| one.object.cmp(&other.object));
        Ok(reports)
    }

    /// Returns the reports of other tools.
    pub async fn foreign(self, kubectl: &Kubectl) -> Result<Vec<Value>> {
        self.list(kubectl, "--selector=app.kubernetes.io/managed-by!=ordinance").await
    }

    async fn list(self, kubectl: &Kubectl, selector: &str) -> Result<Vec<Value>> {
        let (group, version) = self.api_version().split_once('/').context("an API version")?;
        let resources =
            self.kinds().map(|kind| format!("{}s.{version}.{group}", kind.to_lowercase())).join(",");
        let flags = "--all-namespaces --show-managed-fields --output=json";
        let list = kubectl.ok(&format!("get {resources} {selector} {flags}")).await?;
        let mut list: Value = serde_json::from_str(&list)?;
        list["items"].as_array_mut().map(std::mem::take).context("a list")
    }
}
