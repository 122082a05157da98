//! The objects of an audit, each as it is stored, and what makes a dump incomplete.

use crate::admission::{Admission, UnreadableObject};
use crate::audit::Auditor;
use crate::command::check::{Input, InputFile, other_version};
use crate::command::policies::ServedPolicy;
use crate::config::{NO_OBJECT, is_different, title};
use anyhow::{Context, Result};
use ordinance_audit::{AuditSource, AuditedObject};
use ordinance_contract::Identity;
use ordinance_manifests::Manifest;
use ordinance_report::ReadError;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// The input, and which of its objects are audited.
pub(super) struct StoredInput {
    input: Input,
    /// The objects, in the order of the input.
    pub(super) objects: Vec<StoredObject>,
    problems: Vec<ObjectProblem>,
    pub(super) source: AuditSource,
}

/// The place of an object in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredObject {
    file: usize,
    object: usize,
}

/// Why an object can't be audited.
struct ObjectProblem {
    place: StoredObject,
    message: String,
}

// === impl StoredInput ===

impl StoredInput {
    /// Takes the objects of a dump.
    pub(super) fn of_dump(input: Input, policy: &ServedPolicy) -> Self {
        Self::new(input, policy, AuditSource::Dump)
    }

    /// Takes the objects that an API server returned.
    pub(super) fn of_cluster(input: Input, policy: &ServedPolicy) -> Self {
        Self::new(input, policy, AuditSource::Cluster)
    }

    fn new(mut input: Input, policy: &ServedPolicy, source: AuditSource) -> Self {
        input.mark_as_stored();
        let mut stored = Self { input, objects: Vec::new(), problems: Vec::new(), source };
        stored.sort_out(policy);
        stored
    }

    /// Keeps the objects that can be audited: of two with one identity, the first.
    fn sort_out(&mut self, policy: &ServedPolicy) {
        let description = policy.admission.policy().description();
        // In a large dump, the comparisons of a sorted map cost as much as a third of the reviews.
        let mut known: HashMap<Identity<'_>, &Manifest> = HashMap::new();
        let (mut objects, mut problems) = (Vec::new(), Vec::new());
        for (file, input) in self.input.files.iter().enumerate() {
            for (object, manifest) in input.objects.iter().enumerate() {
                let place = StoredObject { file, object };
                if let Some(message) = nameless(manifest).or_else(|| other_version(description, manifest)) {
                    problems.push(ObjectProblem { place, message });
                    continue;
                }
                match known.entry(manifest.scope.identity()) {
                    Entry::Vacant(entry) => {
                        entry.insert(manifest);
                        objects.push(place);
                    }
                    Entry::Occupied(first) if is_different(first.get(), manifest) => {
                        problems.push(ObjectProblem { place, message: contradiction(manifest) });
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
        (self.objects, self.problems) = (objects, problems);
    }

    /// Returns the object at a place of this input.
    pub(super) fn manifest(&self, place: StoredObject) -> &Manifest {
        &self.input.files[place.file].objects[place.object]
    }

    fn file(&self, place: StoredObject) -> &InputFile {
        &self.input.files[place.file]
    }

    /// Enters all objects into the index of a policy. Returns those that the policy can't read.
    ///
    /// # Errors
    ///
    /// The index has no room for all objects.
    pub(super) fn fill(&self, admission: &Admission) -> Result<Vec<UnreadableObject>> {
        let manifests = self.objects.iter().map(|stored| self.manifest(*stored));
        admission
            .fill_in_parallel(&manifests.collect::<Vec<_>>())
            .context("the stored objects do not fit into the index")
    }

    pub(super) fn audited(&self, place: StoredObject, auditor: &Auditor<'_>) -> AuditedObject<'_> {
        let (file, object) = (self.file(place), self.manifest(place));
        AuditedObject {
            file: &file.name,
            text: &file.text,
            origin: file.origin(),
            object,
            audit: auditor.audit(object),
        }
    }

    /// Returns the number of objects of kinds that the policy does not review.
    pub(super) fn skipped(&self) -> u64 {
        self.input.skipped()
    }

    /// Returns what could not be read, files without an object, and objects that can't be audited.
    pub(super) fn errors(&self, unreadable: &[UnreadableObject]) -> Vec<ReadError<'_>> {
        let empty = self.input.files.iter().filter(|file| file.has_nothing).map(|file| ReadError {
            file: &file.name,
            text: "",
            line: 1,
            column: 1,
            message: NO_OBJECT.to_owned(),
        });
        let problems = self.problems.iter().map(|problem| self.error(problem.place, problem.message.clone()));
        let reasons: BTreeMap<Identity<'_>, &str> =
            unreadable.iter().map(|found| (found.object.identity(), found.reason.as_str())).collect();
        let unreadable = self.objects.iter().filter_map(|place| {
            let reason = reasons.get(&self.manifest(*place).scope.identity())?;
            Some(self.error(*place, (*reason).to_owned()))
        });
        let nothing = self.input.files.is_empty().then(|| ReadError {
            file: "the input",
            text: "",
            line: 1,
            column: 1,
            message: NO_OBJECT.to_owned(),
        });
        self.input.errors().chain(empty).chain(nothing).chain(problems).chain(unreadable).collect()
    }

    fn error(&self, place: StoredObject, message: String) -> ReadError<'_> {
        let (file, object) = (self.file(place), self.manifest(place));
        ReadError { file: &file.name, text: &file.text, line: object.line, column: object.column, message }
    }
}

/// Returns the problem of an object without a name.
fn nameless(object: &Manifest) -> Option<String> {
    let is_nameless = object.scope.name.is_empty();
    is_nameless.then(|| format!("{} has no metadata.name, which every stored object has", object.kind))
}

fn contradiction(object: &Manifest) -> String {
    format!(
        "{} differs from another one of the input: a cluster has one; leave out the file that is older",
        title(object)
    )
}
