//! The corpus of whole manifests: what `check` says of each, and that `review` says the same of each object.

use crate::files::directory;
use crate::run::run_in;
use ordinance_case::corpus::{Piece, pieces};
use ordinance_contract::{Cause, Phase, Request, Verdict};
use ordinance_manifests::Manifest;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/corpus")
}

fn corpus() -> Vec<Piece> {
    let pieces = pieces(&folder()).unwrap();
    assert!(pieces.len() >= 30, "{}", pieces.len());
    pieces
}

#[test]
fn check_says_of_every_manifest_what_its_file_says() {
    for Piece { path, expected } in corpus() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let ended = run_in(&folder(), &["check", "--output", "json", name]);
        let told: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        assert_eq!(ended.code, i32::from(told["summary"]["denied"] != 0), "{name}");
        let told = format!("{told:#}\n");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        assert_eq!(told, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
    }
}

#[test]
fn every_expectation_has_its_manifest() {
    let expected: Vec<PathBuf> = corpus().into_iter().map(|piece| piece.expected).collect();
    for entry in fs::read_dir(folder().join("expected")).unwrap() {
        let path = entry.unwrap().path();
        assert!(expected.contains(&path), "{}", path.display());
    }
}

#[test]
fn review_says_of_every_object_what_check_says() {
    for piece in corpus() {
        piece.check(&reviewed).unwrap_or_else(|error| panic!("{}: {error}", piece.path.display()));
    }
}

/// The verdict of `ordinance review`.
fn reviewed(state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String> {
    let items: Vec<Value> = state.iter().map(|object| serde_json::from_str(&object.json).unwrap()).collect();
    let files = directory(&[
        ("state.json", &json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()),
        ("review.json", &review(request).to_string()),
    ]);
    let phase = if request.phase == Phase::Mutate { "mutate" } else { "validate" };
    let ended = run_in(files.path(), &["review", "review.json", "--phase", phase, "--state", "state.json"]);
    let answer: Value = serde_json::from_str(&ended.stdout).map_err(|_| format!("{ended:?}"))?;
    Ok(verdict(&answer["response"]))
}

fn review(request: &Request<'_>) -> Value {
    let scope = &request.scope;
    let object: Value = serde_json::from_str(request.object.as_deref().unwrap()).unwrap();
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "1", "operation": "CREATE", "name": scope.name, "namespace": scope.namespace,
        "kind": {"group": scope.group, "version": scope.version, "kind": request.kind},
        "resource": {"group": scope.group, "version": scope.version, "resource": scope.resource},
        "object": object,
    }})
}

fn verdict(response: &Value) -> Verdict {
    let texts = |list: &Value| list.as_array().into_iter().flatten().map(text).collect();
    let causes = response["status"]["details"]["causes"].as_array().into_iter().flatten();
    let cause = |cause: &Value| Cause { field: text(&cause["field"]), message: text(&cause["message"]) };
    Verdict {
        allowed: response["allowed"] == true,
        message: text(&response["status"]["message"]),
        causes: causes.map(cause).collect(),
        warnings: texts(&response["warnings"]),
        patch: response["patch"].as_str().map(decoded),
        audit: Vec::new(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn decoded(patch: &str) -> String {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(patch).unwrap()).unwrap()
}
