//! A set that is isolated stays so by whichever way it is changed, and is not rolled out anew where nothing changed.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use ordinance_e2e::{Revision, Scenario, Stage, mounts, variables};
use serde_json::json;

/// All of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::shared("updates::applied_again_nothing_changes", applied_again),
        Scenario::shared("updates::applied_by_the_server_again_nothing_changes", applied_by_the_server),
        Scenario::shared("updates::a_replaced_set_stays_isolated", replaced),
        Scenario::shared("updates::a_new_image_rolls_out_isolated", new_image),
        Scenario::shared("updates::an_isolation_patched_away_comes_back", patched_away),
        Scenario::shared("updates::undo_goes_back_to_the_isolated_revision", undone),
        Scenario::shared("updates::scaling_changes_no_template", scaled),
        Scenario::shared("updates::notes_change_nothing", noted),
        Scenario::shared("updates::dry_runs_store_and_hold_nothing", dry_runs),
        Scenario::shared("updates::the_last_variable_removed_leaves_ours", last_variable_removed),
    ]
}

async fn applied_again(stage: &Stage) -> Result<()> {
    let before = isolated_set(stage).await?;
    stage.apply(&manifest(stage, GREETING)).await?;
    let differences = stage.feed("diff --filename=-", &manifest(stage, GREETING)).await?.ok()?;
    ensure!(differences.is_empty(), "{differences}");
    unchanged(stage, &before).await
}

async fn applied_by_the_server(stage: &Stage) -> Result<()> {
    let apply = "apply --server-side --filename=-";
    stage.feed(apply, &manifest(stage, GREETING)).await?.ok()?;
    let before = stage.revision("web").await?;
    isolated(stage).await?;
    stage.feed(apply, &manifest(stage, GREETING)).await?.ok()?;
    unchanged(stage, &before).await
}

async fn replaced(stage: &Stage) -> Result<()> {
    let before = isolated_set(stage).await?;
    stage.feed("replace --filename=-", &manifest(stage, GREETING)).await?.ok()?;
    unchanged(stage, &before).await
}

async fn new_image(stage: &Stage) -> Result<()> {
    let before = isolated_set(stage).await?;
    stage.volumes(2).await?;
    stage.kubectl("set image statefulset/web web=registry.k8s.io/pause:3.9").await?;
    stage.rolled_out("web").await?;
    let after = stage.revision("web").await?;
    ensure!(after.generation == before.generation + 1 && after.template != before.template, "{after:?}");
    isolated(stage).await
}

async fn patched_away(stage: &Stage) -> Result<()> {
    let before = isolated_set(stage).await?;
    let container = "/spec/template/spec/containers/0";
    let mount = json!([{ "op": "remove", "path": format!("{container}/volumeMounts/0/subPathExpr") }]);
    patch(stage, "json", &mount).await?;
    unchanged(stage, &before).await?;
    let env = json!([{ "op": "remove", "path": format!("{container}/env/1") }]);
    patch(stage, "json", &env).await?;
    unchanged(stage, &before).await?;
    let mounts = json!([{ "name": "data", "mountPath": "/data" }]);
    let whole = json!([{ "name": "web", "image": IMAGE, "env": [{ "name": "GREETING", "value": "hello" }], "volumeMounts": mounts }]);
    patch(stage, "merge", &json!({ "spec": { "template": { "spec": { "containers": whole } } } })).await?;
    isolated(stage).await
}

async fn undone(stage: &Stage) -> Result<()> {
    let before = isolated_set(stage).await?;
    stage.kubectl("set image statefulset/web web=registry.k8s.io/pause:3.9").await?;
    let between = stage.revision("web").await?;
    stage.kubectl("rollout undo statefulset/web").await?;
    let after = stage.revision("web").await?;
    ensure!(
        after.template == before.template && after.template != between.template,
        "{after:?}, {between:?}"
    );
    isolated(stage).await
}

async fn scaled(stage: &Stage) -> Result<()> {
    let before = isolated_set(stage).await?;
    stage.kubectl("scale statefulset/web --replicas=3").await?;
    same_template(stage, &before, 1).await?;
    let sets: Api<StatefulSet> = Api::namespaced(stage.client(), stage.namespace());
    let one = Patch::Merge(json!({ "spec": { "replicas": 1 } }));
    sets.patch_scale("web", &PatchParams::default(), &one).await?;
    same_template(stage, &before, 2).await?;
    stage.apply(&manifest(stage, GREETING)).await?;
    same_template(stage, &before, 3).await
}

async fn noted(stage: &Stage) -> Result<()> {
    let before = isolated_set(stage).await?;
    stage.kubectl("annotate statefulset/web example.com/note=kept").await?;
    stage.kubectl("label statefulset/web tier=front").await?;
    stage.kubectl("annotate statefulset/web example.com/note-").await?;
    unchanged(stage, &before).await
}

async fn dry_runs(stage: &Stage) -> Result<()> {
    let set = manifest(stage, GREETING);
    let server = stage.feed("apply --dry-run=server --output=yaml --filename=-", &set).await?.ok()?;
    ensure!(server.contains("subPathExpr: $(ORDINANCE_POD_NAME)"), "{server}");
    let client = stage.feed("apply --dry-run=client --output=yaml --filename=-", &set).await?.ok()?;
    ensure!(!client.contains("subPathExpr"), "{client}");
    ensure!(stage.kubectl("get statefulsets --output=name").await?.is_empty(), "a dry run stored a set");
    let [one, other] = ["one", "other"].map(|name| stage.volume(name, "/dry"));
    stage.feed("create --dry-run=server --filename=-", &one).await?.ok()?;
    stage.feed("create --filename=-", &other).await?.ok()?;
    let refusal = stage.feed("create --dry-run=server --filename=-", &one).await?.refused()?;
    ensure!(refusal.contains("denied the request") && refusal.contains("-other"), "{refusal}");
    Ok(())
}

async fn last_variable_removed(stage: &Stage) -> Result<()> {
    isolated_set(stage).await?;
    stage.apply(&manifest(stage, "")).await?;
    let set = stage.set_of("web").await?;
    ensure!(mounts(&set) == [ISOLATED], "{:?}", mounts(&set));
    ensure!(variables(&set) == [OURS], "{:?}", variables(&set));
    Ok(())
}

// === What the scenarios share ===

/// What each of its pods is told to show.
const GREETING: &str = "env: [{name: GREETING, value: hello}]";

/// Any that is small, for clusters that run it.
const IMAGE: &str = "registry.k8s.io/pause:3.10";

/// The only mount of the set.
const ISOLATED: &str = "web:/data=$(ORDINANCE_POD_NAME)";

/// The variable that the mount takes.
const OURS: &str = "ORDINANCE_POD_NAME=metadata.name";

fn manifest(stage: &Stage, env: &str) -> String {
    let namespace = stage.namespace();
    format!(
        "
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: web, namespace: {namespace}}}
spec:
  serviceName: web
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: {IMAGE}
        {env}
        volumeMounts: [{{name: data, mountPath: /data}}]
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteMany], storageClassName: {namespace}, resources: {{requests: {{storage: 1Gi}}}}}}
"
    )
}

/// Applies the set, and returns its revision.
async fn isolated_set(stage: &Stage) -> Result<Revision> {
    stage.apply(&manifest(stage, GREETING)).await?;
    isolated(stage).await?;
    stage.revision("web").await
}

async fn isolated(stage: &Stage) -> Result<()> {
    let set = stage.set_of("web").await?;
    ensure!(mounts(&set) == [ISOLATED], "{:?}", mounts(&set));
    ensure!(variables(&set) == ["GREETING=hello", OURS], "{:?}", variables(&set));
    Ok(())
}

async fn unchanged(stage: &Stage, before: &Revision) -> Result<()> {
    isolated(stage).await?;
    let now = stage.revision("web").await?;
    ensure!(now == *before, "{now:?}, and it was {before:?}");
    Ok(())
}

/// Changed so many times, and never the template.
async fn same_template(stage: &Stage, before: &Revision, changes: i64) -> Result<()> {
    isolated(stage).await?;
    let now = stage.revision("web").await?;
    let expected = Revision { generation: before.generation + changes, template: before.template.clone() };
    ensure!(now == expected, "{now:?}, and it was {before:?}");
    Ok(())
}

async fn patch(stage: &Stage, kind: &str, patch: &serde_json::Value) -> Result<()> {
    let line = format!("patch statefulset/web --type={kind} --patch-file=/dev/stdin");
    stage.feed(&line, &patch.to_string()).await?.ok().with_context(|| patch.to_string()).map(|_| ())
}
