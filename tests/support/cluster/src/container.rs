//! Runs the Deployment's container as a process on this machine: returns its arguments, and writes the files that it
//! mounts into the workspace.

use crate::cluster::Cluster;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PodSpec, Secret, Volume};
use kube::{Api, Client};
use std::collections::BTreeMap;

/// A mounted folder and its files.
struct MountedFolder {
    path: String,
    files: BTreeMap<String, String>,
}

/// Returns the arguments after `serve` of the Deployment's only container.
pub async fn arguments(cluster: &Cluster, deployment: &Deployment) -> Result<Vec<String>> {
    let pod = deployment.spec.template.spec.as_ref().context("a Deployment without pods")?;
    let namespace = deployment.metadata.namespace.as_deref().context("a Deployment without a namespace")?;
    let mounted = mounted(cluster.access().client(), namespace, pod).await?;
    write(cluster.workspace(), &mounted)?;
    let arguments = pod.containers.first().and_then(|container| container.args.as_deref());
    let (first, rest) = arguments.and_then(<[_]>::split_first).context("a container without arguments")?;
    ensure!(first == "serve", "the container does not serve: {first}");
    Ok(rest.iter().map(|argument| relocate(cluster.workspace(), &mounted, argument)).collect())
}

/// Returns the folders that the pod's first container mounts.
async fn mounted(client: Client, namespace: &str, pod: &PodSpec) -> Result<Vec<MountedFolder>> {
    let mut mounted = Vec::new();
    let container = pod.containers.first().context("a pod without containers")?;
    for mount in container.volume_mounts.iter().flatten() {
        let volume = pod.volumes.iter().flatten().find(|volume| volume.name == mount.name);
        let files = files(client.clone(), namespace, volume.context("a mount without a volume")?).await?;
        mounted.push(MountedFolder { path: mount.mount_path.clone(), files });
    }
    Ok(mounted)
}

/// Returns the files of a ConfigMap or Secret volume.
async fn files(client: Client, namespace: &str, volume: &Volume) -> Result<BTreeMap<String, String>> {
    if let Some(name) = volume.config_map.as_ref().map(|source| &source.name) {
        let maps: Api<ConfigMap> = Api::namespaced(client, namespace);
        return Ok(maps.get(name).await?.data.unwrap_or_default());
    }
    let secret = volume.secret.as_ref().and_then(|source| source.secret_name.as_ref());
    let name =
        secret.with_context(|| format!("volume {} is neither a ConfigMap nor a Secret", volume.name))?;
    let secrets: Api<Secret> = Api::namespaced(client, namespace);
    let data = secrets.get(name).await?.data.unwrap_or_default();
    data.into_iter().map(|(file, text)| Ok((file, String::from_utf8(text.0)?))).collect()
}

fn write(workspace: &Workspace, mounted: &[MountedFolder]) -> Result<()> {
    for MountedFolder { path, files } in mounted {
        for (file, text) in files {
            let path = format!("{}/{file}", path.trim_start_matches('/'));
            workspace.write(&path, &relocate(workspace, mounted, text))?;
        }
    }
    Ok(())
}

/// Replaces the container's mount paths in a text by their folders in the workspace.
fn relocate(workspace: &Workspace, mounted: &[MountedFolder], text: &str) -> String {
    mounted.iter().fold(text.to_owned(), |text, MountedFolder { path, .. }| {
        text.replace(path.as_str(), &workspace.path(path.trim_start_matches('/')).display().to_string())
    })
}
