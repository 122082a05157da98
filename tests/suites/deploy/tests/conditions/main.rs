//! The match conditions: the API server sends every relevant request, and no irrelevant one that an outage must not
//! block.

mod stored;

use ordinance_case::{Build, Indexed, recorded_reviews};
use ordinance_contract::{FailurePolicy, Operation, Phase, Request, Scope, Verdict};
use ordinance_deploy::{ENFORCING_MANIFEST, InstalledWebhook, manifest};
use ordinance_testkit::Native;
use ordinance_testkit::corpus::samples;
use serde_json::{Value, json};
use std::path::Path;

fn webhooks() -> Vec<InstalledWebhook> {
    InstalledWebhook::all(&manifest(ENFORCING_MANIFEST).expect("the manifest can be read"))
        .expect("every condition parses")
}

/// Returns the names of the webhooks that receive a request.
fn sent<'a>(webhooks: &'a [InstalledWebhook], request: &Request<'_>) -> Vec<&'a str> {
    let is_sent = |webhook: &&InstalledWebhook| {
        webhook.phase == request.phase && webhook.is_sent(request).expect("no condition fails")
    };
    webhooks.iter().filter(is_sent).map(|webhook| &*webhook.name).collect()
}

/// Returns whether settings name drivers of inline volumes.
fn names_inline_drivers(settings: &str) -> bool {
    settings.contains("CsiDrivers") || settings.contains("\"inline\":true")
}

#[test]
fn requests_that_are_not_sent_would_pass_silently() {
    let (webhooks, policy) = (webhooks(), Indexed(Native));
    let mut sent_ones = 0;
    for sample in samples().expect("the cases can be read") {
        // The conditions name the drivers of the settings. The manifest has the default ones.
        let Some(request) =
            stored::as_sent(&sample.request).filter(|_| !names_inline_drivers(&sample.settings))
        else {
            continue;
        };
        for phase in [Phase::Mutate, Phase::Validate] {
            let request = Request { phase, ..request.clone() };
            if !sent(&webhooks, &request).is_empty() {
                sent_ones += 1;
                continue;
            }
            let mut verdict = policy.verdict(&sample.settings, &sample.state, &request).expect("a verdict");
            if phase == Phase::Mutate && verdict.patch.is_none() {
                // The validating call repeats every other part of the verdict.
                verdict = Verdict::allow();
            }
            assert_eq!(verdict, Verdict::allow(), "{}, {phase:?}", sample.name);
        }
    }
    assert!(sent_ones > 500, "{sent_ones}");
}

#[test]
fn each_request_reaches_at_most_one_webhook_of_a_configuration() {
    let webhooks = webhooks();
    for sample in samples().expect("the cases can be read") {
        let Some(request) = stored::as_sent(&sample.request) else { continue };
        for phase in [Phase::Mutate, Phase::Validate] {
            let request = Request { phase, ..request.clone() };
            assert!(sent(&webhooks, &request).len() <= 1, "{}", sample.name);
        }
    }
}

/// The recorded reviews that are sent. The others are mutating calls about kinds that are only validated, a class
/// without parameters, scaling that does not start sharing, updates that change nothing that replicas mount, updates by
/// the volume binder, and objects that are being deleted.
const SENT: [&str; 19] = [
    "004-validate-create-persistentvolumes-pv",
    "006-validate-create-persistentvolumes-pv2",
    "007-mutate-create-statefulsets-web",
    "008-validate-create-statefulsets-web",
    "017-mutate-update-statefulsets-web",
    "018-validate-update-statefulsets-web",
    "019-mutate-create-statefulsets-shop",
    "020-validate-create-statefulsets-shop",
    "022-validate-create-persistentvolumes-uploads-a",
    "024-validate-create-persistentvolumes-uploads-b",
    "026-validate-create-storageclasses-nfs-csi",
    "029-mutate-update-statefulsets-shop",
    "030-validate-update-statefulsets-shop",
    "031-mutate-update-statefulsets-shop",
    "032-validate-update-statefulsets-shop",
    "039-mutate-create-statefulsets-noname",
    "040-validate-create-statefulsets-shop-f2k67",
    "042-validate-update-persistentvolumes-uploads-a",
    "044-validate-update-persistentvolumes-uploads-b",
];

#[test]
fn sends_the_relevant_recorded_reviews() {
    let webhooks = webhooks();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/reviews");
    let reviews = recorded_reviews(&directory).expect("the reviews can be read");
    let names = reviews.iter().filter(|review| !sent(&webhooks, &review.request).is_empty());
    let names: Vec<&str> = names.map(|review| &*review.name).collect();
    assert_eq!(names, SENT);
}

#[test]
fn webhooks_that_may_refuse_fail_closed_and_all_others_open() {
    let policies: Vec<(String, FailurePolicy)> =
        webhooks().into_iter().map(|webhook| (webhook.name, webhook.failure_policy)).collect();
    let expected = [
        ("statefulsets.mutate.ordinance.dev", FailurePolicy::Ignore),
        ("claims.mutate.ordinance.dev", FailurePolicy::Ignore),
        ("statefulsets.validate.ordinance.dev", FailurePolicy::Fail),
        ("scale.validate.ordinance.dev", FailurePolicy::Fail),
        ("volumes.validate.ordinance.dev", FailurePolicy::Fail),
        ("provisioned-volumes.validate.ordinance.dev", FailurePolicy::Ignore),
        ("volume-updates.validate.ordinance.dev", FailurePolicy::Ignore),
        ("storageclasses.validate.ordinance.dev", FailurePolicy::Ignore),
    ];
    assert_eq!(policies, expected.map(|(name, policy)| (name.to_owned(), policy)));
}

// === what an outage must not stop ===

/// Whether a request passes while no webhook answers.
fn passes_an_outage(request: &Request<'_>) -> bool {
    let webhooks = webhooks();
    let fails = |webhook: &&InstalledWebhook| webhook.failure_policy == FailurePolicy::Fail;
    [Phase::Mutate, Phase::Validate].into_iter().all(|phase| {
        let request = Request { phase, ..request.clone() };
        let names = sent(&webhooks, &request);
        !webhooks.iter().filter(fails).any(|webhook| names.contains(&&*webhook.name))
    })
}

fn request(group: &str, resource: &str, object: &Value, old: Option<&Value>) -> Request<'static> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Request {
        operation: if old.is_some() { Operation::Update } else { Operation::Create },
        phase: Phase::Validate,
        scope: Scope {
            group: group.to_owned().into(),
            version: "v1".into(),
            resource: resource.to_owned().into(),
            subresource: subresource.to_owned().into(),
            namespace: "default".into(),
            name: "web".into(),
        },
        kind: "".into(),
        dry_run: false,
        user_info: "".into(),
        object: Some(object.to_string().into()),
        old_object: old.map(|old| old.to_string().into()),
    }
}

/// Returns an object with another value at a JSON pointer, whose last member may be new.
fn with(object: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = object.clone();
    let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
    changed.pointer_mut(parent).expect("the parent is there")[member] = value;
    changed
}

fn set() -> Value {
    json!({
        "metadata": {"name": "web", "generation": 4, "finalizers": ["example.com/a"]},
        "spec": {"replicas": 3, "template": {"spec": {
            "containers": [{"name": "web", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        }}},
    })
}

fn volume() -> Value {
    json!({
        "metadata": {"name": "web", "finalizers": ["kubernetes.io/pv-protection"]},
        "spec": {"nfs": {"server": "nas", "path": "/srv"}, "accessModes": ["ReadWriteMany"]},
    })
}

fn scale(replicas: u32) -> Value {
    // The API server omits a replica count of 0.
    if replicas == 0 { json!({"spec": {}}) } else { json!({"spec": {"replicas": replicas}}) }
}

#[test]
fn an_outage_blocks_new_sets_new_volumes_and_new_sharing() {
    assert!(!passes_an_outage(&request("apps", "statefulsets", &set(), None)));
    assert!(!passes_an_outage(&request("", "persistentvolumes", &volume(), None)));
    assert!(!passes_an_outage(&request("apps", "statefulsets/scale", &scale(2), Some(&scale(1)))));
    let mut other = with(&set(), "/spec/template/spec/containers/0/name", "other".into());
    other["metadata"]["generation"] = 5.into();
    assert!(!passes_an_outage(&request("apps", "statefulsets", &other, Some(&set()))));
}

#[test]
fn an_outage_does_not_block_other_scaling() {
    for (old, new) in [(3, 1), (3, 0), (1, 0), (1, 1), (2, 5)] {
        let request = request("apps", "statefulsets/scale", &scale(new), Some(&scale(old)));
        assert!(passes_an_outage(&request), "{old} to {new}");
    }
    let mut fewer = with(&set(), "/spec/replicas", 1.into());
    fewer["metadata"]["generation"] = 5.into();
    assert!(passes_an_outage(&request("apps", "statefulsets", &fewer, Some(&set()))));
}

#[test]
fn an_outage_does_not_block_metadata_finalizers_and_deletion() {
    let relabelled = with(&set(), "/metadata/labels", json!({"a": "b"}));
    let released = with(&set(), "/metadata/finalizers", json!([]));
    let orphaned = with(&set(), "/metadata/ownerReferences", json!([]));
    let mut going = with(&set(), "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z".into());
    going["metadata"]["generation"] = 5.into();
    for object in [relabelled, released, orphaned, going] {
        assert!(passes_an_outage(&request("apps", "statefulsets", &object, Some(&set()))), "{object}");
    }
    let deletion = Request { operation: Operation::Delete, ..request("apps", "statefulsets", &set(), None) };
    assert!(passes_an_outage(&deletion));
    let unprotected = with(&volume(), "/metadata/finalizers", json!([]));
    assert!(passes_an_outage(&request("", "persistentvolumes", &unprotected, Some(&volume()))));
}

#[test]
fn an_outage_does_not_block_binding_release_and_provisioning() {
    let claim = json!({"namespace": "default", "name": "data-web-0", "uid": "1"});
    let bound = with(&volume(), "/spec/claimRef", claim);
    assert!(passes_an_outage(&request("", "persistentvolumes", &bound, Some(&volume()))));
    assert!(passes_an_outage(&request("", "persistentvolumes", &volume(), Some(&bound))));
    let provisioned =
        with(&bound, "/metadata/annotations", json!({"pv.kubernetes.io/provisioned-by": "nfs.csi.k8s.io"}));
    assert!(passes_an_outage(&request("", "persistentvolumes", &provisioned, None)));
    let claim = json!({"metadata": {"name": "data-web-0"}, "spec": {"volumeName": "pv"}});
    assert!(passes_an_outage(&request("", "persistentvolumeclaims", &claim, None)));
    assert!(passes_an_outage(&request("", "persistentvolumeclaims", &claim, Some(&claim))));
}

#[test]
fn the_volume_binder_calls_no_webhook() {
    let claim = json!({"namespace": "default", "name": "data-web-0", "uid": "1"});
    let bound = with(&volume(), "/spec/claimRef", claim);
    assert_eq!(sent(&webhooks(), &request("", "persistentvolumes", &bound, Some(&volume()))), [""; 0]);
}

#[test]
fn a_restored_volume_is_treated_as_a_manual_one() {
    let restored = with(
        &with(&volume(), "/spec/claimRef", json!({"namespace": "default", "name": "data-web-0"})),
        "/metadata/annotations",
        json!({"pv.kubernetes.io/provisioned-by": "nfs.csi.k8s.io"}),
    );
    let webhooks = webhooks();
    let sent = sent(&webhooks, &request("", "persistentvolumes", &restored, None));
    assert_eq!(sent, ["volumes.validate.ordinance.dev"]);
}
