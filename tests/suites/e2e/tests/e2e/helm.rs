//! The chart by Helm's client: installed, upgraded, rolled back and uninstalled, and what is left then.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use ordinance_cluster::{
    Access, Cluster, CommandOutput, Helm, Installation, Manifest, Options, Ordinance, StartMode, until,
};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters, foreign_kinds, mounts, nfs_volume};
use std::path::PathBuf;

/// The folder `deploy` of this checkout.
const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy");

/// What a user applies while Ordinance is there, and again when it is gone.
const USED: [&str; 4] = ["service.yaml", "web.yaml", "pv-repaired.yaml", "pv2-repaired.yaml"];

/// Where the release is.
const RELEASE: &str = "ordinance --namespace=ordinance-system";

/// All of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("helm::installs_upgrades_rolls_back_and_uninstalls_cleanly", life),
        Scenario::with_own_clusters(
            "helm::the_api_server_accepts_the_chart_with_every_set_of_values",
            values,
        ),
    ]
}

/// No field that the API server does not know, and no condition that it does not compile.
async fn values(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&Options::default()).await?;
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

async fn life(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&Options::default()).await?;
    let (access, release) = (cluster.access(), Release::new(&cluster)?);
    access.kubectl().ok(&format!("apply --filename={DEPLOY}/namespace.yaml")).await?;
    release.set("install", "Warn").await?;
    let mut ordinance = stand(clusters, &cluster, &release).await?;
    create(access, "first", &[]).await?.ok()?;
    warned(access).await?;
    release.set("upgrade", "Enforce").await?;
    ordinance.roll_out(&cluster, release.manifest().await?).await?;
    refused(access).await?;
    for (revision, refuses) in [(1, false), (2, true)] {
        release.helm.ok(&format!("rollback {RELEASE} {revision} --wait")).await?;
        ordinance.roll_out(&cluster, release.manifest().await?).await?;
        if refuses { refused(access).await? } else { warned(access).await? }
    }
    use_it(access).await?;
    let manifest = release.text().await?;
    release.helm.ok(&format!("uninstall {RELEASE} --wait")).await?;
    drop(ordinance);
    nothing_is_left(access, &manifest).await?;
    use_it(access).await
}

/// Two replicas, as the container of the release's Deployment would run.
async fn stand(clusters: &TestClusters, cluster: &Cluster, release: &Release) -> Result<Ordinance> {
    let manifest = release.manifest().await?;
    let installation = clusters.installation()?;
    let installation = Installation { manifest, replicas: 2, start: StartMode::Container, ..installation };
    Ordinance::start(cluster, installation).await
}

async fn create(access: &Access, name: &str, flags: &[&str]) -> Result<CommandOutput> {
    let volume = nfs_volume(name, "nas.example.com", "/srv/www").to_string();
    access.kubectl().run_with_input(["create", "--filename=-"].iter().chain(flags), &volume).await
}

/// A second volume on the directory is let in, with a word about it.
async fn warned(access: &Access) -> Result<()> {
    until("the second volume to be warned of", STEP_TIMEOUT, async || {
        let ran = create(access, "second", &["--dry-run=server"]).await?;
        Ok((ran.success && ran.stderr.contains("shares nfs://nas.example.com/srv/www")).then_some(()))
    })
    .await
}

async fn refused(access: &Access) -> Result<()> {
    let refusal = create(access, "second", &["--dry-run=server"]).await?.refusal()?;
    ensure!(refusal.contains("with PersistentVolume \"first\""), "{refusal}");
    Ok(())
}

/// Applies what a user applies; the set has its directories, whoever applied it and when.
async fn use_it(access: &Access) -> Result<()> {
    for file in USED {
        access.kubectl().ok(&format!("apply --filename={DEPLOY}/examples/founding-story/{file}")).await?;
    }
    access.kubectl().ok("rollout status statefulset/web --timeout=60s").await?;
    let sets: Api<StatefulSet> = Api::namespaced(access.client(), "default");
    let mounts = mounts(&sets.get("web").await?);
    ensure!(mounts == ["nginx:/usr/share/nginx/html=$(ORDINANCE_POD_NAME)"], "{mounts:?}");
    Ok(())
}

async fn nothing_is_left(access: &Access, manifest: &str) -> Result<()> {
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

/// The chart, with a certificate that the API server trusts.
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
            // A replica that ends goes on answering for this time: 15 s without.
            "limits": { "drainDelay": "1s" },
        });
        let path = cluster.folder().join("values.json");
        std::fs::write(&path, values.to_string())?;
        Ok(Self { helm: cluster.helm(), values: path })
    }

    /// Installs or upgrades it, with a mode of the policy.
    async fn set(&self, verb: &str, mode: &str) -> Result<()> {
        let values = self.values.display();
        let flags = format!("--values={values} --set=policy.mode={mode} --wait");
        self.helm.ok(&format!("{verb} {RELEASE} {DEPLOY}/chart/ordinance {flags}")).await.map(|_| ())
    }

    /// What it has applied.
    async fn text(&self) -> Result<String> {
        self.helm.ok(&format!("get manifest {RELEASE}")).await
    }

    async fn manifest(&self) -> Result<Manifest> {
        Manifest::parse(&self.text().await?)
    }
}
