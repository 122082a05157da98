//! A corpus of whole manifests, each with the expected report of `ordinance check`.
//!
//! A build reviews the objects of a manifest as `ordinance check` does: in order, each by a mutating and then a
//! validating review. Objects of the kinds that precede others are stored from the start, other objects once they are
//! admitted.

use crate::case::{ExpectedFinding, ExpectedFix, reference};
use ordinance_contract::{Description, Finding, Phase, Request, Severity, Verdict};
use ordinance_json::applied;
use ordinance_manifests::{Manifest, plural, read_wanted};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A manifest with its expected report.
#[derive(Clone, Debug)]
pub struct CorpusManifest {
    /// The manifest's file.
    pub path: PathBuf,
    /// The file with the indented output of `ordinance check --output json`.
    pub expected: PathBuf,
}

/// The result of both reviews of an object.
#[derive(Debug, PartialEq)]
struct ReviewedObject {
    allowed: bool,
    /// The findings of both reviews, each once.
    findings: Vec<ExpectedFinding>,
    /// The patch of the mutating review.
    patch: Vec<Value>,
}

/// The members of the JSON report that every build must reproduce.
#[derive(Deserialize)]
struct ExpectedReport {
    results: Vec<ExpectedResult>,
}

#[derive(Deserialize)]
struct ExpectedResult {
    allowed: bool,
    findings: Vec<ReportedFinding>,
    patch: Vec<Value>,
}

/// A finding of the JSON report, whose related objects are records.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReportedFinding {
    rule: String,
    severity: Severity,
    would_deny: bool,
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

/// Returns a build's verdict on a request, given the stored objects.
pub type VerdictFn<'a> = &'a dyn Fn(&[Manifest], &Request<'_>) -> Result<Verdict, String>;

/// Returns the manifests of a folder, sorted by name.
///
/// # Errors
///
/// The folder can't be read.
pub fn corpus_manifests(folder: &Path) -> Result<Vec<CorpusManifest>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut manifests = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if let Some(name) = path.file_name().filter(|name| path.is_file() && *name != "README.md") {
            let expected = folder.join("expected").join(format!("{}.json", name.to_string_lossy()));
            manifests.push(CorpusManifest { expected, path });
        }
    }
    manifests.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(manifests)
}

// === impl CorpusManifest ===

impl CorpusManifest {
    /// Compares a build's reviews of the objects with the expected report. The policy's description decides which
    /// objects are reviewed.
    ///
    /// # Errors
    ///
    /// A file can't be read, the build gives no verdict on an object, or a result differs: then the error shows both.
    pub fn check(&self, description: &Description, verdict: VerdictFn<'_>) -> Result<(), String> {
        let read =
            |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let expected: ExpectedReport =
            serde_json::from_str(&read(&self.expected)?).map_err(|error| error.to_string())?;
        let expected: Vec<ReviewedObject> = expected.results.into_iter().map(ReviewedObject::from).collect();
        let reviewed = review_all(&read(&self.path)?, description, verdict)?;
        if reviewed.len() != expected.len() {
            return Err(format!("expected {} reviewed objects, got {}", expected.len(), reviewed.len()));
        }
        let mut pairs = reviewed.iter().zip(&expected).enumerate();
        match pairs.find(|(_, (reviewed, expected))| reviewed != expected) {
            Some((position, (reviewed, expected))) => {
                Err(format!("object {position}: expected {expected:#?}, got {reviewed:#?}"))
            }
            None => Ok(()),
        }
    }
}

/// Reviews each object of a text, in order: the creation of a new one, and a stored one as it is.
fn review_all(
    text: &str,
    description: &Description,
    verdict: VerdictFn<'_>,
) -> Result<Vec<ReviewedObject>, String> {
    let objects: Vec<Manifest> = read_wanted(text, "default", &|api_version, kind| {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        description.concerns(group, version, &plural(kind))
    })
    .objects
    .into_iter()
    .collect::<Result<_, _>>()
    .map_err(|error| error.to_string())?;
    let precedes = |object: &&Manifest| object.has_uid() || description.precedes(&object.scope);
    let mut state: Vec<Manifest> = objects.iter().filter(precedes).cloned().collect();
    let mut review = |object: &Manifest| {
        if object.has_uid() {
            let audited = verdict(&state, &object.creation(Phase::Audit))?;
            return ReviewedObject::new(audited, Vec::new(), Vec::new());
        }
        review_creation(object, &mut state, verdict)
    };
    objects.iter().map(&mut review).collect()
}

/// Reviews the creation of an object in both phases, and stores the object if both admit it.
fn review_creation(
    object: &Manifest,
    state: &mut Vec<Manifest>,
    verdict: VerdictFn<'_>,
) -> Result<ReviewedObject, String> {
    let mut request = object.creation(Phase::Mutate);
    let mutated = verdict(state, &request)?;
    if !mutated.is_allowed() {
        return ReviewedObject::new(mutated, Vec::new(), Vec::new());
    }
    let patch: Vec<Value> = match &mutated.patch {
        Some(patch) => serde_json::from_str(patch).map_err(|error| error.to_string())?,
        None => Vec::new(),
    };
    let patched = applied(&object.json, &patch)?;
    request.object = Some((&*patched).into());
    request.phase = Phase::Validate;
    let validated = verdict(state, &request)?;
    if validated.is_allowed() {
        state.retain(|other| other.scope != object.scope);
        state.push(Manifest { json: patched, ..object.clone() });
    }
    ReviewedObject::new(validated, mutated.findings, patch)
}

// === impl RelatedObject ===

impl RelatedObject {
    fn reference(&self) -> String {
        reference(&self.resource, &self.namespace, &self.name)
    }
}

// === impl ReviewedObject ===

impl ReviewedObject {
    /// Joins the findings of both verdicts: each once, denials first.
    fn new(verdict: Verdict, mut findings: Vec<Finding>, patch: Vec<Value>) -> Result<Self, String> {
        let allowed = verdict.is_allowed();
        for finding in verdict.findings {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        findings.sort_by_key(Finding::rank);
        let findings = findings.into_iter().map(ExpectedFinding::try_from).collect::<Result<_, _>>()?;
        Ok(Self { allowed, findings, patch })
    }
}

impl From<ExpectedResult> for ReviewedObject {
    fn from(result: ExpectedResult) -> Self {
        let finding = |finding: ReportedFinding| ExpectedFinding {
            rule: finding.rule,
            severity: finding.severity,
            would_deny: finding.would_deny,
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
