//! The founding story, by kubectl, with the manifests of `deploy/examples/founding-story` as they are.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Api, ResourceExt};
use ordinance_cluster::{Ran, until};
use ordinance_e2e::{PATIENCE, Place, Scenario, Stage, mounts, variables};

/// Where the manifests are.
pub const STORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/examples/founding-story");

/// Where the manifests put the set.
const NAMESPACE: &str = "default";

/// The expression of its mount.
const POD_NAME: &str = "$(ORDINANCE_POD_NAME)";

/// What kubectl says of the second volume, in one line.
pub const REFUSAL: &str = "denied the request: PersistentVolume \"pv2\" shares nfs://10.0.0.5/srv/www with PersistentVolume \
                       \"pv\": two volumes on one directory overwrite each other's files.";

/// All of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::shared("story::each_ordinal_finds_its_own_page_whatever_happens", founding_story)]
}

async fn founding_story(stage: &Stage) -> Result<()> {
    the_second_volume_is_refused(stage).await?;
    the_set_is_isolated(stage).await?;
    pods_come_in_order_as_repaired_volumes_bind(stage).await?;
    let places = places(stage).await?;
    ensure!(places == [place("web-0", "pv"), place("web-1", "pv2")], "{places:?}");
    deleted_pods_come_back_to_their_places(stage, &places).await?;
    a_set_created_again_finds_its_places(stage, &places).await?;
    orphans_are_adopted_in_their_places(stage, &places).await?;
    leave(stage).await
}

async fn the_second_volume_is_refused(stage: &Stage) -> Result<()> {
    create(stage, "pv.yaml").await?.ok()?;
    let refusal = create(stage, "pv2-mistake.yaml").await?.refused()?;
    ensure!(refusal.starts_with("Error from server (Forbidden): ") && refusal.contains(REFUSAL), "{refusal}");
    ensure!(refusal.lines().count() == 1, "more than a line: {refusal}");
    stage.cluster().ok("delete persistentvolume pv").await.map(|_| ())
}

async fn the_set_is_isolated(stage: &Stage) -> Result<()> {
    create(stage, "service.yaml").await?.ok()?;
    let created = create(stage, "web.yaml").await?;
    ensure!(created.stderr.contains("Warning: ") && created.stderr.contains("web-pvc"), "{}", created.stderr);
    created.ok()?;
    let set = sets(stage).get("web").await?;
    ensure!(mounts(&set) == [format!("nginx:/usr/share/nginx/html={POD_NAME}")], "{:?}", mounts(&set));
    ensure!(variables(&set) == ["ORDINANCE_POD_NAME=metadata.name"], "{:?}", variables(&set));
    Ok(())
}

async fn pods_come_in_order_as_repaired_volumes_bind(stage: &Stage) -> Result<()> {
    pod(stage, "web-0").await?;
    ensure!(pods(stage).get_opt("web-1").await?.is_none(), "web-1 came before web-0 was ready");
    create(stage, "pv-repaired.yaml").await?.ok()?;
    ready(stage, "web-0").await?;
    pod(stage, "web-1").await?;
    create(stage, "pv2-repaired.yaml").await?.ok()?;
    ready(stage, "web-1").await?;
    for claim in ["web-pvc-web-0", "web-pvc-web-1"] {
        let marked = claims(stage).get(claim).await?;
        let mark = marked.annotations().get("ordinance.dev/sub-path");
        ensure!(mark.is_some_and(|mark| mark == POD_NAME), "{claim} is marked {mark:?}");
    }
    Ok(())
}

async fn deleted_pods_come_back_to_their_places(stage: &Stage, places: &[Place]) -> Result<()> {
    let before = uids(stage).await?;
    stage.cluster().ok("delete pods web-0 web-1").await?;
    rolled_out(stage).await?;
    ensure!(uids(stage).await?.iter().all(|uid| !before.contains(uid)), "the pods are the same");
    stay(stage, places).await
}

async fn a_set_created_again_finds_its_places(stage: &Stage, places: &[Place]) -> Result<()> {
    stage.cluster().ok("delete statefulset web --cascade=foreground").await?;
    ensure!(pods(stage).get_opt("web-0").await?.is_none(), "web-0 outlived its set");
    create(stage, "web.yaml").await?.ok()?;
    rolled_out(stage).await?;
    stay(stage, places).await
}

async fn orphans_are_adopted_in_their_places(stage: &Stage, places: &[Place]) -> Result<()> {
    let before = uids(stage).await?;
    stage.cluster().ok("delete statefulset web --cascade=orphan").await?;
    create(stage, "web.yaml").await?.ok()?;
    rolled_out(stage).await?;
    ensure!(uids(stage).await? == before, "the pods are others");
    stay(stage, places).await
}

/// Others may play in the namespace afterwards.
async fn leave(stage: &Stage) -> Result<()> {
    stage.cluster().ok("delete statefulset/web service/nginx").await?;
    stage.cluster().ok("delete persistentvolumeclaims web-pvc-web-0 web-pvc-web-1").await?;
    stage.cluster().ok("delete persistentvolumes pv pv2").await.map(|_| ())
}

// === What the story asks ===

async fn create(stage: &Stage, file: &str) -> Result<Ran> {
    stage.cluster().run(["create", "--filename", &format!("{STORY}/{file}")]).await
}

async fn ready(stage: &Stage, pod: &str) -> Result<()> {
    stage.cluster().ok(&format!("wait pod/{pod} --for=condition=Ready --timeout=60s")).await.map(|_| ())
}

async fn rolled_out(stage: &Stage) -> Result<()> {
    stage.cluster().ok("rollout status statefulset/web --timeout=60s").await.map(|_| ())
}

/// A pod, once its controller made it.
async fn pod(stage: &Stage, name: &str) -> Result<Pod> {
    until(name, PATIENCE, async || Ok(pods(stage).get_opt(name).await?)).await
}

async fn uids(stage: &Stage) -> Result<Vec<String>> {
    let both = [pod(stage, "web-0").await?, pod(stage, "web-1").await?];
    both.iter().map(|pod| pod.uid().context("a pod without a uid")).collect()
}

async fn places(stage: &Stage) -> Result<Vec<Place>> {
    Ok([stage.places(NAMESPACE, "web-0").await?, stage.places(NAMESPACE, "web-1").await?].concat())
}

/// The set still says the same, and each pod is where it was.
async fn stay(stage: &Stage, places: &[Place]) -> Result<()> {
    let set = sets(stage).get("web").await?;
    ensure!(mounts(&set) == [format!("nginx:/usr/share/nginx/html={POD_NAME}")], "{:?}", mounts(&set));
    let now = self::places(stage).await?;
    ensure!(now == places, "{now:?}, and it was {places:?}");
    Ok(())
}

fn place(pod: &str, volume: &str) -> Place {
    Place { pod: pod.to_owned(), volume: volume.to_owned(), folder: pod.to_owned() }
}

fn sets(stage: &Stage) -> Api<StatefulSet> {
    Api::namespaced(stage.client(), NAMESPACE)
}

fn pods(stage: &Stage) -> Api<Pod> {
    Api::namespaced(stage.client(), NAMESPACE)
}

fn claims(stage: &Stage) -> Api<PersistentVolumeClaim> {
    Api::namespaced(stage.client(), NAMESPACE)
}
