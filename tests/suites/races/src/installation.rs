//! A control plane with three replicas. One of them reaches the API server through a proxy that can be cut off.

use anyhow::{Context, Result};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use ordinance_cluster::{
    Cluster, ClusterOptions, ControlPlanePart, Installation, Ordinance, ServiceProxy, StartMode, until,
};
use ordinance_e2e::TestClusters;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;

/// How long the webhooks may take to fail closed.
const START: Duration = Duration::from_secs(60);

/// How long reservations may take to be deleted: their retention with the limits below, and two looks.
const RETENTION: Duration = Duration::from_secs(60 + 10 + 60 + 60 + 30);

/// A control plane with replicas that admit nested volumes no more than equal ones.
pub struct RacedCluster {
    pub cluster: Cluster,
    pub ordinance: Ordinance,
    /// Between the last replica and the API server; `None` while it is cut off.
    pub proxy: Option<ServiceProxy>,
    pub proxy_address: SocketAddr,
}

// === impl RacedCluster ===

impl RacedCluster {
    /// Starts a control plane and three replicas.
    pub async fn start(clusters: &TestClusters, reserves: bool) -> Result<Self> {
        let mut cluster = clusters.cluster(&ClusterOptions::default()).await?;
        let installation = installation(clusters, &cluster, reserves)?;
        cluster.access().kubectl().apply(&installation.manifest.whole()).await?.ok()?;
        let mut ordinance = Ordinance::start(&cluster, installation).await?;
        let proxy = ServiceProxy::bind("127.0.0.1:0".parse()?).await?;
        proxy.set_endpoints(vec![cluster.kubeconfig().address()?]);
        let proxy_address = proxy.address();
        ordinance.add_through(&cluster, proxy_address).await?;
        fails_closed(&cluster.access().client()).await?;
        // Nothing binds these volumes, so the controllers have nothing to do.
        cluster.control_plane().part(ControlPlanePart::Controllers).kill();
        Ok(Self { cluster, ordinance, proxy: Some(proxy), proxy_address })
    }

    pub fn client(&self) -> Client {
        self.cluster.access().client()
    }

    /// Waits until no reservation is left, and returns how many there are after the time that they are kept.
    pub async fn left_reservations(&self) -> Result<usize> {
        let resource = ApiResource {
            group: "ordinance.dev".to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: "ordinance.dev/v1alpha1".to_owned(),
            kind: "Reservation".to_owned(),
            plural: "reservations".to_owned(),
        };
        let api: Api<DynamicObject> = Api::all_with(self.client(), &resource);
        let count = async || Ok(api.list_metadata(&ListParams::default()).await?.items.len());
        let gone = until("the reservations to be deleted", RETENTION, async || {
            Ok((count().await? == 0).then_some(()))
        });
        match gone.await {
            Ok(()) => Ok(0),
            Err(_) => count().await,
        }
    }
}

/// Returns the options of two replicas with a self-managed certificate, whose callers are verified.
fn installation(clusters: &TestClusters, cluster: &Cluster, reserves: bool) -> Result<Installation> {
    let config = json!({
        "certificate": {"source": "self-managed", "selfManaged": {"namespace": "ordinance-system"}},
        "reservations": reserves,
        "limits": {"pendingTime": "60s", "indexStaleness": "10s"},
        "policies": {"storage": {"settings": {"exports": {"nested": "Deny"}}}},
    });
    let file = cluster.folder().join("races.config.json");
    std::fs::write(&file, config.to_string()).context("can't write the configuration")?;
    let arguments = vec![format!("--config={}", file.display())];
    Ok(Installation { replicas: 2, start: StartMode::Bare, arguments, ..clusters.installation()? })
}

/// Waits until the webhook of volumes fails closed: Ordinance sets that once it serves.
async fn fails_closed(client: &Client) -> Result<()> {
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    until("the webhooks to fail closed", START, async || {
        let found = configurations.get("ordinance").await?;
        let fails = |policy: Option<&str>| policy == Some("Fail");
        let mut policies = found.webhooks.iter().flatten().map(|webhook| webhook.failure_policy.as_deref());
        Ok(policies.any(fails).then_some(()))
    })
    .await
}
