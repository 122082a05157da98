//! Hostile policies: every command that runs one says in one line what is wrong, ends, and has the exit code 2.

use crate::files::{creation, directory, volume};
use crate::run::{Ended, run_in};
use ordinance_testkit::guest::component;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

/// A policy that misbehaves in its review, and what is said of it.
struct HostilePolicy {
    name: &'static str,
    review: String,
    more: String,
    said: &'static str,
}

/// Returns instructions that store a number in memory.
fn store(address: u32, number: u32) -> String {
    format!("(i32.store (i32.const {address}) (i32.const {number}))")
}

/// Returns a policy that answers with a patch.
fn patching(name: &'static str, patch: &str, said: &'static str) -> HostilePolicy {
    let review = store(268, 1) + &store(272, 2048) + &store(276, u32::try_from(patch.len()).unwrap());
    HostilePolicy { name, review, more: format!("(data (i32.const 2048) {patch:?})"), said }
}

fn hostile_policies() -> Vec<HostilePolicy> {
    let acting = |name, review: &str, more: &str, said| HostilePolicy {
        name,
        review: review.to_owned(),
        more: more.to_owned(),
        said,
    };
    let huge = store(268, 1) + &store(272, 0) + &store(276, 2_147_483_647);
    let large = store(268, 1) + &store(272, 0) + &store(276, 2 << 20);
    let bytes = store(268, 1) + &store(272, 2048) + &store(276, 2);
    vec![
        acting("traps", "unreachable", "", "trapped: wasm trap: wasm `unreachable` instruction executed"),
        acting("loops", "(loop (br 0))", "", "ran longer than 1000 ms"),
        acting("recurses", "(call $f)", "(func $f (call $f))", "needed more than 524288 bytes of stack"),
        acting(
            "allocates",
            "(loop (drop (memory.grow (i32.const 16))) (br 0))",
            "",
            "needed more than 67108864 bytes of memory",
        ),
        acting("answers-2-gib", &huge, "", "invalid response: string pointer/length out of bounds of memory"),
        acting("answers-2-mib", &large, "", "answered with more than 1048576 bytes"),
        acting("not-utf-8", &bytes, r#"(data (i32.const 2048) "\ff\fe")"#, "invalid utf-8 sequence"),
        patching("no-patch", "nonsense", "a patch that is not a JSON Patch (RFC 6902)"),
        patching(
            "other-object",
            r#"[{"op":"add","path":"/metadata/name","value":"other"}]"#,
            "its operation 0 changes metadata.name, so that it would make another object",
        ),
        patching("whole", r#"[{"op":"replace","path":"","value":{}}]"#, "changes the whole object"),
    ]
}

/// Returns policies whose patch the server passes on, and which the API server refuses.
fn misfitting_patches() -> [HostilePolicy; 3] {
    let misfit = |name, patch, said| patching(name, patch, said);
    [
        misfit("no-path", r#"[{"op":"replace","path":"/no/such","value":1}]"#, "failed at path '/no/such'"),
        misfit("test", r#"[{"op":"test","path":"/kind","value":"Nope"}]"#, "failed at path '/kind'"),
        misfit("remove", r#"[{"op":"remove","path":"/spec/none"}]"#, "failed at path '/spec/none'"),
    ]
}

/// Returns a directory with a policy, one that allows everything, a review, its manifest and a suite.
fn workshop(policy: &HostilePolicy) -> TempDir {
    let thing = json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "one"}, "spec": {}});
    let mut review = creation(&volume("one", "/srv"));
    review["request"]["object"] = thing.clone();
    review["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "Thing"});
    review["request"]["resource"] = json!({"group": "", "version": "v1", "resource": "things"});
    let case = format!("why: it is hostile\nrequest:\n  object: {thing}\nexpect: {{allowed: true}}\n");
    let files = directory(&[
        ("review.json", &review.to_string()),
        ("thing.json", &thing.to_string()),
        ("cases/one.yaml", &case),
    ]);
    fs::write(files.path().join("policy.wasm"), component(&policy.review, &policy.more)).unwrap();
    fs::write(files.path().join("fine.wasm"), component("", "")).unwrap();
    files
}

/// Runs all commands that review, but for `review` itself.
fn commands(files: &TempDir) -> Vec<Ended> {
    let commands: [&[&str]; 4] = [
        &["check", "--policy", "policy.wasm", "thing.json"],
        &["test", "--policy", "policy.wasm", "--allow-unfired", "cases"],
        &["bench", "policy.wasm", "review.json", "--time", "50ms"],
        &["replay", "--policy", "policy.wasm", "--old-policy", "fine.wasm", "review.json"],
    ];
    commands.iter().map(|command| run_in(files.path(), command)).collect()
}

/// Asserts that one line of the output says what is wrong.
fn assert_said(policy: &HostilePolicy, ended: &Ended) {
    assert_eq!(ended.code, 2, "{}: {ended:?}", policy.name);
    let lines = ended.stdout.lines().chain(ended.stderr.lines());
    assert_eq!(lines.filter(|line| line.contains(policy.said)).count(), 1, "{}: {ended:?}", policy.name);
}

#[test]
fn every_command_says_what_a_hostile_policy_does() {
    for policy in hostile_policies() {
        let files = workshop(&policy);
        let ended = run_in(files.path(), &["review", "--policy", "policy.wasm", "review.json"]);
        assert_said(&policy, &ended);
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(answer["response"]["status"]["code"], 500, "{}", policy.name);
        commands(&files).iter().for_each(|ended| assert_said(&policy, ended));
    }
}

#[test]
fn every_command_says_that_a_patch_does_not_fit() {
    for policy in misfitting_patches() {
        let files = workshop(&policy);
        // The server passes such a patch on, and so does `review`.
        let ended = run_in(files.path(), &["review", "--policy", "policy.wasm", "review.json"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stderr.contains("the API server will refuse the request"), "{ended:?}");
        for command in [
            &["check", "--policy", "policy.wasm", "thing.json"][..],
            &["test", "--policy", "policy.wasm", "--allow-unfired", "cases"],
            &["replay", "--policy", "policy.wasm", "--old-policy", "fine.wasm", "review.json"],
        ] {
            assert_said(&policy, &run_in(files.path(), command));
        }
    }
}

#[test]
fn a_start_function_that_never_ends_or_traps_keeps_the_policy_from_being_loaded() {
    for (start, said) in
        [("(loop (br 0))", "ran longer than 1000 ms"), ("unreachable", "`unreachable` instruction executed")]
    {
        let more = format!("(func $start {start}) (start $start)");
        let policy = HostilePolicy { name: "start", review: String::new(), more, said };
        let files = workshop(&policy);
        for command in [&["inspect", "policy.wasm"][..], &["explain", "--policy", "policy.wasm"]] {
            assert_said(&policy, &run_in(files.path(), command));
        }
        commands(&files).iter().for_each(|ended| assert_said(&policy, ended));
    }
}

#[test]
fn a_replay_counts_the_reviews_without_an_answer() {
    let files = workshop(&hostile_policies()[0]);
    let replay = ["replay", "--policy", "policy.wasm", "--old-policy", "fine.wasm", "review.json"];
    let ended = run_in(files.path(), &replay);
    assert_eq!(ended.stdout, "1 review replayed, 1 without an answer; of the others no answer changes\n");
}
