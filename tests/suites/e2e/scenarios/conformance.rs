//! The parts of Kubernetes' own webhook conformance tests that concern the called server: failing closed, the order
//! among other mutating webhooks, defaults after mutation, timeouts, match conditions, the contract `v1`, and that
//! webhooks can't block changes of their own configuration.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Api;
use kube::api::PostParams;
use ordinance_cluster::{
    Cluster, ClusterOptions, CommandOutput, Kubectl, ManagedProcess, Ordinance, TestAuthority, until,
};
use ordinance_e2e::{
    ExtraWebhook, STEP_TIMEOUT, Scenario, TestClusters, WebhookAnswer, apply, mounts, nfs_set, nfs_volume,
    variables,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("conformance::refuses_without_a_valid_answer", fails_closed),
        Scenario::with_own_clusters(
            "conformance::a_hanging_host_costs_no_more_than_the_webhook_timeout",
            hanging_host,
        ),
        Scenario::with_own_clusters(
            "conformance::isolates_what_another_webhook_adds_before_or_after",
            other_webhook_adds,
        ),
        Scenario::with_own_clusters(
            "conformance::refuses_a_set_whose_isolation_another_webhook_removed",
            other_webhook_removes,
        ),
        Scenario::with_own_clusters(
            "conformance::match_conditions_skip_irrelevant_requests",
            match_conditions,
        ),
        Scenario::with_own_clusters("conformance::the_api_server_accepts_every_part_of_an_answer", contract),
        Scenario::with_own_clusters(
            "conformance::no_webhook_blocks_changes_of_webhook_configurations",
            configuration,
        ),
    ]
}

// === Failing closed ===

async fn fails_closed(clusters: &TestClusters) -> Result<()> {
    let (cluster, _ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    apply(kubectl, &volume("before")).await?;
    let stranger = STANDARD.encode(TestAuthority::new("stranger")?.certificate());
    let trusted = STANDARD.encode(cluster.authority().certificate());
    for (broken, mended) in [
        (
            json!({ "service": { "path": "/validate/nothing" } }),
            json!({ "service": { "path": "/validate/storage" } }),
        ),
        (json!({ "caBundle": stranger }), json!({ "caBundle": trusted })),
    ] {
        let name = "volumes.validate.ordinance.dev";
        change(kubectl, name, &json!({ "clientConfig": broken })).await?;
        until("the volume to be refused without an answer", STEP_TIMEOUT, async || {
            let ran = dry_run(kubectl, &volume("other")).await?;
            Ok(ran.stderr.contains("failed calling webhook \"volumes.validate.ordinance.dev\"").then_some(()))
        })
        .await?;
        change(kubectl, name, &json!({ "clientConfig": mended })).await?;
        accepts(kubectl, &volume("other")).await?;
    }
    Ok(())
}

// === Time limits ===

/// `timeoutSeconds` of the webhook; the chart's default is 5.
const TIMEOUT: u64 = 1;

async fn hanging_host(clusters: &TestClusters) -> Result<()> {
    let (cluster, mut ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    change(kubectl, "volumes.validate.ordinance.dev", &json!({ "timeoutSeconds": TIMEOUT })).await?;
    change(kubectl, "volume-updates.validate.ordinance.dev", &json!({ "timeoutSeconds": TIMEOUT })).await?;
    apply(kubectl, &volume("before")).await?;
    let mut marked = volume("before");
    marked["spec"]["mountOptions"] = json!(["ro"]);
    each(&mut ordinance, |replica| replica.freeze())?;
    until("the API server to use the new timeout", STEP_TIMEOUT, async || {
        let asked = Instant::now();
        let refusal = dry_run(kubectl, &volume("other")).await?.refusal()?;
        ensure!(refusal.contains("timeout=1s") || refusal.contains("timeout=5s"), "{refusal}");
        let in_time = asked.elapsed() < Duration::from_secs(TIMEOUT + 2);
        Ok((refusal.contains("timeout=1s") && in_time).then_some(()))
    })
    .await?;
    // A webhook with `failurePolicy: Ignore` blocks nothing.
    apply(kubectl, &marked).await?;
    each(&mut ordinance, |replica| replica.thaw())?;
    accepts(kubectl, &volume("other")).await
}

// === Other mutating webhooks ===

/// Adds a container with the first container's mount, as sidecar injectors do.
fn inject(request: &Value) -> WebhookAnswer {
    let containers = &request["object"]["spec"]["template"]["spec"]["containers"];
    if containers.as_array().is_none_or(|containers| containers.len() > 1) {
        return WebhookAnswer::Allow;
    }
    let sidecar = json!({
        "name": "sidecar",
        "image": IMAGE,
        "volumeMounts": [{ "name": "data", "mountPath": "/sidecar" }],
    });
    WebhookAnswer::Patch(
        json!([{ "op": "add", "path": "/spec/template/spec/containers/-", "value": sidecar }]),
    )
}

/// Removes the sub-path of the first mount, as tools do that write whole objects.
fn remove_sub_path(request: &Value) -> WebhookAnswer {
    let mount = "/spec/template/spec/containers/0/volumeMounts/0";
    match request["object"].pointer(mount).map(|mount| &mount["subPathExpr"]) {
        Some(Value::String(_)) => {
            WebhookAnswer::Patch(json!([{ "op": "remove", "path": format!("{mount}/subPathExpr") }]))
        }
        _ => WebhookAnswer::Allow,
    }
}

/// The API server calls mutating webhooks in the order of their configurations' names.
async fn other_webhook_adds(clusters: &TestClusters) -> Result<()> {
    let (cluster, _ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    let extra = ExtraWebhook::start(&cluster, inject).await?;
    for name in ["before", "thereafter"] {
        ensure!((name < "ordinance") == (name == "before"), "{name} is on the wrong side of ordinance");
        let configuration = extra.configuration("MutatingWebhookConfiguration", name, &sets(), &json!({}));
        apply(kubectl, &configuration).await?;
        until("the sidecar to be there", STEP_TIMEOUT, async || {
            Ok(dry_run(kubectl, &set("probe")).await?.stdout.contains("sidecar").then_some(()))
        })
        .await?;
        apply(kubectl, &set(name)).await?;
        let mounts = mounts(&stored(&cluster, name).await?);
        let expected = ["main:/data", "sidecar:/sidecar"].map(|mount| format!("{mount}={OWN}"));
        ensure!(mounts == expected, "{name}: {mounts:?}");
        kubectl.ok(&format!("delete mutatingwebhookconfiguration {name}")).await?;
        until("the sidecar to be gone", STEP_TIMEOUT, async || {
            Ok((!dry_run(kubectl, &set("probe")).await?.stdout.contains("sidecar")).then_some(()))
        })
        .await?;
    }
    Ok(())
}

async fn other_webhook_removes(clusters: &TestClusters) -> Result<()> {
    let (cluster, _ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    let extra = ExtraWebhook::start(&cluster, remove_sub_path).await?;
    let policy = |policy: &str| {
        let more = json!({ "reinvocationPolicy": policy });
        extra.configuration("MutatingWebhookConfiguration", "undo", &sets(), &more)
    };
    apply(kubectl, &policy("IfNeeded")).await?;
    let refusal = until("the set to be refused", STEP_TIMEOUT, async || {
        Ok(dry_run(kubectl, &set("web")).await?.refusal().ok())
    })
    .await?;
    ensure!(refusal.contains("lacks subPathExpr") && refusal.contains("should have added"), "{refusal}");
    // With `Never` the other webhook runs once, before the API server calls Ordinance again.
    apply(kubectl, &policy("Never")).await?;
    until("the set to be accepted", STEP_TIMEOUT, async || {
        Ok(dry_run(kubectl, &set("web")).await?.ok().ok())
    })
    .await?;
    apply(kubectl, &set("web")).await?;
    let mounts = mounts(&stored(&cluster, "web").await?);
    ensure!(mounts == [format!("main:/data={OWN}")], "{mounts:?}");
    Ok(())
}

// === Match conditions ===

async fn match_conditions(clusters: &TestClusters) -> Result<()> {
    let (cluster, mut ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    apply(kubectl, &set("web")).await?;
    apply(kubectl, &volume("before")).await?;
    let before = answered_reviews(&mut ordinance).await?;
    let mut alone = set("alone");
    alone["spec"]["template"]["spec"]["volumes"] = json!([{ "name": "data", "emptyDir": {} }]);
    apply(kubectl, &alone).await?;
    for line in [
        "label statefulset web seen=yes",
        "label persistentvolume before seen=yes",
        "scale statefulset web --replicas=1",
        "delete statefulset alone",
    ] {
        kubectl.ok(line).await?;
    }
    let without = answered_reviews(&mut ordinance).await?;
    ensure!(without == before, "the API server sent {} irrelevant requests", without - before);
    kubectl.ok("scale statefulset web --replicas=3").await?;
    accepts(kubectl, &volume("other")).await?;
    let with = answered_reviews(&mut ordinance).await?;
    ensure!(
        with == before + 2,
        "the API server sent {} requests about a scale-up and a volume",
        with - before
    );
    skipped_on_request(kubectl, &cluster).await
}

/// A match condition that an operator adds applies in addition to those of the chart.
async fn skipped_on_request(kubectl: &Kubectl, cluster: &Cluster) -> Result<()> {
    let expression = "!(has(object.metadata.labels) && 'skip-me' in object.metadata.labels)";
    let condition = json!({ "matchConditions": [{ "name": "is-not-skipped", "expression": expression }] });
    for phase in ["mutate", "validate"] {
        change(kubectl, &format!("statefulsets.{phase}.ordinance.dev"), &condition).await?;
    }
    let mut skipped = set("skipped");
    skipped["metadata"]["labels"] = json!({ "skip-me": "" });
    until("the set to be skipped", STEP_TIMEOUT, async || {
        let ran = dry_run(kubectl, &skipped).await?;
        Ok((ran.success && !ran.stdout.contains("subPathExpr")).then_some(()))
    })
    .await?;
    apply(kubectl, &set("kept")).await?;
    let mounts = mounts(&stored(cluster, "kept").await?);
    ensure!(mounts == [format!("main:/data={OWN}")], "{mounts:?}");
    Ok(())
}

/// Returns the number of reviews that the replicas have answered.
async fn answered_reviews(ordinance: &mut Ordinance) -> Result<u64> {
    let mut count = 0;
    for replica in ordinance.replicas() {
        let metrics = replica.metrics().await?;
        let counts = metrics.lines().filter(|line| line.starts_with("ordinance_requests_total{"));
        count += counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(count)
}

// === The contract ===

async fn contract(clusters: &TestClusters) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (policy, log) = (folder.path().join("policy.json"), folder.path().join("audit.log"));
    std::fs::write(&policy, audit_policy().to_string())?;
    let flags =
        [format!("--audit-policy-file={}", policy.display()), format!("--audit-log-path={}", log.display())];
    let cluster =
        clusters.cluster(&ClusterOptions { api_server: flags.to_vec(), ..ClusterOptions::default() }).await?;
    let _ordinance = Ordinance::install(&cluster, clusters.installation()?).await?;
    let kubectl = cluster.access().kubectl();
    until("the set to be isolated", STEP_TIMEOUT, async || {
        Ok(dry_run(kubectl, &set("web")).await?.stdout.contains("subPathExpr").then_some(()))
    })
    .await?;
    let created = kubectl.apply(&set("web").to_string()).await?;
    ensure!(created.stderr.contains("Warning: volume \"data\""), "{}", created.stderr);
    defaults_after_mutation(&stored(&cluster, "web").await?)?;
    refusal_has_code_and_reason(&cluster).await?;
    let mut alone = set("alone");
    alone["metadata"]["annotations"] = json!({ "ordinance.dev/isolation": "disabled" });
    apply(kubectl, &alone).await?;
    let log = std::fs::read_to_string(log)?;
    let mutated = r#""{\"configuration\":\"ordinance\",\"webhook\":\"statefulsets.mutate.ordinance.dev\",\"mutated\":true}""#;
    ensure!(log.contains(mutated), "{log}");
    ensure!(log.contains(r#""statefulsets.validate.ordinance.dev/isolation":"disabled""#), "{log}");
    Ok(())
}

fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "Metadata", "verbs": ["create"], "resources": [{ "group": "apps", "resources": ["statefulsets"] }] },
            { "level": "None" },
        ],
    })
}

/// Checks that the API server sets defaults in the fields that a webhook added.
fn defaults_after_mutation(set: &StatefulSet) -> Result<()> {
    let containers = set.spec.template.spec.iter().flat_map(|pod| &pod.containers);
    let fields = containers.flat_map(|container| container.env.iter().flatten());
    let fields: Vec<_> =
        fields.filter_map(|variable| variable.value_from.as_ref()?.field_ref.as_ref()).collect();
    let versions: Vec<_> = fields.iter().map(|field| field.api_version.as_deref()).collect();
    ensure!(versions == [Some("v1"), Some("v1")], "{:?}: {versions:?}", variables(set));
    Ok(())
}

/// Checks that a client sees the code and the reason of the verdict.
async fn refusal_has_code_and_reason(cluster: &Cluster) -> Result<()> {
    apply(cluster.access().kubectl(), &volume("before")).await?;
    let volumes: Api<PersistentVolume> = Api::all(cluster.access().client());
    let mut second = volume("second");
    second["spec"]["nfs"]["path"] = volume("before")["spec"]["nfs"]["path"].clone();
    let second = serde_json::from_value(second)?;
    let Err(kube::Error::Api(status)) = volumes.create(&PostParams::default(), &second).await else {
        bail!("the second volume was not refused by the API server");
    };
    ensure!((status.code, &*status.reason) == (403, "Forbidden"), "{status:?}");
    ensure!(status.message.contains("denied the request: PersistentVolume \"second\""), "{status:?}");
    Ok(())
}

// === The configuration ===

async fn configuration(clusters: &TestClusters) -> Result<()> {
    let (cluster, _ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    let denies = ExtraWebhook::start(&cluster, |_| WebhookAnswer::Deny).await?;
    let changes = ExtraWebhook::start(&cluster, label).await?;
    let everything = rule("*", "*", &["CREATE", "UPDATE", "DELETE"]);
    for (extra, kind, name) in [
        (&denies, "ValidatingWebhookConfiguration", "denies"),
        (&changes, "MutatingWebhookConfiguration", "changes"),
    ] {
        apply(kubectl, &extra.configuration(kind, name, &everything, &json!({}))).await?;
    }
    until("everything to be refused", STEP_TIMEOUT, async || {
        Ok(kubectl.run(["create", "configmap", "any"]).await?.refusal().ok())
    })
    .await?;
    for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
        kubectl.ok(&format!("label {kind} ordinance seen=yes")).await?;
        let labels =
            kubectl.ok(&format!("get {kind} ordinance --output=jsonpath={{.metadata.labels}}")).await?;
        ensure!(labels.contains("seen") && !labels.contains("changed"), "{labels}");
        kubectl.ok(&format!("delete {kind} ordinance")).await?;
    }
    kubectl.ok("delete validatingwebhookconfiguration denies").await?;
    kubectl.ok("delete mutatingwebhookconfiguration changes").await?;
    until("nothing to be refused", STEP_TIMEOUT, async || {
        Ok(kubectl.run(["create", "configmap", "any"]).await?.ok().ok())
    })
    .await
    .map(|_| ())
}

fn label(request: &Value) -> WebhookAnswer {
    match request["object"]["metadata"].is_object() {
        true => WebhookAnswer::Patch(
            json!([{ "op": "add", "path": "/metadata/labels", "value": { "changed": "yes" } }]),
        ),
        false => WebhookAnswer::Allow,
    }
}

// === Steps of the scenarios ===

/// A small image; no pod runs.
const IMAGE: &str = "registry.k8s.io/pause:3.10";

/// The sub-path of an isolated mount.
const OWN: &str = "$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)";

fn set(name: &str) -> Value {
    nfs_set("default", name, 2)
}

/// Returns a volume with a directory of its own.
fn volume(name: &str) -> Value {
    nfs_volume(name, "nas.example.com", &format!("/srv/volumes/{name}"))
}

/// The rule for creations of StatefulSets.
fn sets() -> Value {
    rule("apps", "statefulsets", &["CREATE"])
}

fn rule(group: &str, resource: &str, operations: &[&str]) -> Value {
    json!({ "apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": operations })
}

/// Changes fields of one of Ordinance's webhooks.
async fn change(kubectl: &Kubectl, webhook: &str, fields: &Value) -> Result<()> {
    let kind = if webhook.contains(".mutate.") { "mutating" } else { "validating" };
    let mut change = fields.clone();
    change["name"] = webhook.into();
    let patch = json!({ "webhooks": [change] }).to_string();
    let line = format!("patch {kind}webhookconfiguration ordinance --type=strategic --patch-file=/dev/stdin");
    kubectl.run_with_input(line.split(' '), &patch).await?.ok().with_context(|| patch).map(|_| ())
}

async fn dry_run(kubectl: &Kubectl, object: &Value) -> Result<CommandOutput> {
    let create = "create --dry-run=server --output=json --filename=-".split(' ');
    kubectl.run_with_input(create, &object.to_string()).await
}

/// Waits until the API server would accept an object.
async fn accepts(kubectl: &Kubectl, object: &Value) -> Result<()> {
    let accepts = until("the object to be accepted", STEP_TIMEOUT, async || {
        Ok(dry_run(kubectl, object).await?.ok().ok())
    });
    accepts.await.map(|_| ())
}

async fn stored(cluster: &Cluster, name: &str) -> Result<StatefulSet> {
    let sets: Api<StatefulSet> = Api::namespaced(cluster.access().client(), "default");
    Ok(sets.get(name).await?)
}

fn each(ordinance: &mut Ordinance, mut what: impl FnMut(&ManagedProcess) -> Result<()>) -> Result<()> {
    ordinance.replicas().iter_mut().try_for_each(|replica| what(replica.process()))
}
