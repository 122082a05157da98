//! Where clusters come from.

use anyhow::{Context, Result};
use ordinance_cluster::{Access, Cluster, Installation, LinuxNamespaces, Options, Ordinance, Recording};
use ordinance_tools::{Error, Tool, Tools};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The environment's name for the program under test.
const BINARY: &str = "ORDINANCE_BINARY";

/// The environment's name for the kubeconfig of a cluster that exists already.
const KUBECONFIG: &str = "ORDINANCE_E2E_KUBECONFIG";

/// The environment's name for the folder where every review is kept.
const RECORD: &str = "ORDINANCE_E2E_RECORD";

/// Makes clusters for scenarios, and has the one that they share.
pub struct TestClusters {
    tools: Tools,
    existing: Option<PathBuf>,
    recording: Option<Arc<Recording>>,
    shared: OnceCell<Shared>,
    known_node_obstacle: OnceCell<Option<String>>,
}

/// The cluster that scenarios share.
enum Shared {
    /// One of this process.
    Own { _ordinance: Box<Ordinance>, cluster: Box<Cluster> },
    /// One that exists already.
    Existing(Access),
}

// === impl TestClusters ===

impl TestClusters {
    /// Finds the programs, or builds them, which takes minutes the first time.
    ///
    /// # Errors
    ///
    /// Which can't be had, and why.
    pub fn open() -> Result<Self> {
        let existing = std::env::var_os(KUBECONFIG).map(PathBuf::from);
        let wanted = if existing.is_some() { &[Tool::Kubectl] } else { Tool::SUITE.as_slice() };
        let tools = find(wanted)?;
        let recording = std::env::var_os(RECORD).map(|folder| Recording::open(Path::new(&folder)));
        let recording = recording.transpose()?.map(Arc::new);
        Ok(Self { tools, existing, recording, shared: OnceCell::new(), known_node_obstacle: OnceCell::new() })
    }

    /// The programs.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Whether scenarios may have a cluster of their own.
    #[must_use]
    pub fn makes_clusters(&self) -> bool {
        self.existing.is_none()
    }

    /// Gets what a node needs beside a control plane, minutes the first time, and returns what this machine lacks for one.
    ///
    /// # Errors
    ///
    /// What could not be built.
    pub async fn node_obstacle(&self) -> Result<Option<&str>> {
        let obstacle = self.known_node_obstacle.get_or_try_init(async || match LinuxNamespaces::obstacle() {
            None => missing_for_nodes(),
            obstacle => Ok(obstacle),
        });
        Ok(obstacle.await?.as_deref())
    }

    /// What this machine lacks for a node, if one was tried.
    #[must_use]
    pub fn known_node_obstacle(&self) -> Option<&str> {
        self.known_node_obstacle.get()?.as_deref()
    }

    /// How Ordinance is installed, unless a scenario wants it otherwise.
    ///
    /// # Errors
    ///
    /// That the program under test is not named, or what is wrong with the manifest.
    pub fn installation(&self) -> Result<Installation> {
        let binary = std::env::var_os(BINARY)
            .with_context(|| format!("{BINARY} names no program: run `cargo xtask e2e`"))?;
        let recording = self.recording.clone();
        Ok(Installation { recording, ..Installation::new(Path::new(&binary))? })
    }

    /// A cluster of a scenario's own, without Ordinance.
    ///
    /// # Errors
    ///
    /// Which part did not start, with the end of its log.
    pub async fn cluster(&self, options: &Options) -> Result<Cluster> {
        Cluster::start(&self.tools, options).await
    }

    /// A cluster of a scenario's own, with so many replicas of Ordinance.
    ///
    /// # Errors
    ///
    /// Which part did not start, with the end of its log.
    pub async fn installed(&self, replicas: usize) -> Result<(Cluster, Ordinance)> {
        let cluster = self.cluster(&Options::default()).await?;
        let installation = Installation { replicas, ..self.installation()? };
        let ordinance = Ordinance::install(&cluster, installation).await?;
        Ok((cluster, ordinance))
    }

    /// The cluster that scenarios share, with Ordinance. Whoever is first waits until it is there.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn shared(&self) -> Result<&Access> {
        let shared = self.shared.get_or_try_init(async || match &self.existing {
            Some(kubeconfig) => self.existing(kubeconfig).await,
            None => self.own().await,
        });
        Ok(match shared.await? {
            Shared::Own { cluster, .. } => cluster.access(),
            Shared::Existing(access) => access,
        })
    }

    async fn existing(&self, kubeconfig: &Path) -> Result<Shared> {
        Ok(Shared::Existing(Access::new(kubeconfig, self.tools.path(Tool::Kubectl)).await?))
    }

    async fn own(&self) -> Result<Shared> {
        let (cluster, ordinance) = self.installed(1).await?;
        Ok(Shared::Own { _ordinance: Box::new(ordinance), cluster: Box::new(cluster) })
    }
}

fn find(wanted: &[Tool]) -> Result<Tools, Error> {
    ordinance_tools::find(wanted, &mut |line| eprintln!("{line}"))
}

/// What nobody can build or fetch here; what fails to build is an error.
fn missing_for_nodes() -> Result<Option<String>> {
    match find(&Tool::NODE) {
        Ok(_) => Ok(None),
        Err(error @ (Error::NoGo { .. } | Error::Package { .. })) => Ok(Some(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
