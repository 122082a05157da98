//! The objects of a cluster that a plan is made from.

use crate::cluster::ApiServerAccess;
use crate::config::{InputError, kubeconfig, kubeconfig_of, kubeconfig_problem};
use clap::Args;
use kube::Client;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::core::Request;
use ordinance_manifests::{Manifest, ManifestError, read};
use ordinance_migration::{Breadth, ListedKind};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The timeout of a request to the API server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The objects of one page of a list.
const PAGE: u32 = 500;

/// The code of an answer that the user may not read a list.
const FORBIDDEN: u16 = 403;

/// The cluster to read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct MigrateClusterArgs {
    /// A kubeconfig [default: the pod's service account, else $KUBECONFIG or ~/.kube/config]
    #[arg(long, value_name = "FILE", env = "ORDINANCE_KUBECONFIG", hide_env = true)]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig [default: the current context]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_CONTEXT", hide_env = true)]
    context: Option<String>,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

// === impl MigrateClusterArgs ===

impl MigrateClusterArgs {
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

    /// Reads the objects of the cluster.
    pub(super) fn objects(&self, namespace: &str) -> Result<Vec<Manifest>, InputError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| InputError::new("the cluster", error))?;
        runtime.block_on(async {
            let client = self.client().await?;
            let mut objects = Vec::new();
            for kind in ListedKind::ALL {
                objects.extend(objects_of(kind, &client, namespace).await?);
            }
            Ok(objects)
        })
    }

    async fn client(&self) -> Result<Client, InputError> {
        let mut api = self.access()?.config().await.map_err(|error| InputError::new("the cluster", error))?;
        api.connect_timeout = Some(REQUEST_TIMEOUT);
        api.read_timeout = Some(REQUEST_TIMEOUT);
        Client::try_from(api).map_err(|error| InputError::new("the cluster", error))
    }

    fn access(&self) -> Result<ApiServerAccess, InputError> {
        let place = |field| format!("--{field}");
        let context = self.context.as_deref();
        let read = match &self.kubeconfig {
            Some(file) => kubeconfig_of(file).map_err(|error| error.within(place("kubeconfig"))),
            None if ApiServerAccess::is_pod() => return Ok(ApiServerAccess::Pod),
            None => Kubeconfig::read().map_err(|error| {
                let remedy = "give --kubeconfig FILE, or manifests with --state FILE";
                InputError::new("the cluster", format_args!("{}; {remedy}", kubeconfig_problem(&error)))
            }),
        };
        kubeconfig(read?, context, place)
    }
}

/// Reads the objects of a kind.
async fn objects_of(kind: ListedKind, client: &Client, namespace: &str) -> Result<Vec<Manifest>, InputError> {
    let all = format!("/{}/{}", kind.group, kind.resource);
    let own = format!("/{}/namespaces/{namespace}/{}", kind.group, kind.resource);
    let listed = match kind.breadth {
        Breadth::Cluster => list(client, &all, namespace).await,
        Breadth::Own | Breadth::OwnIfAllowed => list(client, &own, namespace).await,
        Breadth::AllOrOwn => match list(client, &all, namespace).await {
            Err(error) if is_forbidden(&error) => list(client, &own, namespace).await,
            listed => listed,
        },
    };
    let place = format!("the cluster's {}", kind.resource);
    match listed {
        Err(error) if kind.breadth == Breadth::OwnIfAllowed && is_forbidden(&error) => Ok(Vec::new()),
        Err(error) => Err(InputError::new(&place, error)),
        Ok(objects) => {
            objects.into_iter().collect::<Result<_, _>>().map_err(|error| InputError::new(&place, error))
        }
    }
}

/// Returns the objects of all pages of a list.
async fn list(
    client: &Client,
    path: &str,
    namespace: &str,
) -> Result<Vec<Result<Manifest, ManifestError>>, kube::Error> {
    let mut objects = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let request = Request::new(path).list(&page).map_err(kube::Error::BuildRequest)?;
        let text = client.request_text(request).await?;
        let read_page: Page = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
        objects.extend(read(&text, namespace));
        match read_page.metadata.next.filter(|token| !token.is_empty()) {
            Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(objects),
        }
    }
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == FORBIDDEN)
}
