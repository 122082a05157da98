//! Scripts in bash, with the programs of a cluster on the PATH.

use crate::client_command::{CommandOutput, client_command};
use crate::cluster::Cluster;
use crate::helm::homes;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// bash in a folder.
pub struct Shell<'a> {
    cluster: &'a Cluster,
    folder: PathBuf,
}

// === impl Shell ===

impl<'a> Shell<'a> {
    /// Returns a shell for a cluster.
    #[must_use]
    pub fn new(cluster: &'a Cluster, folder: &Path) -> Self {
        Self { cluster, folder: folder.to_path_buf() }
    }

    /// Runs a script up to the first command that fails, and returns its output.
    ///
    /// # Errors
    ///
    /// Returns an error if bash can't be run, or does not end within two minutes.
    pub async fn run(&self, script: &str) -> Result<CommandOutput> {
        let kubeconfig = self.cluster.access().kubeconfig();
        let bash = client_command(Path::new("bash"), kubeconfig).in_folder(&self.folder);
        let bash = bash.env("PATH", self.cluster.tools().search_path());
        homes(bash, kubeconfig).run(["-euo", "pipefail", "-c", script], "").await
    }
}
