//! Admission reviews recorded from an API server, each judged with what those before it had stored.

use crate::file::{Bless, difference};
use crate::format::Answer;
use crate::run::Build;
use crate::yaml;
use ordinance_contract::{Operation, Phase, Request, Scope};
use ordinance_manifests::Manifest;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A recorded review.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The file's name without its ending, e.g. `003-mutate-create-persistentvolumes-pv`.
    pub name: String,
    /// The request.
    pub request: Request<'static>,
    /// What the reviews before it had stored.
    pub state: Vec<Manifest>,
}

/// The answers to all reviews, by name.
pub(crate) type Answers = BTreeMap<String, Answer>;

/// The reviews of a directory in the order of their names.
///
/// # Errors
///
/// A file that can't be read, or is no review.
pub fn recorded(directory: &Path) -> Result<Vec<Recorded>, String> {
    let mut state = Vec::new();
    let mut reviews = Vec::new();
    for path in bodies(directory)? {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let body = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let request = request(&name, &body).map_err(|error| format!("{name}: {error}"))?;
        reviews.push(Recorded { name, request: request.clone(), state: state.clone() });
        store(&mut state, &request);
    }
    Ok(reviews)
}

/// The directories of recorded reviews: one, and those in it.
///
/// # Errors
///
/// If it can't be read.
pub fn recordings(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut recordings = entries(directory)?;
    recordings.retain(|path| path.is_dir());
    recordings.push(directory.to_path_buf());
    recordings.sort();
    Ok(recordings)
}

/// Whether a build answers all reviews of a directory as its `answers.yaml` says.
///
/// # Errors
///
/// What can't be read, the review on which there is no verdict, or the difference line by line.
pub fn check_recorded(directory: &Path, build: &dyn Build, blessing: Bless) -> Result<(), String> {
    let path = directory.join("answers.yaml");
    let mut answers = Answers::new();
    for review in recorded(directory)? {
        let verdict = build.verdict("", &review.state, &review.request).and_then(Answer::try_from);
        let answer = verdict.map_err(|error| format!("{}: {error}", review.name))?;
        answers.insert(review.name, answer);
    }
    if blessing == Bless::Yes {
        let text = serde_saphyr::to_string(&answers).map_err(|error| error.to_string())?;
        return fs::write(&path, text).map_err(|error| error.to_string());
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let expected: Answers =
        serde_saphyr::from_str_with_options(&text, yaml::options()).map_err(|error| error.to_string())?;
    if expected == answers { Ok(()) } else { Err(difference(&expected, &answers)) }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error| format!("{}: {error}", directory.display());
    let entries = fs::read_dir(directory).map_err(unreadable)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    paths.map_err(unreadable)
}

fn bodies(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut bodies = entries(directory)?;
    bodies.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    bodies.sort();
    Ok(bodies)
}

/// After an admitted validating call the object is there, or gone.
fn store(state: &mut Vec<Manifest>, request: &Request<'_>) {
    if request.phase == Phase::Mutate || request.dry_run || !request.scope.subresource.is_empty() {
        return;
    }
    state.retain(|stored| !stored.scope.same_object(&request.scope));
    if let Some(object) = &request.object {
        state.push(Manifest {
            scope: request.scope.clone().into_owned(),
            kind: request.kind.to_string(),
            json: object.to_string(),
            line: 1,
            column: 1,
            bytes: 0..0,
        });
    }
}

/// The parts of an AdmissionReview that make a request.
#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    request: Body<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    kind: Kind,
    resource: Resource,
    #[serde(default)]
    sub_resource: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    operation: Operation,
    #[serde(default)]
    dry_run: Option<bool>,
    #[serde(borrow)]
    user_info: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    old_object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

#[derive(Deserialize)]
struct Resource {
    group: String,
    version: String,
    resource: String,
}

/// The request of a review; its name says which webhook was asked.
fn request(name: &str, body: &str) -> Result<Request<'static>, String> {
    let Review { request } = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let phase = if name.contains("-mutate-") { Phase::Mutate } else { Phase::Validate };
    let text = |value: &RawValue| Cow::Owned(value.get().to_owned());
    let object = |value: Option<&RawValue>| value.filter(|value| value.get() != "null").map(text);
    Ok(Request {
        operation: request.operation,
        phase,
        scope: Scope {
            group: request.resource.group.into(),
            version: request.resource.version.into(),
            resource: request.resource.resource.into(),
            subresource: request.sub_resource.into(),
            namespace: request.namespace.into(),
            name: request.name.into(),
        },
        kind: request.kind.kind.into(),
        dry_run: request.dry_run.unwrap_or_default(),
        user_info: request.user_info.map(text).unwrap_or_default(),
        object: object(request.object),
        old_object: object(request.old_object),
    })
}
