//! The corpus of whole manifests: `check` gives the expected results, and `review` gives the same answer on each object.

use crate::files::directory;
use crate::run::run_in;
use ordinance::admission::Admission;
use ordinance::judge::Judge as _;
use ordinance::limits::Limits;
use ordinance_case::corpus::{CorpusManifest, corpus_manifests};
use ordinance_contract::{Phase, Request, Verdict};
use ordinance_engine::{Engine, Policy};
use ordinance_manifests::Manifest;
use ordinance_report::VerdictText;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/corpus")
}

fn corpus() -> Vec<CorpusManifest> {
    let manifests = corpus_manifests(&folder()).unwrap();
    assert!(manifests.len() >= 30, "{}", manifests.len());
    manifests
}

#[test]
fn check_gives_the_expected_results() {
    for CorpusManifest { path, expected } in corpus() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let ended = run_in(&folder(), &["check", "--output", "json", name]);
        let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        assert_eq!(ended.code, i32::from(report["summary"]["denied"] != 0), "{name}");
        let report = format!("{report:#}\n");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &report).unwrap();
        }
        assert_eq!(report, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
    }
}

#[test]
fn every_expectation_has_its_manifest() {
    let expected: Vec<PathBuf> = corpus().into_iter().map(|manifest| manifest.expected).collect();
    for entry in fs::read_dir(folder().join("expected")).unwrap() {
        let path = entry.unwrap().path();
        assert!(expected.contains(&path), "{}", path.display());
    }
}

/// The answer of a webhook has only text, so each answer of `ordinance review` is compared with the text of the
/// policy's findings.
#[test]
fn review_answers_with_the_text_of_the_findings_of_check() {
    let engine = Engine::new(Limits::default().engine()).unwrap();
    let policy = Admission::new(Policy::built_in(&engine, "").unwrap(), &Limits::default());
    for manifest in corpus() {
        manifest
            .check(policy.policy().description(), &|state, request| reviewed(&policy, state, request))
            .unwrap_or_else(|error| panic!("{}: {error}", manifest.path.display()));
    }
}

/// Asks the policy, and compares the text of its findings with the answer of `ordinance review`.
fn reviewed(policy: &Admission, state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String> {
    let verdict = judged(policy, state, request)?;
    if request.phase == Phase::Audit {
        // No webhook is asked about what is stored.
        return Ok(verdict);
    }
    // What `--state` has is stored.
    let stored: Vec<Manifest> = state.iter().cloned().map(Manifest::stored).collect();
    let expected = response(&judged(policy, &stored, request)?);
    let answered = review_response(&stored, request)?;
    if answered == expected {
        Ok(verdict)
    } else {
        Err(format!("expected {expected:#}, answered {answered:#}"))
    }
}

/// Asks the policy, with these objects in its index.
fn judged(policy: &Admission, state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String> {
    let policy = policy.with_empty_memory();
    let objects = state.iter().map(|object| (object.scope.borrowed(), &*object.json));
    policy.fill(objects).map_err(|failure| failure.to_string())?;
    let deadline = Instant::now() + Duration::from_secs(60);
    policy.judge(request, deadline).map_err(|failure| failure.to_string())
}

/// Returns the members of the response that hold the verdict's text and patch.
fn response(verdict: &Verdict) -> Value {
    let message = VerdictText::from_findings(&verdict.findings);
    let patch = verdict.patch.as_deref().filter(|_| verdict.is_allowed());
    json!({
        "allowed": verdict.is_allowed(),
        "message": message.message,
        "causes": message.causes,
        "warnings": message.warnings,
        "patch": patch.map(|patch| serde_json::from_str::<Value>(patch).unwrap()),
    })
}

/// Returns the same members of what `ordinance review` prints.
fn review_response(state: &[Manifest], request: &Request<'_>) -> Result<Value, String> {
    let items: Vec<Value> = state.iter().map(|object| serde_json::from_str(&object.json).unwrap()).collect();
    let files = directory(&[
        ("state.json", &json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()),
        ("review.json", &review(request).to_string()),
    ]);
    let phase = if request.phase == Phase::Mutate { "mutate" } else { "validate" };
    let ended = run_in(files.path(), &["review", "review.json", "--phase", phase, "--state", "state.json"]);
    let answer: Value = serde_json::from_str(&ended.stdout).map_err(|_| format!("{ended:?}"))?;
    let response = &answer["response"];
    let causes = response["status"]["details"]["causes"].as_array().into_iter().flatten();
    let causes = causes.map(|cause| json!({"field": text(&cause["field"]), "message": cause["message"]}));
    Ok(json!({
        "allowed": response["allowed"],
        "message": text(&response["status"]["message"]),
        "causes": causes.collect::<Vec<Value>>(),
        "warnings": response["warnings"].as_array().cloned().unwrap_or_default(),
        "patch": response["patch"].as_str().map(decoded),
    }))
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn decoded(patch: &str) -> Value {
    use base64::Engine as _;
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(patch).unwrap()).unwrap()
}
