//! The cluster that `audit` and `migrate` read.

use crate::cluster::{ApiServerAccess, ListPages};
use crate::config::{InputError, kubeconfig, kubeconfig_of, kubeconfig_problem};
use clap::Args;
use kube::Client;
use kube::config::Kubeconfig;
use std::path::PathBuf;
use std::time::Duration;

/// The timeout of a request to the API server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The cluster to read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ReadClusterArgs {
    /// A kubeconfig [default: the pod's service account, else $KUBECONFIG or ~/.kube/config]
    #[arg(long, value_name = "FILE", env = "ORDINANCE_KUBECONFIG", hide_env = true)]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig [default: the current context]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_CONTEXT", hide_env = true)]
    context: Option<String>,
}

// === impl ReadClusterArgs ===

impl ReadClusterArgs {
    /// Returns whether a flag names a cluster.
    pub(super) const fn is_given(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }

    /// Returns the flags with which kubectl reaches the same cluster.
    pub(super) fn kubectl_flags(&self) -> Vec<String> {
        let kubeconfig = self.kubeconfig.iter().map(|file| format!("--kubeconfig={}", file.display()));
        let context = self.context.iter().map(|context| format!("--context={context}"));
        kubeconfig.chain(context).collect()
    }

    /// Runs `read` with a client of the cluster. `manifests` says how to give manifests instead, for the error of a missing
    /// kubeconfig.
    pub(super) fn read<T>(
        &self,
        manifests: &str,
        read: impl AsyncFnOnce(&Client) -> Result<T, InputError>,
    ) -> Result<T, InputError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| InputError::new("the cluster", error))?;
        runtime.block_on(async { read(&self.client(manifests).await?).await })
    }

    async fn client(&self, manifests: &str) -> Result<Client, InputError> {
        let config = self.access(manifests)?.config().await;
        let mut api = config.map_err(|error| InputError::new("the cluster", error))?;
        api.connect_timeout = Some(REQUEST_TIMEOUT);
        api.read_timeout = Some(REQUEST_TIMEOUT);
        Client::try_from(api).map_err(|error| InputError::new("the cluster", error))
    }

    fn access(&self, manifests: &str) -> Result<ApiServerAccess, InputError> {
        let place = |field| format!("--{field}");
        let context = self.context.as_deref();
        let read = match &self.kubeconfig {
            Some(file) => kubeconfig_of(file).map_err(|error| error.within(place("kubeconfig"))),
            None if ApiServerAccess::is_pod() => return Ok(ApiServerAccess::Pod),
            None => Kubeconfig::read().map_err(|error| {
                let remedy = format!("give --kubeconfig FILE, or {manifests}");
                InputError::new("the cluster", format_args!("{}; {remedy}", kubeconfig_problem(&error)))
            }),
        };
        kubeconfig(read?, context, place)
    }
}

/// Passes the JSON of each page of a list to `use_page`.
///
/// # Errors
///
/// The API server does not return a page, or not as JSON.
pub(super) async fn list(
    client: &Client,
    path: &str,
    mut use_page: impl FnMut(&str),
) -> Result<(), kube::Error> {
    let mut pages = ListPages::new(path.to_owned());
    while let Some(page) = pages.next(client).await? {
        use_page(&page);
    }
    Ok(())
}
