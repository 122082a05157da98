//! A Kubernetes namespace for one scenario, and the steps that scenarios share.

use crate::clusters::TestClusters;
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use ordinance_cluster::{ClusterAccess, CommandOutput, Kubectl, until};
use serde_json::{Value, json};
use std::time::Duration;

/// How long controllers may take for one step.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// A namespace on the shared cluster.
pub struct TestNamespace {
    access: ClusterAccess,
    namespace: String,
}

/// What changes when a StatefulSet is rolled out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// `metadata.generation`, which counts the changes of the specification.
    pub generation: i64,
    /// `status.updateRevision`, the revision of the template that the pods should have.
    pub template: String,
}

// === impl TestNamespace ===

impl TestNamespace {
    /// Creates a namespace with a generated name.
    pub(crate) async fn create(clusters: &TestClusters) -> Result<Self> {
        let access = clusters.shared().await?.clone();
        let namespaces: Api<Namespace> = Api::all(access.client());
        let namespace = serde_json::from_value(json!({ "metadata": { "generateName": "e2e-" } }))?;
        let namespace = namespaces.create(&PostParams::default(), &namespace).await?.name_any();
        Ok(Self { access, namespace })
    }

    /// Deletes the scenario's objects on an existing cluster. A cluster of this process is deleted as a whole.
    pub(crate) async fn clean_up(&self, clusters: &TestClusters) -> Result<()> {
        if clusters.makes_clusters() {
            return Ok(());
        }
        let kubectl = self.access.kubectl();
        kubectl.ok(&format!("delete namespace {} --wait=false", self.namespace)).await?;
        let owned = format!("delete persistentvolumes,storageclasses --selector=e2e={}", self.namespace);
        kubectl.ok(&owned).await.map(|_| ())
    }

    /// The name of the namespace. Cluster-wide objects of the scenario have names with this prefix, and it as label
    /// `e2e`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Access to the cluster as an administrator.
    #[must_use]
    pub fn access(&self) -> &ClusterAccess {
        &self.access
    }

    /// A Kubernetes client.
    #[must_use]
    pub fn client(&self) -> Client {
        self.access.client()
    }

    /// kubectl without a namespace.
    #[must_use]
    pub fn cluster(&self) -> &Kubectl {
        self.access.kubectl()
    }

    /// Runs kubectl in the namespace, with arguments that are separated by spaces, and returns its output.
    ///
    /// # Errors
    ///
    /// Returns an error with kubectl's output if it failed.
    pub async fn kubectl(&self, line: &str) -> Result<String> {
        self.cluster().ok(&format!("--namespace={} {line}", self.namespace)).await
    }

    /// Runs kubectl in the namespace with a standard input. The command may fail.
    ///
    /// # Errors
    ///
    /// Returns an error if kubectl can't be run.
    pub async fn run_with_input(&self, line: &str, input: &str) -> Result<CommandOutput> {
        let namespace = format!("--namespace={}", self.namespace);
        self.cluster()
            .run_with_input(std::iter::once(namespace.as_str()).chain(line.split_whitespace()), input)
            .await
    }

    /// Runs `kubectl apply` in the namespace.
    ///
    /// # Errors
    ///
    /// Returns an error with kubectl's output if it failed.
    pub async fn apply(&self, manifests: &str) -> Result<String> {
        self.run_with_input("apply --filename=-", manifests).await?.ok()
    }

    /// Returns the manifest of a PersistentVolume. Its NFS server exists in no scenario but this one, and is never
    /// contacted.
    #[must_use]
    pub fn volume(&self, name: &str, path: &str) -> String {
        let namespace = &self.namespace;
        let server = format!("{namespace}.example.com");
        let mut volume = nfs_volume(&format!("{namespace}-{name}"), &server, path);
        volume["metadata"]["labels"] = json!({ "e2e": namespace });
        volume["spec"]["storageClassName"] = json!(namespace);
        volume.to_string()
    }

    /// Creates volumes with one directory each. Their storage class has the name of the namespace.
    ///
    /// # Errors
    ///
    /// Returns an error if one is refused.
    pub async fn volumes(&self, count: usize) -> Result<()> {
        for index in 0..count {
            self.apply(&self.volume(&format!("pv-{index}"), &format!("/srv/{index}"))).await?;
        }
        Ok(())
    }

    /// Returns the stored StatefulSet.
    ///
    /// # Errors
    ///
    /// Returns an error if there is none.
    pub async fn set_of(&self, name: &str) -> Result<StatefulSet> {
        let sets: Api<StatefulSet> = Api::namespaced(self.client(), &self.namespace);
        sets.get(name).await.with_context(|| format!("StatefulSet {name}"))
    }

    /// Waits until the controller has observed the stored StatefulSet, and returns its revision.
    ///
    /// # Errors
    ///
    /// Returns an error if the controller takes too long.
    pub async fn revision(&self, name: &str) -> Result<Revision> {
        until(&format!("the controller to see {name}"), STEP_TIMEOUT, async || {
            Ok(revision(&self.set_of(name).await?))
        })
        .await
    }

    /// Waits until all pods of a StatefulSet have its latest revision and are ready.
    ///
    /// # Errors
    ///
    /// Returns an error if they take too long.
    pub async fn rolled_out(&self, name: &str) -> Result<()> {
        let line = format!("rollout status statefulset/{name} --timeout={}s", STEP_TIMEOUT.as_secs());
        self.kubectl(&line).await.map(|_| ())
    }
}

/// Returns the manifest of a PersistentVolume on an NFS export. No pod mounts it, so the server need not exist.
#[must_use]
pub fn nfs_volume(name: &str, server: &str, path: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": { "name": name },
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "capacity": { "storage": "1Gi" },
            "persistentVolumeReclaimPolicy": "Retain",
            "nfs": { "server": server, "path": path },
        },
    })
}

/// Returns the manifest of a StatefulSet whose replicas share an NFS export. No node runs its pods.
#[must_use]
pub fn nfs_set(namespace: &str, name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "serviceName": name,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": {
                    "containers": [{
                        "name": "main",
                        "image": "registry.k8s.io/pause:3.10",
                        "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
                    }],
                    "volumes": [{
                        "name": "data",
                        "nfs": { "server": "nas.example.com", "path": format!("/srv/{namespace}-{name}") },
                    }],
                },
            },
        },
    })
}

/// Runs `kubectl apply` with one object.
///
/// # Errors
///
/// Returns an error with kubectl's output if it failed.
pub async fn apply(kubectl: &Kubectl, object: &Value) -> Result<()> {
    kubectl.apply(&object.to_string()).await?.ok().map(|_| ())
}

/// Custom resource definitions of cert-manager and the Prometheus Operator, for objects of the chart.
const FOREIGN: &str = include_str!("foreign-kinds.yaml");

/// Installs the custom resource definitions of other operators that the chart needs.
///
/// # Errors
///
/// Returns an error with kubectl's output if it failed.
pub async fn foreign_kinds(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(FOREIGN).await?.ok()?;
    kubectl.ok("wait crd --all --for=condition=Established --timeout=60s").await.map(|_| ())
}

fn revision(set: &StatefulSet) -> Option<Revision> {
    let (status, generation) = (set.status.as_ref()?, set.metadata.generation?);
    let seen = status.observed_generation == Some(generation);
    seen.then(|| Some(Revision { generation, template: status.update_revision.clone()? })).flatten()
}
