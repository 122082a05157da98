//! Short descriptions of stored objects, so that scenarios can compare whole lists.

use crate::namespace::TestNamespace;
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Container, EnvVar, PersistentVolumeClaim, Pod, PodSpec, VolumeMount};
use kube::Api;

/// The place of a pod's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The pod's name.
    pub pod: String,
    /// The name of the PersistentVolume.
    pub volume: String,
    /// The folder in the volume; empty for its root.
    pub folder: String,
}

/// Returns the mounts of a set as `container:path=sub-path`, where the sub-path is an expression if there is one.
#[must_use]
pub fn mounts(set: &StatefulSet) -> Vec<String> {
    let text = |container: &Container, mount: &VolumeMount| {
        let folder = mount.sub_path_expr.as_deref().or(mount.sub_path.as_deref()).unwrap_or_default();
        format!("{}:{}={folder}", container.name, mount.mount_path)
    };
    let mounts = |container: &Container| -> Vec<String> {
        container.volume_mounts.iter().flatten().map(|mount| text(container, mount)).collect()
    };
    containers(set).flat_map(mounts).collect()
}

/// Returns the variables of a set's containers as `name=value`, or as `name=path` for a field reference.
#[must_use]
pub fn variables(set: &StatefulSet) -> Vec<String> {
    let text = |variable: &EnvVar| {
        let field = variable.value_from.as_ref().and_then(|from| from.field_ref.as_ref());
        let value = field.map(|field| field.field_path.as_str()).or(variable.value.as_deref());
        format!("{}={}", variable.name, value.unwrap_or_default())
    };
    containers(set).flat_map(|container| container.env.iter().flatten()).map(text).collect()
}

fn containers(set: &StatefulSet) -> impl Iterator<Item = &Container> {
    set.spec.template.spec.iter().flat_map(|pod| &pod.containers)
}

impl TestNamespace {
    /// Returns the places of a pod's claims: the volumes that they are bound to, and the expanded sub-paths of the
    /// mounts.
    ///
    /// # Errors
    ///
    /// Returns an error if the pod or a claim does not exist, or if a claim is not bound.
    pub async fn placements(&self, namespace: &str, pod: &str) -> Result<Vec<Placement>> {
        let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client(), namespace);
        let spec = pods.get(pod).await?.spec.context("a pod without a specification")?;
        let mut placements = Vec::new();
        for (claim, folder) in claimed(&spec, pod) {
            let bound = claims.get(&claim).await?.spec.and_then(|spec| spec.volume_name);
            let volume = bound.with_context(|| format!("claim {claim} is not bound"))?;
            placements.push(Placement { pod: pod.to_owned(), volume, folder });
        }
        Ok(placements)
    }
}

/// Returns the claims that a pod mounts, each with the folder that the mount shows.
fn claimed(spec: &PodSpec, pod: &str) -> Vec<(String, String)> {
    let mounts = spec.containers.iter().flat_map(|container| container.volume_mounts.iter().flatten());
    let claim = |mount: &VolumeMount| {
        let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name)?;
        let claim = volume.persistent_volume_claim.as_ref()?.claim_name.clone();
        let folder = mount.sub_path_expr.as_deref().or(mount.sub_path.as_deref()).unwrap_or_default();
        Some((claim, folder.replace("$(ORDINANCE_POD_NAME)", pod)))
    };
    mounts.filter_map(claim).collect()
}
