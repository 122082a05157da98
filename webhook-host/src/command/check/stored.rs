//! The objects that `--state` has, by identity: a manifest of one of them is reviewed as its update.

use crate::command::policies::ServedPolicy;
use crate::config::{State, title};
use ordinance_contract::{Description, Identity, Scope, api_version};
use ordinance_manifests::{Manifest, SourceError};
use ordinance_report::ReadError;
use std::collections::{BTreeMap, BTreeSet};

/// The objects that exist already.
pub(in crate::command) struct StoredObjects<'s> {
    objects: BTreeMap<Identity<'s>, &'s Manifest>,
    errors: Vec<SourceError>,
}

// === impl StoredObjects ===

impl<'s> StoredObjects<'s> {
    /// Sorts the objects by identity. Of two with the same one, which is an error of the state, the last counts.
    pub(in crate::command) fn new(state: &'s State, policy: &ServedPolicy) -> Self {
        let objects = state.objects.iter().map(|object| (object.scope.identity(), object));
        let unjudged = unjudged(state, policy);
        Self { objects: objects.collect(), errors: state.errors.iter().cloned().chain(unjudged).collect() }
    }

    /// Returns the stored object of this identity.
    pub(in crate::command) fn find(&self, scope: &Scope<'_>) -> Option<&'s Manifest> {
        self.objects.get(&scope.identity()).copied()
    }

    /// Returns what can't be read of the state. Its text is not kept.
    pub(in crate::command) fn errors<'e>(&'e self) -> impl Iterator<Item = ReadError<'e>> + use<'e, 's> {
        self.errors.iter().map(|error| ReadError {
            file: &error.source_name,
            text: "",
            line: error.line,
            column: error.column,
            message: error.message.clone(),
        })
    }

    /// Returns whether the state is incomplete, so that an object may exist although it is not found.
    pub(super) fn is_incomplete(&self) -> bool {
        !self.errors.is_empty()
    }
}

/// Returns an error for each stored object that the policy should know and can't read.
fn unjudged<'s>(state: &'s State, policy: &'s ServedPolicy) -> impl Iterator<Item = SourceError> + 's {
    let description = policy.admission.policy().description();
    let unreadable =
        policy.unreadable.iter().map(|unreadable| (unreadable.object.identity(), &unreadable.reason));
    let unreadable: BTreeMap<Identity<'_>, &String> = unreadable.collect();
    state.objects.iter().enumerate().filter_map(move |(position, object)| {
        let reason = match unreadable.get(&object.scope.identity()) {
            Some(reason) => (*reason).clone(),
            None => other_version(description, object)?,
        };
        Some(state.error_at(object, position, reason))
    })
}

/// Returns the error of an object that the policy knows in another API version only.
pub(in crate::command) fn other_version(description: &Description, object: &Manifest) -> Option<String> {
    let Scope { group, version, resource, .. } = &object.scope;
    if description.concerns(group, version, resource) {
        return None;
    }
    let known: BTreeSet<&str> = description.versions(group, resource).collect();
    let known: Vec<String> = known.into_iter().map(|version| api_version(group, version)).collect();
    (!known.is_empty()).then(|| {
        format!(
            "{} has apiVersion {}, which the policy can't read; write it as {}",
            title(object),
            object.scope.api_version(),
            known.join(" or ")
        )
    })
}
