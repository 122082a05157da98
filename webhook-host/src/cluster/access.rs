//! How to reach an API server: as a pod of its cluster, or with a kubeconfig.

use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::Path;

/// Where the kubelet puts a pod's token.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The variable that the kubelet sets in each container.
const SERVICE: &str = "KUBERNETES_SERVICE_HOST";

/// Where the address and the credentials of an API server come from.
#[derive(Clone, Debug)]
pub enum ApiServerAccess {
    /// The service account of the pod that this process runs in.
    Pod,
    /// A kubeconfig.
    Kubeconfig {
        /// The content of the kubeconfig.
        kubeconfig: Box<Kubeconfig>,
        /// A context of the kubeconfig; `None` for its current context.
        context: Option<String>,
    },
}

/// Why an [`ApiServerAccess`] gives no client configuration.
#[derive(Debug, thiserror::Error)]
pub enum ApiServerAccessError {
    /// The kubeconfig can't be used.
    #[error("{0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// This process does not run in a pod, or the pod has no token.
    #[error("{0}")]
    Pod(#[from] kube::config::InClusterError),
}

// === impl ApiServerAccess ===

impl ApiServerAccess {
    /// Returns whether this process runs in a pod with a service account.
    pub fn is_pod() -> bool {
        std::env::var_os(SERVICE).is_some_and(|host| !host.is_empty()) && Path::new(TOKEN).exists()
    }

    /// Returns the configuration of a client: address, CA and credentials. A pod's token and CA are read again when they
    /// change. A kubeconfig may run a command to get its credentials.
    ///
    /// # Errors
    ///
    /// The pod's files or the kubeconfig can't be used.
    pub async fn config(&self) -> Result<kube::Config, ApiServerAccessError> {
        match self {
            Self::Pod => Ok(kube::Config::incluster()?),
            Self::Kubeconfig { kubeconfig, context } => {
                let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
                Ok(kube::Config::from_custom_kubeconfig((**kubeconfig).clone(), &options).await?)
            }
        }
    }
}
