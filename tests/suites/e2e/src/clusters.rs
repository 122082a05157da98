//! The clusters that scenarios run on.

use anyhow::{Context, Result};
use ordinance_cluster::{
    Cluster, ClusterAccess, ClusterOptions, Installation, LinuxNamespaces, Ordinance, ReviewRecording,
};
use ordinance_tools::{Error, Tool, Tools};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The environment variable that names the program under test.
const BINARY: &str = "ORDINANCE_BINARY";

/// The environment variable that names the kubeconfig of an existing cluster.
const KUBECONFIG: &str = "ORDINANCE_E2E_KUBECONFIG";

/// The environment variable that names the folder for recorded reviews.
const RECORD: &str = "ORDINANCE_E2E_RECORD";

/// Starts clusters for scenarios, and owns the one that they share.
pub struct TestClusters {
    tools: Tools,
    existing: Option<PathBuf>,
    recording: Option<Arc<ReviewRecording>>,
    shared: OnceCell<SharedCluster>,
    known_node_obstacle: OnceCell<Option<String>>,
}

/// The shared cluster.
enum SharedCluster {
    /// A cluster that this process started.
    Own { _ordinance: Box<Ordinance>, cluster: Box<Cluster> },
    /// A cluster that existed before.
    Existing(ClusterAccess),
}

// === impl TestClusters ===

impl TestClusters {
    /// Finds the programs, or builds them, which takes minutes the first time.
    ///
    /// # Errors
    ///
    /// Returns an error if a program can neither be found nor built.
    pub fn open() -> Result<Self> {
        let existing = std::env::var_os(KUBECONFIG).map(PathBuf::from);
        let wanted = if existing.is_some() { &[Tool::Kubectl] } else { Tool::SUITE.as_slice() };
        let tools = find(wanted)?;
        let recording = std::env::var_os(RECORD).map(|folder| ReviewRecording::open(Path::new(&folder)));
        let recording = recording.transpose()?.map(Arc::new);
        Ok(Self { tools, existing, recording, shared: OnceCell::new(), known_node_obstacle: OnceCell::new() })
    }

    /// The control plane's programs, kubectl and Helm.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Whether scenarios may start clusters of their own; `false` on an existing cluster.
    #[must_use]
    pub fn makes_clusters(&self) -> bool {
        self.existing.is_none()
    }

    /// Finds or builds the additional programs of a node, and returns the reason if this machine can't run one.
    ///
    /// # Errors
    ///
    /// Returns an error if a program could not be built.
    pub async fn node_obstacle(&self) -> Result<Option<&str>> {
        let obstacle = self.known_node_obstacle.get_or_try_init(async || match LinuxNamespaces::obstacle() {
            None => missing_for_nodes(),
            obstacle => Ok(obstacle),
        });
        Ok(obstacle.await?.as_deref())
    }

    /// Why this machine can't run a node; `None` if it can, or if no scenario needed one so far.
    #[must_use]
    pub fn known_node_obstacle(&self) -> Option<&str> {
        self.known_node_obstacle.get()?.as_deref()
    }

    /// How Ordinance is installed by default.
    ///
    /// # Errors
    ///
    /// Returns an error if the environment does not name the program under test, or if the manifest is invalid.
    pub fn installation(&self) -> Result<Installation> {
        let binary = std::env::var_os(BINARY)
            .with_context(|| format!("{BINARY} is not set: run `cargo xtask e2e`"))?;
        let recording = self.recording.clone();
        Ok(Installation { recording, ..Installation::new(Path::new(&binary))? })
    }

    /// Starts a cluster without Ordinance.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of a log if a part did not start.
    pub async fn cluster(&self, options: &ClusterOptions) -> Result<Cluster> {
        Cluster::start(&self.tools, options).await
    }

    /// Starts a cluster with `replicas` replicas of Ordinance.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of a log if a part did not start.
    pub async fn installed(&self, replicas: usize) -> Result<(Cluster, Ordinance)> {
        let cluster = self.cluster(&ClusterOptions::default()).await?;
        let installation = Installation { replicas, ..self.installation()? };
        let ordinance = Ordinance::install(&cluster, installation).await?;
        Ok((cluster, ordinance))
    }

    /// Returns the shared cluster, with Ordinance. The first caller starts it, and the others wait.
    ///
    /// # Errors
    ///
    /// Returns an error if it could not be started or reached.
    pub async fn shared(&self) -> Result<&ClusterAccess> {
        let shared = self.shared.get_or_try_init(async || match &self.existing {
            Some(kubeconfig) => self.existing(kubeconfig).await,
            None => self.own().await,
        });
        Ok(match shared.await? {
            SharedCluster::Own { cluster, .. } => cluster.access(),
            SharedCluster::Existing(access) => access,
        })
    }

    async fn existing(&self, kubeconfig: &Path) -> Result<SharedCluster> {
        Ok(SharedCluster::Existing(ClusterAccess::new(kubeconfig, self.tools.path(Tool::Kubectl)).await?))
    }

    async fn own(&self) -> Result<SharedCluster> {
        let (cluster, ordinance) = self.installed(1).await?;
        Ok(SharedCluster::Own { _ordinance: Box::new(ordinance), cluster: Box::new(cluster) })
    }
}

fn find(wanted: &[Tool]) -> Result<Tools, Error> {
    ordinance_tools::find(wanted, &mut |line| eprintln!("{line}"))
}

/// Returns the reason if a node's programs can't be built or fetched on this machine. A failed build is an error.
fn missing_for_nodes() -> Result<Option<String>> {
    match find(&Tool::NODE) {
        Ok(_) => Ok(None),
        Err(error @ (Error::NoGo { .. } | Error::Package { .. })) => Ok(Some(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
