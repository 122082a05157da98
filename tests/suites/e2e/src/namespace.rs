//! A namespace of a scenario's own, and what is often asked of it.

use crate::clusters::TestClusters;
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use ordinance_cluster::{Access, CommandOutput, Kubectl, until};
use serde_json::{Value, json};
use std::time::Duration;

/// How long controllers may take for a step.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a scenario is played.
pub struct TestNamespace {
    access: Access,
    namespace: String,
}

/// What shows whether a StatefulSet is rolled out anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Counts changes of the specification.
    pub generation: i64,
    /// The revision of the template that pods are to have.
    pub template: String,
}

// === impl TestNamespace ===

impl TestNamespace {
    /// Makes a namespace.
    pub(crate) async fn create(clusters: &TestClusters) -> Result<Self> {
        let access = clusters.shared().await?.clone();
        let namespaces: Api<Namespace> = Api::all(access.client());
        let namespace = serde_json::from_value(json!({ "metadata": { "generateName": "e2e-" } }))?;
        let namespace = namespaces.create(&PostParams::default(), &namespace).await?.name_any();
        Ok(Self { access, namespace })
    }

    /// Removes what the scenario left; on a cluster of the suite's own that happens with the cluster.
    pub(crate) async fn clean_up(&self, clusters: &TestClusters) -> Result<()> {
        if clusters.makes_clusters() {
            return Ok(());
        }
        let kubectl = self.access.kubectl();
        kubectl.ok(&format!("delete namespace {} --wait=false", self.namespace)).await?;
        let owned = format!("delete persistentvolumes,storageclasses --selector=e2e={}", self.namespace);
        kubectl.ok(&owned).await.map(|_| ())
    }

    /// The namespace. Objects of the cluster begin their names with it, and have the label `e2e` with it.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Ways to talk to the cluster.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// A client.
    #[must_use]
    pub fn client(&self) -> Client {
        self.access.client()
    }

    /// kubectl for all namespaces.
    #[must_use]
    pub fn cluster(&self) -> &Kubectl {
        self.access.kubectl()
    }

    /// kubectl in the namespace, with arguments in one line.
    ///
    /// # Errors
    ///
    /// That it failed, and what it said.
    pub async fn kubectl(&self, line: &str) -> Result<String> {
        self.cluster().ok(&format!("--namespace={} {line}", self.namespace)).await
    }

    /// kubectl in the namespace, with something on its standard input; it may fail.
    ///
    /// # Errors
    ///
    /// That it can't be run.
    pub async fn run_with_input(&self, line: &str, input: &str) -> Result<CommandOutput> {
        let namespace = format!("--namespace={}", self.namespace);
        self.cluster()
            .run_with_input(std::iter::once(namespace.as_str()).chain(line.split_whitespace()), input)
            .await
    }

    /// `kubectl apply` in the namespace.
    ///
    /// # Errors
    ///
    /// That it failed, and what it said.
    pub async fn apply(&self, manifests: &str) -> Result<String> {
        self.run_with_input("apply --filename=-", manifests).await?.ok()
    }

    /// The manifest of a PersistentVolume on a server of the scenario's own, which nobody calls.
    #[must_use]
    pub fn volume(&self, name: &str, path: &str) -> String {
        let namespace = &self.namespace;
        let server = format!("{namespace}.example.com");
        let mut volume = nfs_volume(&format!("{namespace}-{name}"), &server, path);
        volume["metadata"]["labels"] = json!({ "e2e": namespace });
        volume["spec"]["storageClassName"] = json!(namespace);
        volume.to_string()
    }

    /// Makes volumes with a directory each, of the class that is named as the namespace.
    ///
    /// # Errors
    ///
    /// That one was refused, and why.
    pub async fn volumes(&self, count: usize) -> Result<()> {
        for index in 0..count {
            self.apply(&self.volume(&format!("pv-{index}"), &format!("/srv/{index}"))).await?;
        }
        Ok(())
    }

    /// A StatefulSet as it is stored.
    ///
    /// # Errors
    ///
    /// That there is none.
    pub async fn set_of(&self, name: &str) -> Result<StatefulSet> {
        let sets: Api<StatefulSet> = Api::namespaced(self.client(), &self.namespace);
        sets.get(name).await.with_context(|| format!("StatefulSet {name}"))
    }

    /// The revision of a StatefulSet, once its controller has seen what is stored.
    ///
    /// # Errors
    ///
    /// That the controller did not see it in time.
    pub async fn revision(&self, name: &str) -> Result<Revision> {
        until(&format!("the controller to see {name}"), STEP_TIMEOUT, async || {
            Ok(revision(&self.set_of(name).await?))
        })
        .await
    }

    /// Waits until all pods of a StatefulSet have its last revision and are ready.
    ///
    /// # Errors
    ///
    /// That they are not, in time.
    pub async fn rolled_out(&self, name: &str) -> Result<()> {
        let line = format!("rollout status statefulset/{name} --timeout={}s", STEP_TIMEOUT.as_secs());
        self.kubectl(&line).await.map(|_| ())
    }
}

/// The manifest of a PersistentVolume on an export, which nobody calls.
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

/// The manifest of a StatefulSet whose replicas share an export that nobody calls.
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

/// `kubectl apply` of one object.
///
/// # Errors
///
/// That it failed, and what it said.
pub async fn apply(kubectl: &Kubectl, object: &Value) -> Result<()> {
    kubectl.apply(&object.to_string()).await?.ok().map(|_| ())
}

/// Kinds of cert-manager and the Prometheus Operator, which the chart makes objects of.
const FOREIGN: &str = include_str!("foreign-kinds.yaml");

/// Makes the API server know the kinds of other operators that the chart makes objects of.
///
/// # Errors
///
/// What kubectl said.
pub async fn foreign_kinds(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(FOREIGN).await?.ok()?;
    kubectl.ok("wait crd --all --for=condition=Established --timeout=60s").await.map(|_| ())
}

fn revision(set: &StatefulSet) -> Option<Revision> {
    let (status, generation) = (set.status.as_ref()?, set.metadata.generation?);
    let seen = status.observed_generation == Some(generation);
    seen.then(|| Some(Revision { generation, template: status.update_revision.clone()? })).flatten()
}
