//! Scenarios whose pods really run: a cluster with a node, in namespaces of their own.

use crate::stage::PATIENCE;
use crate::workshop::Workshop;
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use ordinance_cluster::{Cluster, Enclosure, Kubectl, Node, Ordinance, until};
use ordinance_tools::Tool;
use std::time::{Duration, Instant};

/// The environment's name for the scenario that is played inside.
const TITLE: &str = "ORDINANCE_E2E_INSIDE";

/// How long a page may take to come.
const PAGE: Duration = Duration::from_secs(2);

/// The scenario that this process is inside for, if it is inside.
pub(crate) fn title() -> Option<String> {
    std::env::var(TITLE).ok()
}

/// Has a scenario played in namespaces of its own, by this program run again.
pub(crate) async fn enclosed(title: &str) -> Result<()> {
    let status = Enclosure::new()?.run((TITLE, title)).await?;
    ensure!(status.success(), "inside the namespaces it failed ({status}): what it said is above");
    Ok(())
}

/// A cluster with a node that runs pods.
pub struct NodeStage<'a> {
    cluster: Cluster,
    node: Node,
    workshop: &'a Workshop,
    title: String,
    since: Instant,
}

// === impl NodeStage ===

impl<'a> NodeStage<'a> {
    /// Plays a scenario on a cluster with a node, without Ordinance at first.
    pub(crate) async fn play(
        title: &str,
        workshop: &'a Workshop,
        story: impl AsyncFnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let mut stage = Self::set(title, workshop).await?;
        let told = story(&mut stage).await;
        if told.is_err() {
            stage.say_what_is_there().await?;
        }
        told
    }

    async fn set(title: &str, workshop: &'a Workshop) -> Result<Self> {
        let (since, title) = (Instant::now(), title.to_owned());
        let wanted: Vec<Tool> = Tool::CONTROL_PLANE.into_iter().chain(Tool::NODE).collect();
        let tools = ordinance_tools::find(&wanted, &mut |line| eprintln!("{line}"))?;
        let cluster = Cluster::start(&tools, &Node::options()).await?;
        let node = Node::start(&cluster).await?;
        let mut stage = Self { cluster, node, workshop, title, since };
        stage.took("control plane and node ready");
        Ok(stage)
    }

    /// Says how long it took since the last time.
    pub fn took(&mut self, what: &str) {
        eprintln!("{}: {:.1} s: {what}", self.title, self.since.elapsed().as_secs_f64());
        self.since = Instant::now();
    }

    /// Installs Ordinance: from now on the API server asks it.
    ///
    /// # Errors
    ///
    /// What did not start, and why.
    pub async fn install(&mut self) -> Result<Ordinance> {
        let ordinance = Ordinance::install(&self.cluster, self.workshop.installation()?).await?;
        self.took("Ordinance installed");
        Ok(ordinance)
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// kubectl for all namespaces.
    #[must_use]
    pub fn kubectl(&self) -> &Kubectl {
        self.cluster.access().kubectl()
    }

    /// A page, by its path, that a pod of the namespace `default` serves, once it does. Its address exists inside only.
    ///
    /// # Errors
    ///
    /// That there is no page in time.
    pub async fn page(&self, pod: &str, path: &str) -> Result<String> {
        let pods: Api<Pod> = Api::default_namespaced(self.cluster.access().client());
        until(&format!("the page of {pod}"), PATIENCE, async || {
            let pod = pods.get_opt(pod).await?;
            let address = pod.and_then(|pod| pod.status).and_then(|status| status.pod_ip);
            let Some(address) = address else { return Ok(None) };
            let url = format!("http://{address}/{path}");
            let page = tokio::task::spawn_blocking(move || page(&url)).await?;
            Ok(page.ok())
        })
        .await
    }

    /// For whoever reads that a scenario failed.
    async fn say_what_is_there(&self) -> Result<()> {
        for line in ["get pods,persistentvolumeclaims,persistentvolumes -A -o wide", "get events -A"] {
            let said = self.kubectl().ok(line).await.context("what is there")?;
            eprintln!("{}: kubectl {line}\n{said}", self.title);
        }
        eprintln!("{}: the logs of the node end so, {}", self.title, self.node.tail());
        Ok(())
    }
}

fn page(url: &str) -> Result<String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(PAGE)).proxy(None).build().into();
    Ok(agent.get(url).call()?.body_mut().read_to_string()?)
}
