//! A cluster whose pods really run: a control plane and a node in Linux namespaces of their own.

use crate::clusters::TestClusters;
use crate::namespace::STEP_TIMEOUT;
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use ordinance_cluster::{Cluster, ClusterNode, Kubectl, LinuxNamespaces, Ordinance, until};
use ordinance_tools::Tool;
use std::time::{Duration, Instant};

/// The environment variable that names the scenario to run inside the Linux namespaces.
const SCENARIO: &str = "ORDINANCE_E2E_INSIDE";

/// The timeout of one HTTP request.
const PAGE_TIMEOUT: Duration = Duration::from_secs(2);

/// The scenario that this process must run; `None` outside the Linux namespaces.
pub(crate) fn inner_scenario() -> Option<String> {
    std::env::var(SCENARIO).ok()
}

/// Runs a scenario in new Linux namespaces, by starting this program again.
pub(crate) async fn run_in_namespaces(name: &str) -> Result<()> {
    let status = LinuxNamespaces::new()?.run((SCENARIO, name)).await?;
    ensure!(status.success(), "the scenario failed in its Linux namespaces ({status}); see its output above");
    Ok(())
}

/// A control plane with a node that runs pods.
pub struct NodeCluster<'a> {
    cluster: Cluster,
    node: ClusterNode,
    clusters: &'a TestClusters,
    scenario: String,
    last_step: Instant,
}

// === impl NodeCluster ===

impl<'a> NodeCluster<'a> {
    /// Starts the cluster, without Ordinance at first, and runs a scenario on it.
    pub(crate) async fn run(
        scenario: &str,
        clusters: &'a TestClusters,
        body: impl AsyncFnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let mut started = Self::start(scenario, clusters).await?;
        let outcome = body(&mut started).await;
        if outcome.is_err() {
            started.log_state().await?;
        }
        outcome
    }

    async fn start(scenario: &str, clusters: &'a TestClusters) -> Result<Self> {
        let (last_step, scenario) = (Instant::now(), scenario.to_owned());
        let wanted: Vec<Tool> = Tool::CONTROL_PLANE.into_iter().chain(Tool::NODE).collect();
        let tools = ordinance_tools::find(&wanted, &mut |line| eprintln!("{line}"))?;
        let cluster = Cluster::start(&tools, &ClusterNode::options()).await?;
        let node = ClusterNode::start(&cluster).await?;
        let mut started = Self { cluster, node, clusters, scenario, last_step };
        started.log_elapsed("control plane and node ready");
        Ok(started)
    }

    /// Logs what has been done, and the time since the previous call.
    pub fn log_elapsed(&mut self, what: &str) {
        eprintln!("{}: {:.1} s: {what}", self.scenario, self.last_step.elapsed().as_secs_f64());
        self.last_step = Instant::now();
    }

    /// Installs Ordinance. From then on the API server calls its webhooks.
    ///
    /// # Errors
    ///
    /// Returns an error if a part does not start.
    pub async fn install(&mut self) -> Result<Ordinance> {
        let ordinance = Ordinance::install(&self.cluster, self.clusters.installation()?).await?;
        self.log_elapsed("Ordinance installed");
        Ok(ordinance)
    }

    /// The control plane.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &ClusterNode {
        &self.node
    }

    /// kubectl without a namespace.
    #[must_use]
    pub fn kubectl(&self) -> &Kubectl {
        self.cluster.access().kubectl()
    }

    /// Returns the page that a pod of the namespace `default` serves at `path`, as soon as it does. Pod addresses exist
    /// only inside the Linux namespaces.
    ///
    /// # Errors
    ///
    /// Returns an error if the pod serves no page in time.
    pub async fn page(&self, pod: &str, path: &str) -> Result<String> {
        let pods: Api<Pod> = Api::default_namespaced(self.cluster.access().client());
        until(&format!("the page of {pod}"), STEP_TIMEOUT, async || {
            let pod = pods.get_opt(pod).await?;
            let address = pod.and_then(|pod| pod.status).and_then(|status| status.pod_ip);
            let Some(address) = address else { return Ok(None) };
            let url = format!("http://{address}/{path}");
            let page = tokio::task::spawn_blocking(move || page(&url)).await?;
            Ok(page.ok())
        })
        .await
    }

    /// Logs the objects, the events and the node's logs of a failed scenario.
    async fn log_state(&self) -> Result<()> {
        for line in ["get pods,persistentvolumeclaims,persistentvolumes -A -o wide", "get events -A"] {
            let output = self.kubectl().ok(line).await.context("the state of the cluster")?;
            eprintln!("{}: kubectl {line}\n{output}", self.scenario);
        }
        eprintln!("{}: the end of the node's logs, {}", self.scenario, self.node.tail());
        Ok(())
    }
}

fn page(url: &str) -> Result<String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(PAGE_TIMEOUT)).proxy(None).build().into();
    Ok(agent.get(url).call()?.body_mut().read_to_string()?)
}
