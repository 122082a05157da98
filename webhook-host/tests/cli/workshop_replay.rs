//! `ordinance record` and `ordinance replay`: reviews that a server keeps, and what another policy would have answered to them.

use crate::files::{creation, directory, volume};
use crate::host::{Host, argument};
use crate::run::{Ended, run, run_in};
use serde_json::{Value, json};
use std::fs;

/// The settings of a server that keeps reviews, with further members of `recording`.
fn config(recording: &str) -> String {
    format!("recording: {{listen: \"127.0.0.1:0\", {recording}}}\n")
}

/// Starts a server that keeps reviews. Returns it with the URL of its recording.
fn recording_host(files: &tempfile::TempDir) -> (Host, String) {
    let host = Host::start(&["--config", argument(&files.path().join("o.yaml"))]);
    let line = host
        .seen
        .iter()
        .find(|line| line.contains("ordinance record --from "))
        .expect("a line about the recording");
    let (_, url) = line.split_once("--from ").unwrap();
    let url = url.split(['`', ' ', '"']).next().unwrap().to_owned();
    (host, url)
}

/// Waits until the recording has so many lines, and returns them.
fn lines(url: &str, count: usize) -> Vec<Value> {
    for _ in 0..100 {
        let ended = run(&["record", "--from", url]);
        assert_eq!(ended.code, 0, "{ended:?}");
        if ended.stdout.lines().count() >= count {
            return ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the server does not keep {count} reviews");
}

/// Returns the creation of a Secret by a user.
fn secret() -> Value {
    let mut review = creation(
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "cHJpdmF0ZQ=="}}),
    );
    review["request"]["userInfo"] = json!({"username": "jane"});
    review
}

#[test]
fn a_server_keeps_the_last_reviews_without_their_private_parts() {
    let files = directory(&[("o.yaml", &config("reviews: 2"))]);
    let (host, url) = recording_host(&files);
    for (path, review) in [
        ("/validate/storage", creation(&volume("first", "/a"))),
        ("/validate/storage", json!({})),
        ("/validate/storage", json!({"kind": "AdmissionReview", "request": null})),
        ("/validate/storage", creation(&volume("second", "/b"))),
        ("/mutate/storage", secret()),
    ] {
        host.post(path, &review.to_string());
    }
    for _ in 0..100 {
        if host.metrics().contains("recorded_reviews_total{outcome=\"Kept\"} 3") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let kept = lines(&url, 2);
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!((&kept[0]["phase"], &kept[0]["policy"]), (&json!("validate"), &json!("storage")));
    assert_eq!(kept[0]["review"]["request"]["name"], "second");
    let text = kept[1].to_string();
    assert!(!text.contains("jane") && !text.contains("cHJpdmF0ZQ==") && text.contains("Secret"), "{text}");
}

#[test]
fn a_recording_becomes_files_that_are_replayed() {
    let files = directory(&[("o.yaml", &config("reviews: 10")), ("warn.yaml", "mode: Warn\n")]);
    let (host, url) = recording_host(&files);
    for name in ["one", "other"] {
        host.post("/validate/storage", &creation(&volume(name, "/a")).to_string());
    }
    lines(&url, 2);
    let reviews = files.path().join("reviews");
    let ended = run(&["record", "--from", &url, "--directory", argument(&reviews)]);
    assert!(ended.code == 0 && ended.stderr.starts_with("2 reviews written to "), "{ended:?}");
    assert!(reviews.join("0001-validate-create-persistentvolumes-one.json").is_file());
    let again = run(&["record", "--from", &url, "--directory", argument(&reviews)]);
    assert!(again.code == 2 && again.stderr.contains("give an empty directory"), "{again:?}");
    let ended = run_in(files.path(), &["replay", "--settings", "warn.yaml", "reviews"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stdout.contains("(verdict)      denied  admitted    1        CREATE PersistentVolume other"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("2 reviews replayed, 1 answer changes"), "{}", ended.stdout);
}

#[test]
fn nothing_is_kept_by_default_and_wrong_recordings_are_refused() {
    let host = Host::start(&[]);
    assert!(!host.seen.iter().any(|line| line.contains("ordinance record")), "{:?}", host.seen);
    let files = directory(&[("o.yaml", "recording: {reviews: 1, bytes: 0}\n")]);
    let ended = run_in(files.path(), &["serve", "--self-signed", "--config", "o.yaml"]);
    assert!(ended.code == 2 && ended.stderr.contains("has no room for a review"), "{ended:?}");
    let ended = run(&["record", "--from", "https://127.0.0.1:1"]);
    assert!(ended.code == 2 && ended.stderr.contains("give a URL such as http://"), "{ended:?}");
    let ended = run(&["record", "--from", "http://127.0.0.1:1"]);
    assert!(
        ended.code == 2 && ended.stderr.contains("can't connect; is `recording.reviews` set"),
        "{ended:?}"
    );
}

/// Replays the recorded reviews of the test data.
fn replay(flags: &[&str]) -> Ended {
    let reviews = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/reviews");
    let files = directory(&[("warn.yaml", "mode: Warn\n"), ("enforce.yaml", "mode: Enforce\n")]);
    run_in(files.path(), &[&["replay", reviews], flags].concat())
}

#[test]
fn equal_policies_answer_alike() {
    let ended = replay(&["--settings", "enforce.yaml"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert!(ended.stdout.ends_with(" reviews replayed, no answer changes\n"), "{}", ended.stdout);
}

#[test]
fn each_kind_of_change_is_counted_with_an_example() {
    let ended = replay(&["--settings", "warn.yaml", "--output", "json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, 1, "{report:#}");
    let changes = report["changes"].as_array().unwrap();
    let of = |what: &str| changes.iter().filter(|change| change["what"] == what).collect::<Vec<_>>();
    let verdict = of("verdict")[0];
    assert_eq!((&verdict["before"], &verdict["after"]), (&json!("denied"), &json!("admitted")));
    assert_eq!(verdict["example"]["before"]["allowed"], false);
    let patch = of("patch")[0];
    assert_eq!(patch["after"], "-", "{patch:#}");
    assert!(patch["example"]["before"]["patch"][0]["path"].is_string(), "{patch:#}");
    let rule = of("rule")
        .into_iter()
        .find(|change| change["rule"] == "shared-export")
        .expect("a change of the rule");
    assert_eq!((&rule["before"], &rule["after"]), (&json!("deny"), &json!("would-deny")));
    let sum: u64 = of("verdict").iter().filter_map(|change| change["reviews"].as_u64()).sum();
    assert!(sum <= report["changed"].as_u64().unwrap() && sum > 0, "{report:#}");
}

#[test]
fn equal_sides_and_unreadable_reviews_are_errors() {
    let ended = replay(&[]);
    assert!(ended.code == 64 && ended.stderr.contains("both sides are the same"), "{ended:?}");
    let files = directory(&[("a/bad.json", "{"), ("a/lines.jsonl", "{}\n"), ("warn.yaml", "mode: Warn\n")]);
    let ended = run_in(files.path(), &["replay", "--settings", "warn.yaml", "a", "missing"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    for place in ["a/bad.json: ", "a/lines.jsonl:1: ", "missing: "] {
        assert!(ended.stderr.contains(place), "{place}: {}", ended.stderr);
    }
    fs::create_dir(files.path().join("empty")).unwrap();
    let ended = run_in(files.path(), &["replay", "--settings", "warn.yaml", "empty"]);
    assert!(ended.code == 2 && ended.stderr.contains("no recorded review is there"), "{ended:?}");
}

#[test]
fn reads_a_byte_order_mark_as_review_does_and_refuses_what_the_server_would() {
    let review = creation(&volume("first", "/a"));
    let mut large = review.clone();
    large["request"]["object"]["metadata"]["annotations"] = json!({"x": "x".repeat(8 * 1024 * 1024)});
    let files = directory(&[
        ("marked.json", &format!("\u{feff}{review}")),
        ("large.json", &large.to_string()),
        ("warn.yaml", "mode: Warn\n"),
    ]);
    let ended = run_in(files.path(), &["replay", "--settings", "warn.yaml", "marked.json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let ended = run_in(files.path(), &["replay", "--settings", "warn.yaml", "large.json"]);
    assert!(ended.code == 2 && ended.stderr.contains("large.json: the review is larger than"), "{ended:?}");
}

/// Answers one request on a port with this body, and returns what `ordinance record` says to it.
fn recorded_from(body: &'static str, arguments: &[&str]) -> Ended {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    let ended = run(&[&["record", "--from", &url], arguments].concat());
    server.join().unwrap();
    ended
}

#[test]
fn what_is_no_recording_is_neither_printed_nor_written() {
    let files = directory(&[]);
    let target = files.path().join("reviews");
    for arguments in [&[][..], &["--directory", argument(&target)]] {
        let ended = recorded_from("<html>\u{1b}[31m</html>", arguments);
        assert!(ended.code == 2 && ended.stdout.is_empty(), "{ended:?}");
        assert!(ended.stderr.contains("something else than reviews"), "{ended:?}");
    }
    assert!(!target.exists());
    let ended = run(&["record", "--from", "http://127.0.0.1:99999"]);
    assert!(
        ended.code == 2 && ended.stderr.contains("the port must be a number from 0 to 65535"),
        "{ended:?}"
    );
}
