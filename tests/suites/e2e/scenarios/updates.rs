//! An isolated set stays isolated through every kind of update, and no update rolls it out again without a change.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use ordinance_e2e::{Revision, Scenario, TestNamespace, mounts, variables};
use serde_json::json;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::in_shared_cluster("updates::client_side_apply_again_changes_nothing", applied_again),
        Scenario::in_shared_cluster(
            "updates::server_side_apply_again_changes_nothing",
            applied_by_the_server,
        ),
        Scenario::in_shared_cluster("updates::a_replaced_set_stays_isolated", replaced),
        Scenario::in_shared_cluster("updates::a_new_image_keeps_the_isolation", new_image),
        Scenario::in_shared_cluster("updates::restores_an_isolation_that_was_patched_away", patched_away),
        Scenario::in_shared_cluster("updates::rollout_undo_returns_to_the_isolated_revision", undone),
        Scenario::in_shared_cluster("updates::scaling_keeps_the_template", scaled),
        Scenario::in_shared_cluster("updates::labels_and_annotations_change_nothing", relabelled),
        Scenario::in_shared_cluster("updates::dry_runs_store_and_hold_nothing", dry_runs),
        Scenario::in_shared_cluster(
            "updates::keeps_its_variable_when_the_user_removes_the_last_one",
            last_variable_removed,
        ),
    ]
}

async fn applied_again(test: &TestNamespace) -> Result<()> {
    let before = isolated_set(test).await?;
    test.apply(&manifest(test, GREETING)).await?;
    let differences = test.run_with_input("diff --filename=-", &manifest(test, GREETING)).await?.ok()?;
    ensure!(differences.is_empty(), "{differences}");
    unchanged(test, &before).await
}

async fn applied_by_the_server(test: &TestNamespace) -> Result<()> {
    let apply = "apply --server-side --filename=-";
    test.run_with_input(apply, &manifest(test, GREETING)).await?.ok()?;
    let before = test.revision("web").await?;
    isolated(test).await?;
    test.run_with_input(apply, &manifest(test, GREETING)).await?.ok()?;
    unchanged(test, &before).await
}

async fn replaced(test: &TestNamespace) -> Result<()> {
    let before = isolated_set(test).await?;
    test.run_with_input("replace --filename=-", &manifest(test, GREETING)).await?.ok()?;
    unchanged(test, &before).await
}

async fn new_image(test: &TestNamespace) -> Result<()> {
    let before = isolated_set(test).await?;
    test.volumes(2).await?;
    test.kubectl("set image statefulset/web web=registry.k8s.io/pause:3.9").await?;
    test.rolled_out("web").await?;
    let after = test.revision("web").await?;
    ensure!(after.generation == before.generation + 1 && after.template != before.template, "{after:?}");
    isolated(test).await
}

async fn patched_away(test: &TestNamespace) -> Result<()> {
    let before = isolated_set(test).await?;
    let container = "/spec/template/spec/containers/0";
    let mount = json!([{ "op": "remove", "path": format!("{container}/volumeMounts/0/subPathExpr") }]);
    patch(test, "json", &mount).await?;
    unchanged(test, &before).await?;
    let env = json!([{ "op": "remove", "path": format!("{container}/env/1") }]);
    patch(test, "json", &env).await?;
    unchanged(test, &before).await?;
    let mounts = json!([{ "name": "data", "mountPath": "/data" }]);
    let whole = json!([{ "name": "web", "image": IMAGE, "env": [{ "name": "GREETING", "value": "hello" }], "volumeMounts": mounts }]);
    patch(test, "merge", &json!({ "spec": { "template": { "spec": { "containers": whole } } } })).await?;
    isolated(test).await
}

async fn undone(test: &TestNamespace) -> Result<()> {
    let before = isolated_set(test).await?;
    test.kubectl("set image statefulset/web web=registry.k8s.io/pause:3.9").await?;
    let between = test.revision("web").await?;
    test.kubectl("rollout undo statefulset/web").await?;
    let after = test.revision("web").await?;
    ensure!(
        after.template == before.template && after.template != between.template,
        "{after:?}, {between:?}"
    );
    isolated(test).await
}

async fn scaled(test: &TestNamespace) -> Result<()> {
    let before = isolated_set(test).await?;
    test.kubectl("scale statefulset/web --replicas=3").await?;
    same_template(test, &before, 1).await?;
    let sets: Api<StatefulSet> = Api::namespaced(test.client(), test.namespace());
    let one = Patch::Merge(json!({ "spec": { "replicas": 1 } }));
    sets.patch_scale("web", &PatchParams::default(), &one).await?;
    same_template(test, &before, 2).await?;
    test.apply(&manifest(test, GREETING)).await?;
    same_template(test, &before, 3).await
}

async fn relabelled(test: &TestNamespace) -> Result<()> {
    let before = isolated_set(test).await?;
    test.kubectl("annotate statefulset/web example.com/note=kept").await?;
    test.kubectl("label statefulset/web tier=front").await?;
    test.kubectl("annotate statefulset/web example.com/note-").await?;
    unchanged(test, &before).await
}

async fn dry_runs(test: &TestNamespace) -> Result<()> {
    let set = manifest(test, GREETING);
    let server =
        test.run_with_input("apply --dry-run=server --output=yaml --filename=-", &set).await?.ok()?;
    ensure!(server.contains("subPathExpr: $(ORDINANCE_POD_NAME)"), "{server}");
    let client =
        test.run_with_input("apply --dry-run=client --output=yaml --filename=-", &set).await?.ok()?;
    ensure!(!client.contains("subPathExpr"), "{client}");
    ensure!(test.kubectl("get statefulsets --output=name").await?.is_empty(), "a dry run stored a set");
    let [one, other] = ["one", "other"].map(|name| test.volume(name, "/dry"));
    test.run_with_input("create --dry-run=server --filename=-", &one).await?.ok()?;
    test.run_with_input("create --filename=-", &other).await?.ok()?;
    let refusal = test.run_with_input("create --dry-run=server --filename=-", &one).await?.refusal()?;
    ensure!(refusal.contains("denied the request") && refusal.contains("-other"), "{refusal}");
    Ok(())
}

async fn last_variable_removed(test: &TestNamespace) -> Result<()> {
    isolated_set(test).await?;
    test.apply(&manifest(test, "")).await?;
    let set = test.set_of("web").await?;
    ensure!(mounts(&set) == [ISOLATED], "{:?}", mounts(&set));
    ensure!(variables(&set) == [OWN_VARIABLE], "{:?}", variables(&set));
    Ok(())
}

// === Steps of the scenarios ===

/// A variable of the user's own.
const GREETING: &str = "env: [{name: GREETING, value: hello}]";

/// A small image, for clusters with nodes.
const IMAGE: &str = "registry.k8s.io/pause:3.10";

/// The only mount of the set, isolated.
const ISOLATED: &str = "web:/data=$(ORDINANCE_POD_NAME)";

/// The variable that the sub-path refers to.
const OWN_VARIABLE: &str = "ORDINANCE_POD_NAME=metadata.name";

fn manifest(test: &TestNamespace, env: &str) -> String {
    let namespace = test.namespace();
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
async fn isolated_set(test: &TestNamespace) -> Result<Revision> {
    test.apply(&manifest(test, GREETING)).await?;
    isolated(test).await?;
    test.revision("web").await
}

async fn isolated(test: &TestNamespace) -> Result<()> {
    let set = test.set_of("web").await?;
    ensure!(mounts(&set) == [ISOLATED], "{:?}", mounts(&set));
    ensure!(variables(&set) == ["GREETING=hello", OWN_VARIABLE], "{:?}", variables(&set));
    Ok(())
}

async fn unchanged(test: &TestNamespace, before: &Revision) -> Result<()> {
    isolated(test).await?;
    let now = test.revision("web").await?;
    ensure!(now == *before, "{now:?} instead of {before:?}");
    Ok(())
}

/// Checks that the set was changed `changes` times, and its template never.
async fn same_template(test: &TestNamespace, before: &Revision, changes: i64) -> Result<()> {
    isolated(test).await?;
    let now = test.revision("web").await?;
    let expected = Revision { generation: before.generation + changes, template: before.template.clone() };
    ensure!(now == expected, "{now:?} instead of {before:?}");
    Ok(())
}

async fn patch(test: &TestNamespace, kind: &str, patch: &serde_json::Value) -> Result<()> {
    let line = format!("patch statefulset/web --type={kind} --patch-file=/dev/stdin");
    test.run_with_input(&line, &patch.to_string()).await?.ok().with_context(|| patch.to_string()).map(|_| ())
}
