//! `ordinance migrate`: plans from manifests and from a cluster.

use crate::files::directory;
use crate::host::argument;
use crate::run::{run, run_in, run_with_input};
use ordinance_testkit::apiserver::{ApiServer, ScriptedAnswer, Verb};
use serde_json::{Value, json};

/// A set of two replicas that share a claim.
fn set() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
        "replicas": 2,
        "template": {"spec": {
            "containers": [{"name": "web", "volumeMounts": [{"name": "www", "mountPath": "/www"}]}],
            "volumes": [{"name": "www", "persistentVolumeClaim": {"claimName": "pages"}}],
        }},
    }})
}

#[test]
fn a_plan_comes_from_files_and_from_stdin() {
    let files = directory(&[("web.json", &set().to_string())]);
    let from_file =
        run_in(files.path(), &["migrate", "statefulset/web", "-n", "shop", "--state", "web.json"]);
    assert_eq!((from_file.code, from_file.stderr.as_str()), (0, ""));
    assert!(
        from_file.stdout.contains("volume www on claim/shop/pages: from / to web-0, web-1"),
        "{}",
        from_file.stdout
    );
    let from_stdin =
        run_with_input(&["migrate", "web", "--namespace", "shop", "--state", "-"], &set().to_string());
    assert_eq!(from_stdin, from_file);
}

#[test]
fn a_plan_comes_from_a_cluster_and_its_script_reaches_the_same_one() {
    let api = ApiServer::start().unwrap();
    api.put("statefulsets", set());
    api.put(
        "pods",
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "admin", "namespace": "shop"}, "spec": {
        "volumes": [{"name": "x", "persistentVolumeClaim": {"claimName": "pages"}}]}}),
    );
    let files = directory(&[("kubeconfig", &api.kubeconfig())]);
    let kubeconfig = argument(&files.path().join("kubeconfig")).to_owned();
    let arguments = ["migrate", "web", "-n", "shop", "--kubeconfig", &kubeconfig, "--output", "script"];
    let ended = run(&arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stdout.contains(&format!("kubectl '--kubeconfig={kubeconfig}' --namespace")),
        "{}",
        ended.stdout
    );
    assert_eq!(ended.stderr, "warning: pod admin uses claim pages too: stop it while files are copied\n");
}

#[test]
fn who_may_read_only_the_namespace_gets_a_plan_and_who_may_not_is_told() {
    let api = ApiServer::start().unwrap();
    api.put("statefulsets", set());
    for resource in ["statefulsets", "persistentvolumeclaims", "horizontalpodautoscalers"] {
        api.script(resource, Verb::List, ScriptedAnswer::Status(403));
    }
    let files = directory(&[("kubeconfig", &api.kubeconfig())]);
    let kubeconfig = argument(&files.path().join("kubeconfig")).to_owned();
    let plan = || run(&["migrate", "web", "-n", "shop", "--kubeconfig", &kubeconfig]);
    let ended = plan();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(api.requests("statefulsets").len(), 2);
    api.script("persistentvolumes", Verb::List, ScriptedAnswer::Status(403));
    let ended = plan();
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("the cluster's persistentvolumes: "), "{}", ended.stderr);
}

#[test]
fn nothing_to_migrate_is_no_error() {
    let mut set = set();
    set["spec"]["template"]["spec"]["volumes"] = json!([{"name": "www", "emptyDir": {}}]);
    let files = directory(&[("web.json", &set.to_string())]);
    let plan = |output: &str| {
        run_in(files.path(), &["migrate", "web", "-n", "shop", "--state", "web.json", "--output", output])
    };
    assert_eq!(plan("text").stdout, "StatefulSet shop/web: nothing to migrate\n");
    let script = plan("script");
    assert_eq!((script.code, script.stdout.as_str()), (0, ""));
    assert_eq!(script.stderr, "warning: StatefulSet shop/web: nothing to migrate\n");
    let data: Value = serde_json::from_str(&plan("json").stdout).unwrap();
    assert_eq!(data["migrations"], json!([]));
}

#[test]
fn without_a_plan_the_code_is_2_and_the_message_names_the_way_out() {
    let files = directory(&[("web.json", &set().to_string()), ("broken.yaml", "a: [")]);
    let code = |arguments: &[&str]| {
        let ended = run_in(files.path(), &[&["migrate"], arguments].concat());
        assert_eq!(ended.stdout, "");
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        (ended.code, ended.stderr)
    };
    let (missing, message) = code(&["other", "-n", "shop", "--state", "web.json"]);
    assert!(missing == 2 && message.contains("there is no StatefulSet shop/other"), "{message}");
    let (broken, message) = code(&["web", "-n", "shop", "--state", "broken.yaml"]);
    assert!(broken == 2 && message.contains("broken.yaml"), "{message}");
    let (unreachable, message) = code(&["web", "--kubeconfig", "absent"]);
    assert!(unreachable == 2 && message.contains("--kubeconfig"), "{message}");
}

#[test]
fn two_sources_and_other_kinds_are_bad_usage() {
    for arguments in [
        ["web", "--state", "a", "--kubeconfig", "b"].as_slice(),
        &["deployment/web"],
        &["web", "--owner", "first"],
        &[],
    ] {
        let ended = run(&[&["migrate"], arguments].concat());
        assert_eq!(ended.code, 64, "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn a_name_that_would_add_commands_to_the_script_is_refused() {
    for name in [
        "shared\nEND_OF_DOCUMENT\n}\ntouch added\nother() {\n    cat << 'END_OF_DOCUMENT'",
        "a\u{1b}[2J",
        "a\u{202e}b",
    ] {
        let name = serde_json::to_string(name).unwrap();
        let set = format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: web, namespace: default}}\nspec:\n  replicas: 2\n  template:\n    \
             spec:\n      containers: [{{name: app, volumeMounts: [{{name: data, mountPath: /data}}]}}]\n      \
             volumes: [{{name: data, persistentVolumeClaim: {{claimName: {name}}}}}]\n"
        );
        let files = directory(&[("set.yaml", &set)]);
        for output in ["text", "script", "yaml", "json"] {
            let ended = run_in(files.path(), &["migrate", "web", "--state", "set.yaml", "--output", output]);
            assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
            assert!(ended.stderr.contains("which no script may have; rename it"), "{ended:?}");
        }
    }
}
