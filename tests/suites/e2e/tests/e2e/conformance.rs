//! What Kubernetes' own conformance tests ask of webhooks, as far as it is about whoever answers: failing closed, the
//! order among others that mutate, defaults after mutation, time limits, match conditions, the contract `v1`, and that
//! the configuration itself stays in its owner's hands.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Api;
use kube::api::PostParams;
use ordinance_cluster::{
    Authority, Cluster, CommandOutput, Kubectl, ManagedProcess, Options, Ordinance, until,
};
use ordinance_e2e::{
    ExtraWebhook, STEP_TIMEOUT, Scenario, TestClusters, WebhookAnswer, apply, mounts, nfs_set, nfs_volume,
    variables,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// All of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("conformance::refuses_without_a_valid_answer", fails_closed),
        Scenario::with_own_clusters(
            "conformance::a_hanging_host_costs_no_more_than_the_webhook_timeout",
            hangs,
        ),
        Scenario::with_own_clusters(
            "conformance::isolates_what_another_webhook_adds_before_or_after",
            others_add,
        ),
        Scenario::with_own_clusters(
            "conformance::refuses_a_set_whose_isolation_another_webhook_removed",
            others_undo,
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
    let stranger = STANDARD.encode(Authority::new("stranger")?.certificate());
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
        until("the volume to be refused for want of an answer", STEP_TIMEOUT, async || {
            let ran = dry_run(kubectl, &volume("other")).await?;
            Ok(ran.stderr.contains("failed calling webhook \"volumes.validate.ordinance.dev\"").then_some(()))
        })
        .await?;
        change(kubectl, name, &json!({ "clientConfig": mended })).await?;
        passes(kubectl, &volume("other")).await?;
    }
    Ok(())
}

// === Time limits ===

/// As given to the webhook, in seconds; the chart says 5.
const TIMEOUT: u64 = 1;

async fn hangs(clusters: &TestClusters) -> Result<()> {
    let (cluster, mut ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    change(kubectl, "volumes.validate.ordinance.dev", &json!({ "timeoutSeconds": TIMEOUT })).await?;
    change(kubectl, "volume-updates.validate.ordinance.dev", &json!({ "timeoutSeconds": TIMEOUT })).await?;
    apply(kubectl, &volume("before")).await?;
    let mut marked = volume("before");
    marked["spec"]["mountOptions"] = json!(["ro"]);
    each(&mut ordinance, |replica| replica.freeze())?;
    until("the API server to know of the time", STEP_TIMEOUT, async || {
        let asked = Instant::now();
        let refusal = dry_run(kubectl, &volume("other")).await?.refusal()?;
        ensure!(refusal.contains("timeout=1s") || refusal.contains("timeout=5s"), "{refusal}");
        let in_time = asked.elapsed() < Duration::from_secs(TIMEOUT + 2);
        Ok((refusal.contains("timeout=1s") && in_time).then_some(()))
    })
    .await?;
    // Whoever may not refuse holds nothing up.
    apply(kubectl, &marked).await?;
    each(&mut ordinance, |replica| replica.thaw())?;
    passes(kubectl, &volume("other")).await
}

// === Others that mutate ===

/// Adds a container that mounts what the first one mounts, as injectors of sidecars do.
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

/// Takes the sub-path of the first mount away, as tools do that write whole objects.
fn undo(request: &Value) -> WebhookAnswer {
    let mount = "/spec/template/spec/containers/0/volumeMounts/0";
    match request["object"].pointer(mount).map(|mount| &mount["subPathExpr"]) {
        Some(Value::String(_)) => {
            WebhookAnswer::Patch(json!([{ "op": "remove", "path": format!("{mount}/subPathExpr") }]))
        }
        _ => WebhookAnswer::Allow,
    }
}

/// The API server calls mutating webhooks by the names of their configurations.
async fn others_add(clusters: &TestClusters) -> Result<()> {
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

async fn others_undo(clusters: &TestClusters) -> Result<()> {
    let (cluster, _ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    let extra = ExtraWebhook::start(&cluster, undo).await?;
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
    // Asked once, it has its say before Ordinance is asked again.
    apply(kubectl, &policy("Never")).await?;
    until("the set to be let in", STEP_TIMEOUT, async || Ok(dry_run(kubectl, &set("web")).await?.ok().ok()))
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
    let before = asked(&mut ordinance).await?;
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
    let without = asked(&mut ordinance).await?;
    ensure!(without == before, "asked {} times about what can't matter", without - before);
    kubectl.ok("scale statefulset web --replicas=3").await?;
    passes(kubectl, &volume("other")).await?;
    let with = asked(&mut ordinance).await?;
    ensure!(with == before + 2, "asked {} times about a growth and a volume", with - before);
    skipped_on_request(kubectl, &cluster).await
}

/// An operator's own condition counts beside those of the chart.
async fn skipped_on_request(kubectl: &Kubectl, cluster: &Cluster) -> Result<()> {
    let expression = "!(has(object.metadata.labels) && 'skip-me' in object.metadata.labels)";
    let condition = json!({ "matchConditions": [{ "name": "is-not-skipped", "expression": expression }] });
    for phase in ["mutate", "validate"] {
        change(kubectl, &format!("statefulsets.{phase}.ordinance.dev"), &condition).await?;
    }
    let mut skipped = set("skipped");
    skipped["metadata"]["labels"] = json!({ "skip-me": "" });
    until("the set to be passed over", STEP_TIMEOUT, async || {
        let ran = dry_run(kubectl, &skipped).await?;
        Ok((ran.success && !ran.stdout.contains("subPathExpr")).then_some(()))
    })
    .await?;
    apply(kubectl, &set("kept")).await?;
    let mounts = mounts(&stored(cluster, "kept").await?);
    ensure!(mounts == [format!("main:/data={OWN}")], "{mounts:?}");
    Ok(())
}

/// How many reviews all replicas have answered.
async fn asked(ordinance: &mut Ordinance) -> Result<u64> {
    let mut asked = 0;
    for replica in ordinance.replicas() {
        let metrics = replica.ask("/metrics").await?;
        let counts = metrics.lines().filter(|line| line.starts_with("ordinance_requests_total{"));
        asked += counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(asked)
}

// === The contract ===

async fn contract(clusters: &TestClusters) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (policy, log) = (folder.path().join("policy.json"), folder.path().join("audit.log"));
    std::fs::write(&policy, audit_policy().to_string())?;
    let flags =
        [format!("--audit-policy-file={}", policy.display()), format!("--audit-log-path={}", log.display())];
    let cluster = clusters.cluster(&Options { api_server: flags.to_vec(), ..Options::default() }).await?;
    let _ordinance = Ordinance::install(&cluster, clusters.installation()?).await?;
    let kubectl = cluster.access().kubectl();
    until("the set to be isolated", STEP_TIMEOUT, async || {
        Ok(dry_run(kubectl, &set("web")).await?.stdout.contains("subPathExpr").then_some(()))
    })
    .await?;
    let created = kubectl.apply(&set("web").to_string()).await?;
    ensure!(created.stderr.contains("Warning: volume \"data\""), "{}", created.stderr);
    defaults_after_mutation(&stored(&cluster, "web").await?)?;
    refused_as_the_api_has_it(&cluster).await?;
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

/// What a webhook adds is completed as if a user had written it.
fn defaults_after_mutation(set: &StatefulSet) -> Result<()> {
    let containers = set.spec.template.spec.iter().flat_map(|pod| &pod.containers);
    let fields = containers.flat_map(|container| container.env.iter().flatten());
    let fields: Vec<_> =
        fields.filter_map(|variable| variable.value_from.as_ref()?.field_ref.as_ref()).collect();
    let versions: Vec<_> = fields.iter().map(|field| field.api_version.as_deref()).collect();
    ensure!(versions == [Some("v1"), Some("v1")], "{:?}: {versions:?}", variables(set));
    Ok(())
}

/// A refusal comes to a client with the code and the reason that the answer has.
async fn refused_as_the_api_has_it(cluster: &Cluster) -> Result<()> {
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

// === What the scenarios share ===

/// Any that is small; nothing runs.
const IMAGE: &str = "registry.k8s.io/pause:3.10";

/// The sub-path of a mount that is isolated.
const OWN: &str = "$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)";

fn set(name: &str) -> Value {
    nfs_set("default", name, 2)
}

/// A volume with a directory of its own.
fn volume(name: &str) -> Value {
    nfs_volume(name, "nas.example.com", &format!("/srv/volumes/{name}"))
}

/// StatefulSets that are created.
fn sets() -> Value {
    rule("apps", "statefulsets", &["CREATE"])
}

fn rule(group: &str, resource: &str, operations: &[&str]) -> Value {
    json!({ "apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": operations })
}

/// Changes one of Ordinance's webhooks.
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

/// Waits until an object would be let in.
async fn passes(kubectl: &Kubectl, object: &Value) -> Result<()> {
    let passes = until("the object to be let in", STEP_TIMEOUT, async || {
        Ok(dry_run(kubectl, object).await?.ok().ok())
    });
    passes.await.map(|_| ())
}

async fn stored(cluster: &Cluster, name: &str) -> Result<StatefulSet> {
    let sets: Api<StatefulSet> = Api::namespaced(cluster.access().client(), "default");
    Ok(sets.get(name).await?)
}

fn each(ordinance: &mut Ordinance, mut what: impl FnMut(&ManagedProcess) -> Result<()>) -> Result<()> {
    ordinance.replicas().iter_mut().try_for_each(|replica| what(replica.process()))
}
