//! `ordinance review`: one review, answered offline.

use crate::files::{creation, directory, volume};
use crate::host::{Host, argument};
use crate::run::{run, run_in, run_with_input};
use serde_json::{Value, json};

#[test]
fn an_allowed_review_exits_with_0_and_a_denied_one_with_1() {
    let pv = volume("pv", "/srv/www");
    let files = directory(&[
        ("review.json", &creation(&volume("pv2", "/srv/www/")).to_string()),
        ("state.json", &json!({ "apiVersion": "v1", "kind": "List", "items": [pv] }).to_string()),
    ]);
    let allowed = run_in(files.path(), &["review", "--phase", "validate", "review.json"]);
    assert_eq!((allowed.code, allowed.stderr.as_str()), (0, ""), "{allowed:?}");
    let denied =
        run_in(files.path(), &["review", "--phase", "validate", "--state", "state.json", "review.json"]);
    let answer: Value = serde_json::from_str(&denied.stdout).unwrap();
    assert_eq!((denied.code, denied.stderr.as_str()), (1, ""));
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("PersistentVolume \"pv\"") && message.contains("nfs://10.0.0.5/srv/www"),
        "{message}"
    );
}

#[test]
fn state_may_be_a_directory_and_be_repeated() {
    let files = directory(&[
        ("notes.txt", "not read"),
        ("a.json", &volume("a", "/a").to_string()),
        ("b.yaml", &volume("b", "/b").to_string()),
    ]);
    let also = directory(&[("c.json", &volume("c", "/c").to_string())]);
    let file = also.path().join("c.json");
    let state = ["--state", argument(files.path()), "--state", argument(&file)];
    for path in ["/a", "/b", "/c"] {
        let mut arguments = vec!["review", "-"];
        arguments.extend(state);
        assert_eq!(run_with_input(&arguments, &creation(&volume("new", path)).to_string()).code, 1, "{path}");
    }
}

#[test]
fn settings_change_the_verdict() {
    let state = volume("pv", "/srv/www").to_string();
    let files = directory(&[
        ("state.json", &state),
        ("warn.yaml", "mode: Warn\n"),
        ("review.json", &creation(&volume("pv2", "/srv/www")).to_string()),
    ]);
    let ended =
        run_in(files.path(), &["review", "review.json", "--state", "state.json", "--settings", "warn.yaml"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("\"warnings\""), "{}", ended.stdout);
}

#[test]
fn an_invalid_review_is_refused_with_the_servers_reason() {
    for (input, why) in [
        ("{", "the body is not an AdmissionReview"),
        (r#"{"kind":"Pod"}"#, "the body is not of kind AdmissionReview"),
        (r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}"#, "admission.k8s.io/v1"),
        (
            r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#,
            "the AdmissionReview has no request",
        ),
    ] {
        let ended = run_with_input(&["review"], input);
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.lines().count()),
            (2, "", 1),
            "{ended:?}"
        );
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
    let missing = run(&["review", "none.json"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.starts_with("error: none.json: No such file or directory"), "{}", missing.stderr);
}

/// Returns the AdmissionReview of the creation of a set of two replicas that mount one claim, at a sub-path if one is given.
fn creation_of_set(sub_path: Option<&str>) -> Value {
    let mut mount = json!({"name": "data", "mountPath": "/data"});
    if let Some(path) = sub_path {
        mount["subPath"] = path.into();
    }
    let mut review = creation(&json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 2, "template": {"spec": {
            "containers": [{"name": "web", "volumeMounts": [mount]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        }}},
    }));
    let request = &mut review["request"];
    request["kind"]["group"] = "apps".into();
    request["resource"] = json!({"group": "apps", "version": "v1", "resource": "statefulsets"});
    request["namespace"] = "default".into();
    review
}

/// Returns a review that exceeds the limit of 7 MiB, with its uid after this many bytes.
fn too_large(before_uid: usize) -> String {
    let (before, padding) = ("x".repeat(before_uid), "x".repeat(7 * 1024 * 1024));
    let head = r#""kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1""#;
    format!(r#"{{{head},"before":"{before}","request":{{"uid":"u-1","padding":"{padding}"}}}}"#)
}

#[test]
fn the_answer_equals_the_servers_byte_for_byte() {
    let host = Host::start(&[]);
    let large = too_large(0);
    for (phase, review, code, part) in [
        ("validate", creation(&volume("pv", "/a/../b")).to_string(), 0, r#""allowed":true"#),
        ("mutate", creation_of_set(None).to_string(), 0, r#""patchType":"JSONPatch""#),
        ("validate", creation_of_set(None).to_string(), 1, r#""code":403"#),
        ("mutate", creation_of_set(Some("a")).to_string(), 1, r#""allowed":false"#),
        ("mutate", large.clone(), 1, r#""code":413"#),
        ("validate", large, 1, "limits.bodyBytes"),
    ] {
        let ended = run_with_input(&["review", "--phase", phase], &review);
        assert_eq!((ended.code, ended.stderr.as_str()), (code, ""), "{ended:?}");
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
        let reply = host.post(&format!("/{phase}/storage?timeout=5s"), &review);
        assert_eq!((reply.status, &reply.body), (200, &ended.stdout));
    }
}

#[test]
fn a_review_without_an_answer_gets_the_servers_reason() {
    let host = Host::start(&[]);
    let mut long = creation(&volume("pv", "/a"));
    long["request"]["name"] = "n".repeat(254).into();
    for (review, status) in [
        ("{".to_owned(), 400),
        (long.to_string(), 400),
        (r#"{"kind":"Pod"}"#.to_owned(), 400),
        // The server looks for the uid in the first 4 KiB.
        (too_large(5_000), 413),
    ] {
        let reply = host.post("/mutate/storage?timeout=5s", &review);
        let ended = run_with_input(&["review"], &review);
        assert_eq!((ended.code, ended.stdout.as_str(), reply.status), (2, "", status));
        assert_eq!(ended.stderr, format!("error: {}\n", reply.body.trim_end()));
    }
}
