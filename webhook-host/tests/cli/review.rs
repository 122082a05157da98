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
    let allowed = run_in(files.path(), &["review", "review.json"]);
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
        (r#"{"kind":"Pod","apiVersion":"v1"}"#, "the body is not of kind AdmissionReview"),
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

#[test]
fn the_answer_equals_the_servers_byte_for_byte() {
    let host = Host::start(&[]);
    let padding = "x".repeat(7 * 1024 * 1024);
    let large = format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u-1","padding":"{padding}"}}}}"#
    );
    for review in [creation(&volume("pv", "/a/../b")).to_string(), large] {
        let ended = run_with_input(&["review"], &review);
        assert_eq!(ended.stdout, host.post("/mutate/storage?timeout=5s", &review).body);
    }
}
