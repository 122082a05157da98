//! bash, as a person types into it, with the programs of a cluster on the path.

use crate::cluster::Cluster;
use crate::helm::homes;
use crate::program::{Ran, client};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// A shell in a folder.
pub struct Shell<'a> {
    cluster: &'a Cluster,
    folder: PathBuf,
}

// === impl Shell ===

impl<'a> Shell<'a> {
    /// For a cluster.
    #[must_use]
    pub fn new(cluster: &'a Cluster, folder: &Path) -> Self {
        Self { cluster, folder: folder.to_path_buf() }
    }

    /// Runs a script up to the first command that fails, and returns what it said.
    ///
    /// # Errors
    ///
    /// That it can't be run, or did not end within two minutes.
    pub async fn run(&self, script: &str) -> Result<Ran> {
        let kubeconfig = self.cluster.access().kubeconfig();
        let bash = client(Path::new("bash"), kubeconfig).inside(&self.folder);
        let bash = bash.env("PATH", self.cluster.tools().search_path());
        homes(bash, kubeconfig).call(["-euo", "pipefail", "-c", script], "").await
    }
}
