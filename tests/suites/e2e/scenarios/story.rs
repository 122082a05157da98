//! The founding story with kubectl and the unchanged manifests of `deploy/examples/founding-story`.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Api, ResourceExt};
use ordinance_cluster::{CommandOutput, until};
use ordinance_e2e::{Placement, STEP_TIMEOUT, Scenario, TestNamespace, mounts, variables};

/// The folder of the manifests.
pub const STORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/examples/founding-story");

/// The namespace that the manifests use.
const NAMESPACE: &str = "default";

/// The sub-path expression of the set's mount.
const POD_NAME: &str = "$(ORDINANCE_POD_NAME)";

/// The message that kubectl shows for the second volume, in one line.
pub const REFUSAL: &str = "denied the request: PersistentVolume \"pv2\" shares nfs://10.0.0.5/srv/www with PersistentVolume \
                       \"pv\": two volumes on one directory overwrite each other's files.";

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::in_shared_cluster("story::each_ordinal_returns_to_its_own_files", founding_story)]
}

async fn founding_story(test: &TestNamespace) -> Result<()> {
    the_second_volume_is_refused(test).await?;
    the_set_is_isolated(test).await?;
    pods_come_in_order_as_repaired_volumes_bind(test).await?;
    let placements = placements(test).await?;
    ensure!(placements == [place("web-0", "pv"), place("web-1", "pv2")], "{placements:?}");
    deleted_pods_come_back_to_their_places(test, &placements).await?;
    a_set_created_again_finds_its_places(test, &placements).await?;
    orphans_are_adopted_in_their_places(test, &placements).await?;
    delete_objects(test).await
}

async fn the_second_volume_is_refused(test: &TestNamespace) -> Result<()> {
    create(test, "pv.yaml").await?.ok()?;
    let refusal = create(test, "pv2-mistake.yaml").await?.refusal()?;
    ensure!(refusal.starts_with("Error from server (Forbidden): ") && refusal.contains(REFUSAL), "{refusal}");
    ensure!(refusal.lines().count() == 1, "more than a line: {refusal}");
    test.cluster().ok("delete persistentvolume pv").await.map(|_| ())
}

async fn the_set_is_isolated(test: &TestNamespace) -> Result<()> {
    create(test, "service.yaml").await?.ok()?;
    let created = create(test, "web.yaml").await?;
    ensure!(created.stderr.contains("Warning: ") && created.stderr.contains("web-pvc"), "{}", created.stderr);
    created.ok()?;
    let set = sets(test).get("web").await?;
    ensure!(mounts(&set) == [format!("nginx:/usr/share/nginx/html={POD_NAME}")], "{:?}", mounts(&set));
    ensure!(variables(&set) == ["ORDINANCE_POD_NAME=metadata.name"], "{:?}", variables(&set));
    Ok(())
}

async fn pods_come_in_order_as_repaired_volumes_bind(test: &TestNamespace) -> Result<()> {
    pod(test, "web-0").await?;
    ensure!(pods(test).get_opt("web-1").await?.is_none(), "web-1 came before web-0 was ready");
    create(test, "pv-repaired.yaml").await?.ok()?;
    ready(test, "web-0").await?;
    pod(test, "web-1").await?;
    create(test, "pv2-repaired.yaml").await?.ok()?;
    ready(test, "web-1").await?;
    for claim in ["web-pvc-web-0", "web-pvc-web-1"] {
        let marked = claims(test).get(claim).await?;
        let mark = marked.annotations().get("ordinance.dev/sub-path");
        ensure!(mark.is_some_and(|mark| mark == POD_NAME), "{claim} is marked {mark:?}");
    }
    Ok(())
}

async fn deleted_pods_come_back_to_their_places(
    test: &TestNamespace,
    placements: &[Placement],
) -> Result<()> {
    let before = uids(test).await?;
    test.cluster().ok("delete pods web-0 web-1").await?;
    rolled_out(test).await?;
    ensure!(uids(test).await?.iter().all(|uid| !before.contains(uid)), "the pods are the same");
    places_are_kept(test, placements).await
}

async fn a_set_created_again_finds_its_places(test: &TestNamespace, placements: &[Placement]) -> Result<()> {
    test.cluster().ok("delete statefulset web --cascade=foreground").await?;
    ensure!(pods(test).get_opt("web-0").await?.is_none(), "web-0 outlived its set");
    create(test, "web.yaml").await?.ok()?;
    rolled_out(test).await?;
    places_are_kept(test, placements).await
}

async fn orphans_are_adopted_in_their_places(test: &TestNamespace, placements: &[Placement]) -> Result<()> {
    let before = uids(test).await?;
    test.cluster().ok("delete statefulset web --cascade=orphan").await?;
    create(test, "web.yaml").await?.ok()?;
    rolled_out(test).await?;
    ensure!(uids(test).await? == before, "the pods are not the same");
    places_are_kept(test, placements).await
}

/// Deletes the objects of the story, so that other scenarios can use the namespace.
async fn delete_objects(test: &TestNamespace) -> Result<()> {
    test.cluster().ok("delete statefulset/web service/nginx").await?;
    test.cluster().ok("delete persistentvolumeclaims web-pvc-web-0 web-pvc-web-1").await?;
    test.cluster().ok("delete persistentvolumes pv pv2").await.map(|_| ())
}

// === Requests and objects of the story ===

async fn create(test: &TestNamespace, file: &str) -> Result<CommandOutput> {
    test.cluster().run(["create", "--filename", &format!("{STORY}/{file}")]).await
}

async fn ready(test: &TestNamespace, pod: &str) -> Result<()> {
    test.cluster().ok(&format!("wait pod/{pod} --for=condition=Ready --timeout=60s")).await.map(|_| ())
}

async fn rolled_out(test: &TestNamespace) -> Result<()> {
    test.cluster().ok("rollout status statefulset/web --timeout=60s").await.map(|_| ())
}

/// Waits until the controller has created a pod, and returns it.
async fn pod(test: &TestNamespace, name: &str) -> Result<Pod> {
    until(name, STEP_TIMEOUT, async || Ok(pods(test).get_opt(name).await?)).await
}

async fn uids(test: &TestNamespace) -> Result<Vec<String>> {
    let both = [pod(test, "web-0").await?, pod(test, "web-1").await?];
    both.iter().map(|pod| pod.uid().context("a pod without a uid")).collect()
}

async fn placements(test: &TestNamespace) -> Result<Vec<Placement>> {
    Ok([test.placements(NAMESPACE, "web-0").await?, test.placements(NAMESPACE, "web-1").await?].concat())
}

/// Checks that the set is still isolated, and that each pod has kept its place.
async fn places_are_kept(test: &TestNamespace, placements: &[Placement]) -> Result<()> {
    let set = sets(test).get("web").await?;
    ensure!(mounts(&set) == [format!("nginx:/usr/share/nginx/html={POD_NAME}")], "{:?}", mounts(&set));
    let now = self::placements(test).await?;
    ensure!(now == placements, "{now:?} instead of {placements:?}");
    Ok(())
}

fn place(pod: &str, volume: &str) -> Placement {
    Placement { pod: pod.to_owned(), volume: volume.to_owned(), folder: pod.to_owned() }
}

fn sets(test: &TestNamespace) -> Api<StatefulSet> {
    Api::namespaced(test.client(), NAMESPACE)
}

fn pods(test: &TestNamespace) -> Api<Pod> {
    Api::namespaced(test.client(), NAMESPACE)
}

fn claims(test: &TestNamespace) -> Api<PersistentVolumeClaim> {
    Api::namespaced(test.client(), NAMESPACE)
}
