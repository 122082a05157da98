//! Whole manifests as people have them, each with what `ordinance check` says of it, told by any build of a policy.
//!
//! The objects are created in their order, each by the mutating and then the validating review; what is let in exists for
//! those after it, and claims exist from the start.

use ordinance_contract::{Cause, Operation, Phase, Request, Verdict};
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

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Told {
    /// Whether it was let in.
    pub allowed: bool,
    /// Why not.
    pub message: String,
    /// The same, field by field.
    pub causes: Vec<Cause>,
    /// Of both reviews, each once.
    pub warnings: Vec<String>,
    /// Of the mutating review.
    pub patch: Vec<Value>,
}

/// The part of what `check` says that every build says.
#[derive(Deserialize)]
struct Expected {
    results: Vec<Told>,
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
        let told = play(&read(&self.path)?, ask)?;
        if told.len() != expected.results.len() {
            return Err(format!("{} objects were judged, not {}", told.len(), expected.results.len()));
        }
        let mut pairs = told.iter().zip(&expected.results).enumerate();
        match pairs.find(|(_, (told, expected))| told != expected) {
            Some((position, (told, expected))) => {
                Err(format!("object {position}: expected {expected:#?}, answered {told:#?}"))
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

fn play(text: &str, ask: Ask<'_>) -> Result<Vec<Told>, String> {
    let objects: Vec<Manifest> = read_wanted(text, "default", &is_known)
        .objects
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let is_claim = |object: &&Manifest| object.kind == "PersistentVolumeClaim";
    let mut state: Vec<Manifest> = objects.iter().filter(is_claim).cloned().collect();
    objects.iter().map(|object| create(object, &mut state, ask)).collect()
}

fn create(object: &Manifest, state: &mut Vec<Manifest>, ask: Ask<'_>) -> Result<Told, String> {
    let mut request = Request {
        operation: Operation::Create,
        phase: Phase::Mutate,
        scope: object.scope.borrowed(),
        kind: (&*object.kind).into(),
        dry_run: false,
        user_info: "".into(),
        object: Some((&*object.json).into()),
        old_object: None,
    };
    let mutated = ask(state, &request)?;
    if !mutated.allowed {
        return Ok(Told::new(mutated, Vec::new(), Vec::new()));
    }
    let patch: Vec<Value> = match &mutated.patch {
        Some(patch) => serde_json::from_str(patch).map_err(|error| error.to_string())?,
        None => Vec::new(),
    };
    let patched = applied(&object.json, &patch)?;
    request.object = Some((&*patched).into());
    request.phase = Phase::Validate;
    let validated = ask(state, &request)?;
    if validated.allowed {
        state.retain(|other| other.scope != object.scope);
        state.push(Manifest { json: patched, ..object.clone() });
    }
    Ok(Told::new(validated, mutated.warnings, patch))
}

// === impl Told ===

impl Told {
    fn new(verdict: Verdict, mut warnings: Vec<String>, patch: Vec<Value>) -> Self {
        for warning in verdict.warnings {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        Self { allowed: verdict.allowed, message: verdict.message, causes: verdict.causes, warnings, patch }
    }
}
