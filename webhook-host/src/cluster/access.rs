//! How to get to an API server: as a pod of its cluster, or by a kubeconfig.

use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::Path;

/// Where the kubelet puts a pod's token.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The variable that the kubelet gives to each container.
const SERVICE: &str = "KUBERNETES_SERVICE_HOST";

/// A way to an API server.
#[derive(Clone, Debug)]
pub enum Access {
    /// By the service account of the pod that this process runs in.
    Pod,
    /// By a kubeconfig.
    Kubeconfig {
        /// Its content.
        kubeconfig: Box<Kubeconfig>,
        /// One of its contexts; none for its current one.
        context: Option<String>,
    },
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The kubeconfig can't be used.
    #[error("{0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// This process runs in no pod, or in one without a token.
    #[error("{0}")]
    Pod(#[from] kube::config::InClusterError),
}

// === impl Access ===

impl Access {
    /// Whether this process runs in a pod that may speak to its API server.
    pub fn is_pod() -> bool {
        std::env::var_os(SERVICE).is_some_and(|host| !host.is_empty()) && Path::new(TOKEN).exists()
    }

    /// What a client needs: where the server is, whom to trust, who to be. Tokens and CAs of a pod are read again as they
    /// change. A kubeconfig may run a command for its credentials.
    ///
    /// # Errors
    ///
    /// Why there is no such configuration.
    pub async fn config(&self) -> Result<kube::Config, AccessError> {
        match self {
            Self::Pod => Ok(kube::Config::incluster()?),
            Self::Kubeconfig { kubeconfig, context } => {
                let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
                Ok(kube::Config::from_custom_kubeconfig((**kubeconfig).clone(), &options).await?)
            }
        }
    }
}
