//! The reviews that are measured: given ones, or samples of the kinds that the policy reviews.

use crate::command::change_args::{ChangeArgs, INPUT_BYTES, read_input};
use crate::command::review::ReviewInput;
use crate::config::{InputError, NAMESPACE};
use crate::limits::Limits;
use crate::review::{AdmissionReview, ManifestChange, Requester, review_of};
use anyhow::{Result, bail};
use ordinance_contract::{Description, Operation, Phase, ReviewScope};
use ordinance_manifests::{Manifest, parse, read};
use std::path::PathBuf;

/// Objects as users write them, of kinds that many policies review.
const SAMPLES: &str = include_str!("samples.yaml");

/// A review to measure.
pub(super) struct Workload {
    /// e.g. `CREATE statefulsets.apps web, mutate`.
    pub(super) name: String,
    pub(super) phase: Phase,
    /// The AdmissionReview.
    pub(super) body: Vec<u8>,
}

// === impl Workload ===

impl Workload {
    /// Returns the reviews of files of AdmissionReviews or manifests.
    pub(super) fn of_files(files: &[PathBuf], description: &Description) -> Result<Vec<Self>> {
        let mut workloads = Vec::new();
        for file in files {
            let bodies = match ReviewInput::of(read_input(Some(file), INPUT_BYTES)?) {
                ReviewInput::Reviews(bodies) => bodies,
                ReviewInput::Manifests(text) => {
                    let manifests = ChangeArgs::creations().manifests(&text, &file.display().to_string())?;
                    manifests.reviews().map(String::into_bytes).collect()
                }
            };
            for body in bodies {
                let added = Self::add(&mut workloads, body, description);
                added.map_err(|error| InputError::of_file(file, error))?;
            }
        }
        Ok(workloads)
    }

    /// Returns a creation of each kind that the policy reviews.
    pub(super) fn samples(description: &Description) -> Result<Vec<Self>> {
        let mut workloads = Vec::new();
        let requester = Requester::new(None, &[]);
        for manifest in sample_objects(description) {
            let body = review_of(&manifest, ManifestChange::Create, &requester).into_bytes();
            Self::add(&mut workloads, body, description)?;
        }
        match workloads.is_empty() {
            true => bail!(
                "policy {}: it reviews no creation of an object, so there is no sample; give reviews or manifests",
                description.name
            ),
            false => Ok(workloads),
        }
    }

    /// Adds a review in each phase in which the API server asks the policy, or in the validating one if it never does.
    fn add(workloads: &mut Vec<Self>, body: Vec<u8>, description: &Description) -> Result<()> {
        let limits = Limits::default();
        let review = AdmissionReview::parse(&body, limits.json_depth)?;
        let (scope, operation) = (review.scope(), review.operation());
        let name = match &*scope.name {
            "" => scope.group_resource(),
            name => format!("{} {name}", scope.group_resource()),
        };
        let asked = [Phase::Mutate, Phase::Validate].into_iter();
        let mut phases: Vec<Phase> =
            asked.filter(|phase| description.reviews(&scope, operation, *phase)).collect();
        if phases.is_empty() {
            phases.push(Phase::Validate);
        }
        for phase in phases {
            let name = format!("{} {name}, {}", operation.word(), phase.word());
            let same = workloads.iter().filter(|workload| workload.name == name).count();
            let name = if same == 0 { name } else { format!("{name} ({})", body_number(workloads, &name)) };
            workloads.push(Self { name, phase, body: body.clone() });
        }
        Ok(())
    }
}

/// Returns the number of the next review of a name.
fn body_number(workloads: &[Workload], name: &str) -> usize {
    1 + workloads.iter().filter(|workload| workload.name.starts_with(name)).count()
}

/// Returns the samples of the kinds that a policy reviews the creation of; of an unknown kind, an object without a spec.
fn sample_objects(description: &Description) -> Vec<Manifest> {
    let samples: Vec<Manifest> = read(SAMPLES, NAMESPACE).into_iter().flatten().collect();
    let mut objects: Vec<Manifest> = Vec::new();
    let creations = description.reviews.iter();
    let creations = creations
        .filter(|scope| scope.subresource.is_empty() && scope.operations.contains(&Operation::Create));
    for scope in creations {
        let is_kind = |object: &&Manifest| {
            let found = &object.scope;
            found.group == scope.group && found.version == scope.version && found.resource == scope.resource
        };
        if objects.iter().any(|object| is_kind(&object)) {
            continue;
        }
        match samples.iter().find(is_kind) {
            Some(sample) => objects.push(sample.clone()),
            None => objects.extend(bare_object(scope)),
        }
    }
    objects
}

/// Returns an object of a kind that is not known, with only a name.
fn bare_object(scope: &ReviewScope) -> Option<Manifest> {
    let api_version = ordinance_contract::api_version(&scope.group, &scope.version);
    let singular = scope.resource.strip_suffix('s').unwrap_or(&scope.resource);
    let mut kind = singular.to_owned();
    if let Some(first) = kind.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let object = serde_json::json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "sample"}})
        .to_string();
    let mut manifest = parse(&object, 1, NAMESPACE).ok()?;
    manifest.scope.resource = scope.resource.clone().into();
    if !scope.namespaced {
        manifest.scope.namespace = "".into();
    }
    Some(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_can_be_read() {
        let read = read(SAMPLES, NAMESPACE);
        assert!(read.len() >= 8 && read.iter().all(Result::is_ok), "{read:?}");
    }
}
