//! The objects of a cluster that a plan is made from.

use crate::command::cluster_args::{ReadClusterArgs, list};
use crate::config::InputError;
use kube::Client;
use ordinance_manifests::{Manifest, ManifestError, read};
use ordinance_migration::{Breadth, ListedKind};

/// The code of an answer that the user may not read a list.
const FORBIDDEN: u16 = 403;

/// Reads the objects of the cluster.
pub(super) fn objects(cluster: &ReadClusterArgs, namespace: &str) -> Result<Vec<Manifest>, InputError> {
    cluster.read("manifests with --state FILE", async |client: &Client| {
        let mut objects = Vec::new();
        for kind in ListedKind::ALL {
            objects.extend(objects_of(kind, client, namespace).await?);
        }
        Ok(objects)
    })
}

/// Reads the objects of a kind.
async fn objects_of(kind: ListedKind, client: &Client, namespace: &str) -> Result<Vec<Manifest>, InputError> {
    let all = format!("/{}/{}", kind.group, kind.resource);
    let own = format!("/{}/namespaces/{namespace}/{}", kind.group, kind.resource);
    let listed = match kind.breadth {
        Breadth::Cluster => listed(client, &all, namespace).await,
        Breadth::Own | Breadth::OwnIfAllowed => listed(client, &own, namespace).await,
        Breadth::AllOrOwn => match listed(client, &all, namespace).await {
            Err(error) if is_forbidden(&error) => listed(client, &own, namespace).await,
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
async fn listed(
    client: &Client,
    path: &str,
    namespace: &str,
) -> Result<Vec<Result<Manifest, ManifestError>>, kube::Error> {
    let mut objects = Vec::new();
    list(client, path, |page| objects.extend(read(page, namespace))).await?;
    Ok(objects)
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == FORBIDDEN)
}
