//! Admission reviews that were recorded from an API server. Each is reviewed with the objects that the earlier ones
//! stored.

use crate::case::ExpectedVerdict;
use crate::file::Bless;
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
pub struct RecordedReview {
    /// The file's name without its ending, e.g. `003-mutate-create-persistentvolumes-pv`.
    pub name: String,
    /// The request.
    pub request: Request<'static>,
    /// The objects that the earlier reviews stored.
    pub state: Vec<Manifest>,
}

/// The verdicts on all reviews of a directory, by the name of the review.
type VerdictsByName = BTreeMap<String, ExpectedVerdict>;

/// Returns the reviews of a directory, sorted by name.
///
/// # Errors
///
/// A file can't be read or is not an AdmissionReview.
pub fn recorded_reviews(directory: &Path) -> Result<Vec<RecordedReview>, String> {
    let mut state = Vec::new();
    let mut reviews = Vec::new();
    for path in bodies(directory)? {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let body = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let request = request(&name, &body).map_err(|error| format!("{name}: {error}"))?;
        reviews.push(RecordedReview { name, request: request.clone(), state: state.clone() });
        store(&mut state, &request);
    }
    Ok(reviews)
}

/// Returns a directory and the directories in it, each with recorded reviews.
///
/// # Errors
///
/// The directory can't be read.
pub fn recording_directories(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut directories = entries(directory)?;
    directories.retain(|path| path.is_dir());
    directories.push(directory.to_path_buf());
    directories.sort();
    Ok(directories)
}

/// Compares a build's verdicts on all reviews of a directory with those in its `answers.yaml`.
///
/// # Errors
///
/// A file can't be read, the build gives no verdict on a review, or the verdicts differ: then the error is a
/// line-by-line diff.
pub fn check_recorded(directory: &Path, build: &dyn Build, blessing: Bless) -> Result<(), String> {
    let path = directory.join("answers.yaml");
    let mut verdicts = VerdictsByName::new();
    for review in recorded_reviews(directory)? {
        let verdict = build.verdict("", &review.state, &review.request).and_then(ExpectedVerdict::try_from);
        let verdict = verdict.map_err(|error| format!("{}: {error}", review.name))?;
        verdicts.insert(review.name, verdict);
    }
    if blessing == Bless::Yes {
        let text = serde_saphyr::to_string(&verdicts).map_err(|error| error.to_string())?;
        return fs::write(&path, text).map_err(|error| error.to_string());
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let expected: VerdictsByName =
        serde_saphyr::from_str_with_options(&text, yaml::options()).map_err(|error| error.to_string())?;
    if expected == verdicts { Ok(()) } else { Err(yaml::difference(&expected, &verdicts)) }
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

/// Stores or deletes the object of a validating review.
pub(crate) fn store(state: &mut Vec<Manifest>, request: &Request<'_>) {
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
struct AdmissionReviewJson<'a> {
    #[serde(borrow)]
    request: RequestJson<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestJson<'a> {
    kind: KindJson,
    resource: ResourceJson,
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
struct KindJson {
    kind: String,
}

#[derive(Deserialize)]
struct ResourceJson {
    group: String,
    version: String,
    resource: String,
}

/// Parses the request of a review. The review's name contains the phase.
fn request(name: &str, body: &str) -> Result<Request<'static>, String> {
    let AdmissionReviewJson { request } = serde_json::from_str(body).map_err(|error| error.to_string())?;
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
