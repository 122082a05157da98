//! `ordinance webhooks`.

use crate::files::directory;
use crate::run::{run, run_in};
use ordinance_testkit::guest::component;
use serde_json::{Value, json};
use std::fs;

#[test]
fn prints_both_configurations_and_the_role() {
    let ended = run(&["webhooks", "--service", "mine/hooks"]);
    let objects = ordinance_manifests::read(&ended.stdout, "default");
    let objects: Vec<_> = objects.into_iter().map(Result::unwrap).collect();
    let kinds: Vec<&str> = objects.iter().map(|object| &*object.kind).collect();
    let expected = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ClusterRole"];
    assert_eq!((ended.code, kinds), (0, expected.to_vec()));
    assert!(
        objects[0].json.contains(r#""service":{"name":"hooks","namespace":"mine""#),
        "{}",
        objects[0].json
    );
}

#[test]
fn the_role_may_create_events_only_if_asked_for() {
    let role = |flags: &[&str]| {
        let ended = run(&[&["webhooks"], flags].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout.split("---").last().unwrap().to_owned()
    };
    assert!(!role(&[]).contains("events"));
    let role = role(&["--events"]);
    for part in ["kind: ClusterRole", "- events.k8s.io", "- events\n", "- create"] {
        assert!(role.contains(part), "{part}: {role}");
    }
}

#[test]
fn the_role_may_list_what_is_audited_and_write_reports() {
    let ended = run(&["webhooks"]);
    let role = ended.stdout.split("---").last().unwrap().to_owned();
    let role: Value = serde_saphyr::from_str(&role).unwrap();
    let rules = role["rules"].as_array().unwrap();
    let classes =
        json!({"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["list"]});
    let reports = |group: &str, resources: [&str; 2]| json!({"apiGroups": [group], "resources": resources, "verbs": ["create", "delete", "list", "patch"]});
    for rule in [
        classes,
        reports("openreports.io", ["clusterreports", "reports"]),
        reports("wgpolicyk8s.io", ["clusterpolicyreports", "policyreports"]),
    ] {
        assert!(rules.contains(&rule), "{rule}: {role}");
    }
}

#[test]
fn several_policies_have_webhooks_of_their_own() {
    let files = directory(&[]);
    fs::write(files.path().join("mine.wasm"), component("", "")).unwrap();
    fs::write(files.path().join("storage.wasm"), ordinance_engine::builtin::COMPONENT).unwrap();
    let ended = run_in(files.path(), &["webhooks", "--policy", "mine.wasm", "--policy", "storage.wasm"]);
    for path in ["/mutate/hostile", "/validate/hostile", "/mutate/storage", "/validate/storage"] {
        assert!(ended.stdout.contains(&format!("path: {path}\n")), "{path}: {ended:?}");
    }
}

#[test]
fn refuses_two_policies_of_one_name() {
    let files = directory(&[]);
    for name in ["a.wasm", "b.wasm"] {
        fs::write(files.path().join(name), component("", "")).unwrap();
    }
    let ended = run_in(files.path(), &["webhooks", "--policy", "a.wasm", "--policy", "b.wasm"]);
    let reason = "--policy a.wasm and --policy b.wasm are both named \"hostile\"";
    assert!(ended.code == 2 && ended.stdout.is_empty() && ended.stderr.contains(reason), "{ended:?}");
}

#[test]
fn refuses_a_service_that_is_not_two_dns_labels() {
    for service in ["ordinance", "a/b/c", "/b", "a/", "A/b", "a/b c", "a/-b"] {
        let ended = run(&["webhooks", "--service", service]);
        assert!(ended.code == 64 && ended.stderr.contains("--service"), "{ended:?}");
    }
}
