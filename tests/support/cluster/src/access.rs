//! Access to a cluster that runs here, or to an existing one.

use crate::kubectl::Kubectl;
use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::{Path, PathBuf};

/// kubectl and a Kubernetes client with an administrator's rights.
#[derive(Clone)]
pub struct ClusterAccess {
    kubeconfig: PathBuf,
    kubectl: Kubectl,
    client: Client,
}

// === impl ClusterAccess ===

impl ClusterAccess {
    /// Reads a kubeconfig. Sends no request yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is invalid.
    pub async fn new(kubeconfig: &Path, kubectl: &Path) -> Result<Self> {
        // A program that links several crypto providers must choose one. A second choice has no effect.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = Kubeconfig::read_from(kubeconfig).with_context(|| kubeconfig.display().to_string())?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        Ok(Self {
            kubeconfig: kubeconfig.to_path_buf(),
            kubectl: Kubectl::new(kubectl, kubeconfig),
            client: Client::try_from(config)?,
        })
    }

    /// The path of the kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// kubectl for this cluster.
    #[must_use]
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// A client for this cluster.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }
}
