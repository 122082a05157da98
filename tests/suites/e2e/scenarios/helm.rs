//! The chart with Helm's client: install, upgrade, rollback and uninstall, and that uninstalling leaves nothing behind.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use ordinance_cluster::{
    Cluster, ClusterAccess, ClusterOptions, CommandOutput, Helm, InstallManifest, Installation, Ordinance,
    StartMode, until,
};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters, foreign_kinds, mounts, nfs_volume};
use serde_json::Value;
use std::path::PathBuf;

/// The folder `deploy` of the checkout.
const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy");

/// The manifests that a user applies while Ordinance is installed, and again after it was removed.
const MANIFESTS: [&str; 4] = ["service.yaml", "web.yaml", "pv-repaired.yaml", "pv2-repaired.yaml"];

/// The name and the namespace of the release.
const RELEASE: &str = "ordinance --namespace=ordinance-system";

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("helm::installs_upgrades_rolls_back_and_uninstalls_cleanly", life_cycle),
        Scenario::with_own_clusters(
            "helm::the_api_server_accepts_the_chart_with_every_set_of_values",
            values,
        ),
    ]
}

/// The API server knows every field of the chart and compiles every match condition.
async fn values(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let (kubectl, helm) = (cluster.access().kubectl(), cluster.helm());
    kubectl.ok(&format!("apply --filename={DEPLOY}/namespace.yaml")).await?;
    foreign_kinds(kubectl).await?;
    let mut sets = 0;
    for entry in std::fs::read_dir(format!("{DEPLOY}/chart/ordinance/ci"))? {
        let path = entry?.path();
        let values = path.display();
        let line = format!("template {RELEASE} {DEPLOY}/chart/ordinance --values={values}");
        let rendered = helm.ok(&line).await?;
        let apply = "apply --dry-run=server --validate=strict --filename=-".split(' ');
        kubectl.run_with_input(apply, &rendered).await?.ok().with_context(|| values.to_string())?;
        sets += 1;
    }
    ensure!(sets > 5, "only {sets} sets of values");
    Ok(())
}

async fn life_cycle(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let (access, release) = (cluster.access(), Release::new(&cluster)?);
    access.kubectl().ok(&format!("apply --filename={DEPLOY}/namespace.yaml")).await?;
    release.deploy("install", "Warn").await?;
    let mut ordinance = start_replicas(clusters, &cluster, &release).await?;
    create(access, "first", &[]).await?.ok()?;
    warned(access).await?;
    reported(access).await?;
    release.deploy("upgrade", "Enforce").await?;
    ordinance.roll_out(&cluster, release.manifest().await?).await?;
    refused(access).await?;
    for (revision, refuses) in [(1, false), (2, true)] {
        release.helm.ok(&format!("rollback {RELEASE} {revision} --wait")).await?;
        ordinance.roll_out(&cluster, release.manifest().await?).await?;
        if refuses { refused(access).await? } else { warned(access).await? }
    }
    apply_manifests(access).await?;
    let manifest = release.text().await?;
    release.helm.ok(&format!("uninstall {RELEASE} --wait")).await?;
    drop(ordinance);
    nothing_is_left(access, &manifest).await?;
    apply_manifests(access).await
}

/// Starts two replicas, with the arguments of the release's Deployment.
async fn start_replicas(clusters: &TestClusters, cluster: &Cluster, release: &Release) -> Result<Ordinance> {
    let manifest = release.manifest().await?;
    let installation = clusters.installation()?;
    let installation = Installation { manifest, replicas: 2, start: StartMode::Container, ..installation };
    Ordinance::start(cluster, installation).await
}

async fn create(access: &ClusterAccess, name: &str, flags: &[&str]) -> Result<CommandOutput> {
    let volume = nfs_volume(name, "nas.example.com", "/srv/www").to_string();
    access.kubectl().run_with_input(["create", "--filename=-"].iter().chain(flags), &volume).await
}

/// Checks that a second volume on the directory is accepted with a warning.
async fn warned(access: &ClusterAccess) -> Result<()> {
    until("a warning about the second volume", STEP_TIMEOUT, async || {
        let ran = create(access, "second", &["--dry-run=server"]).await?;
        Ok((ran.success && ran.stderr.contains("shares nfs://nas.example.com/srv/www")).then_some(()))
    })
    .await
}

/// Checks that a second volume on the directory, which only `mode: Warn` accepts, gets an Event.
async fn reported(access: &ClusterAccess) -> Result<()> {
    create(access, "tolerated", &[]).await?.ok()?;
    until("an Event about the second volume", STEP_TIMEOUT, async || {
        let events = "get events --namespace=default --field-selector=reason=WouldDeny --output=json";
        let events: Value = serde_json::from_str(&access.kubectl().ok(events).await?)?;
        let Some(event) = events["items"].get(0) else { return Ok(None) };
        let (object, message) = (&event["involvedObject"], event["message"].as_str().unwrap_or_default());
        ensure!(object["kind"] == "PersistentVolume" && object["name"] == "tolerated", "{event}");
        ensure!(message.contains("shares nfs://nas.example.com/srv/www"), "{event}");
        Ok(Some(()))
    })
    .await?;
    access.kubectl().ok("delete persistentvolume tolerated").await.map(|_| ())
}

async fn refused(access: &ClusterAccess) -> Result<()> {
    let refusal = create(access, "second", &["--dry-run=server"]).await?.refusal()?;
    ensure!(refusal.contains("with PersistentVolume \"first\""), "{refusal}");
    Ok(())
}

/// Applies the user's manifests, and checks that the set keeps its isolation.
async fn apply_manifests(access: &ClusterAccess) -> Result<()> {
    for file in MANIFESTS {
        access.kubectl().ok(&format!("apply --filename={DEPLOY}/examples/founding-story/{file}")).await?;
    }
    access.kubectl().ok("rollout status statefulset/web --timeout=60s").await?;
    let sets: Api<StatefulSet> = Api::namespaced(access.client(), "default");
    let mounts = mounts(&sets.get("web").await?);
    ensure!(mounts == ["nginx:/usr/share/nginx/html=$(ORDINANCE_POD_NAME)"], "{mounts:?}");
    Ok(())
}

async fn nothing_is_left(access: &ClusterAccess, manifest: &str) -> Result<()> {
    let left = "get --ignore-not-found --output=name --filename=-".split(' ');
    let left = access.kubectl().run_with_input(left, manifest).await?.ok()?;
    ensure!(left.is_empty(), "{left}");
    until("the pods to be gone", STEP_TIMEOUT, async || {
        let all = access
            .kubectl()
            .ok("get all,secrets,configmaps --namespace=ordinance-system --output=name")
            .await?;
        Ok((all.trim() == "configmap/kube-root-ca.crt").then_some(()))
    })
    .await
}

/// A release of the chart with a certificate that the API server trusts.
struct Release {
    helm: Helm,
    values: PathBuf,
}

// === impl Release ===

impl Release {
    fn new(cluster: &Cluster) -> Result<Self> {
        let name = "ordinance.ordinance-system.svc";
        let pair = cluster.authority().server(name, &[name.to_owned()])?;
        let values = serde_json::json!({
            "certificates": {
                "mode": "secret",
                "caBundle": cluster.authority().certificate(),
                "secret": { "cert": pair.certificate, "key": pair.key },
            },
            "events": { "enabled": true },
            // A replica that is being stopped still answers for this time; the default is 15 s.
            "limits": { "drainDelay": "1s" },
        });
        let path = cluster.folder().join("values.json");
        std::fs::write(&path, values.to_string())?;
        Ok(Self { helm: cluster.helm(), values: path })
    }

    /// Installs or upgrades the release with a mode of the policy.
    async fn deploy(&self, verb: &str, mode: &str) -> Result<()> {
        let values = self.values.display();
        let flags = format!("--values={values} --set=policy.mode={mode} --wait");
        self.helm.ok(&format!("{verb} {RELEASE} {DEPLOY}/chart/ordinance {flags}")).await.map(|_| ())
    }

    /// Returns the manifests that the release has applied.
    async fn text(&self) -> Result<String> {
        self.helm.ok(&format!("get manifest {RELEASE}")).await
    }

    async fn manifest(&self) -> Result<InstallManifest> {
        InstallManifest::parse(&self.text().await?)
    }
}
