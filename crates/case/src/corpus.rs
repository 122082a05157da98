//! Whole manifests, each with the expected report of `ordinance check`, for any build of a policy.
//!
//! The objects are created in order, each by a mutating and then a validating review. Admitted objects exist for later
//! ones, and claims exist from the start.

use crate::format::{ExpectedFinding, ExpectedFix, reference};
use ordinance_contract::{Finding, Phase, Request, Severity, Verdict};
use ordinance_json::applied;
use ordinance_manifests::{Manifest, read_wanted};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A manifest and what is expected of it.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The file.
    pub path: PathBuf,
    /// What `ordinance check --output json` says, indented.
    pub expected: PathBuf,
}

/// The result of checking one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// True if both reviews admit it.
    pub allowed: bool,
    /// The findings of both reviews, each once.
    pub findings: Vec<ExpectedFinding>,
    /// The patch of the mutating review.
    pub patch: Vec<Value>,
}

/// The part of the JSON of `check` that every build must agree on.
#[derive(Deserialize)]
struct Expected {
    results: Vec<ExpectedResult>,
}

#[derive(Deserialize)]
struct ExpectedResult {
    allowed: bool,
    findings: Vec<ReportedFinding>,
    patch: Vec<Value>,
}

/// A finding as the report has it: with its line, and with related objects as records.
#[derive(Deserialize)]
struct ReportedFinding {
    rule: String,
    severity: Severity,
    field: String,
    fact: String,
    remedy: String,
    related: Vec<RelatedObject>,
    fixes: Vec<ExpectedFix>,
}

#[derive(Deserialize)]
struct RelatedObject {
    resource: String,
    namespace: String,
    name: String,
}

/// Asks a build for a verdict, given what exists.
pub type Ask<'a> = &'a dyn Fn(&[Manifest], &Request<'_>) -> Result<Verdict, String>;

/// The manifests of a folder in the order of their names.
///
/// # Errors
///
/// A folder that can't be read.
pub fn pieces(folder: &Path) -> Result<Vec<Piece>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut pieces = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if let Some(name) = path.file_name().filter(|name| path.is_file() && *name != "README.md") {
            let expected = folder.join("expected").join(format!("{}.json", name.to_string_lossy()));
            pieces.push(Piece { expected, path });
        }
    }
    pieces.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(pieces)
}

// === impl Piece ===

impl Piece {
    /// Whether a build says what is expected.
    ///
    /// # Errors
    ///
    /// What can't be read, the object on which there is no verdict, or the first on which it says something else.
    pub fn check(&self, ask: Ask<'_>) -> Result<(), String> {
        let read =
            |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let expected: Expected =
            serde_json::from_str(&read(&self.expected)?).map_err(|error| error.to_string())?;
        let expected: Vec<Checked> = expected.results.into_iter().map(Checked::from).collect();
        let checked = play(&read(&self.path)?, ask)?;
        if checked.len() != expected.len() {
            return Err(format!("{} objects were judged, not {}", checked.len(), expected.len()));
        }
        let mut pairs = checked.iter().zip(&expected).enumerate();
        match pairs.find(|(_, (checked, expected))| checked != expected) {
            Some((position, (checked, expected))) => {
                Err(format!("object {position}: expected {expected:#?}, answered {checked:#?}"))
            }
            None => Ok(()),
        }
    }
}

/// The kinds that the built-in policy knows.
fn is_known(api_version: &str, kind: &str) -> bool {
    matches!(
        (api_version, kind),
        ("apps/v1", "StatefulSet")
            | ("v1", "PersistentVolume" | "PersistentVolumeClaim")
            | ("storage.k8s.io/v1", "StorageClass")
    )
}

fn play(text: &str, ask: Ask<'_>) -> Result<Vec<Checked>, String> {
    let objects: Vec<Manifest> = read_wanted(text, "default", &is_known)
        .objects
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let is_claim = |object: &&Manifest| object.kind == "PersistentVolumeClaim";
    let mut state: Vec<Manifest> = objects.iter().filter(is_claim).cloned().collect();
    objects.iter().map(|object| create(object, &mut state, ask)).collect()
}

fn create(object: &Manifest, state: &mut Vec<Manifest>, ask: Ask<'_>) -> Result<Checked, String> {
    let mut request = object.creation(Phase::Mutate);
    let mutated = ask(state, &request)?;
    if !mutated.is_allowed() {
        return Checked::new(mutated, Vec::new(), Vec::new());
    }
    let patch: Vec<Value> = match &mutated.patch {
        Some(patch) => serde_json::from_str(patch).map_err(|error| error.to_string())?,
        None => Vec::new(),
    };
    let patched = applied(&object.json, &patch)?;
    request.object = Some((&*patched).into());
    request.phase = Phase::Validate;
    let validated = ask(state, &request)?;
    if validated.is_allowed() {
        state.retain(|other| other.scope != object.scope);
        state.push(Manifest { json: patched, ..object.clone() });
    }
    Checked::new(validated, mutated.findings, patch)
}

// === impl RelatedObject ===

impl RelatedObject {
    fn reference(&self) -> String {
        reference(&self.resource, &self.namespace, &self.name)
    }
}

// === impl Checked ===

impl Checked {
    /// Joins the findings of both verdicts: each once, denials first.
    fn new(verdict: Verdict, mut findings: Vec<Finding>, patch: Vec<Value>) -> Result<Self, String> {
        let allowed = verdict.is_allowed();
        for finding in verdict.findings {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        findings.sort_by_key(|finding| finding.severity);
        let findings = findings.into_iter().map(ExpectedFinding::try_from).collect::<Result<_, _>>()?;
        Ok(Self { allowed, findings, patch })
    }
}

impl From<ExpectedResult> for Checked {
    fn from(result: ExpectedResult) -> Self {
        let finding = |finding: ReportedFinding| ExpectedFinding {
            rule: finding.rule,
            severity: finding.severity,
            field: finding.field,
            fact: finding.fact,
            remedy: finding.remedy,
            related: finding.related.iter().map(RelatedObject::reference).collect(),
            fixes: finding.fixes,
        };
        let findings = result.findings.into_iter().map(finding).collect();
        Self { allowed: result.allowed, findings, patch: result.patch }
    }
}
