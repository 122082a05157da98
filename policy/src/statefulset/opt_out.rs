//! The annotations by which a StatefulSet opts out of isolation.
//!
//! An unknown value or name opts out of nothing and warns: a typo must not disable a rule silently.

use super::metadata::SetAnnotations;
use crate::findings::{FindingBuilder, Findings};
use crate::rules::StorageRule;
use ordinance_storage::{ClaimTemplate, PodSpec};
use std::collections::BTreeSet;

/// The only value of `ordinance.dev/isolation`.
const DISABLED: &str = "disabled";

/// The field of the annotations.
const ANNOTATIONS: &str = "metadata.annotations";

/// What a StatefulSet opts out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OptOut<'a> {
    /// `ordinance.dev/isolation`.
    isolation: Option<&'a str>,
    /// `ordinance.dev/shared-volumes`, as it is written.
    volumes: Vec<&'a str>,
    names: BTreeSet<&'a str>,
}

// === impl OptOut ===

impl<'a> OptOut<'a> {
    /// Parses the annotations of a set.
    pub(super) fn of(annotations: &'a SetAnnotations<'_>) -> Self {
        let names = annotations.shared_volumes.as_deref().unwrap_or_default();
        let volumes: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let names = volumes.iter().copied().collect();
        Self { isolation: annotations.isolation.as_deref(), volumes, names }
    }

    /// Returns whether a volume or a claim template is opted out.
    pub(super) fn covers(&self, volume: &str) -> bool {
        self.covers_set() || self.names.contains(volume)
    }

    /// Returns whether the whole set is opted out.
    pub(super) fn covers_set(&self) -> bool {
        self.isolation == Some(DISABLED)
    }

    /// Warns of unknown values and names, and adds audit annotations for what is opted out. `names` are those of the
    /// set's volumes and claim templates.
    pub(super) fn report(&self, names: &BTreeSet<&str>, findings: &mut Findings) {
        if let Some(value) = self.isolation.filter(|value| *value != DISABLED) {
            let fact = format!(
                "annotation ordinance.dev/isolation: {value:?} opts out of nothing: the only value is {DISABLED}"
            );
            findings.add(StorageRule::UnknownOptOut.warn(ANNOTATIONS, fact));
        }
        if self.covers_set() {
            findings.audit("isolation", DISABLED);
        }
        for name in &self.volumes {
            if names.contains(*name) {
                findings.audit("shared-volumes", *name);
            } else {
                let fact = format!(
                    "annotation ordinance.dev/shared-volumes names {name:?}, which is neither a volume nor a claim \
                     template of the set: it opts out of nothing"
                );
                findings.add(StorageRule::UnknownOptOut.warn(ANNOTATIONS, fact));
            }
        }
    }

    /// Warns if the opt-out changed, and says what Ordinance enforces from now on, or no longer.
    pub(super) fn report_change(&self, old: &OptOut<'_>, names: &BTreeSet<&str>, findings: &mut Findings) {
        match (old.covers_set(), self.covers_set()) {
            (false, true) => findings.add(changed(
                "with ordinance.dev/isolation: disabled, Ordinance restores and refuses nothing in this set from now \
                 on; no files move",
            )),
            (true, false) => findings.add(changed(
                "ordinance.dev/isolation: disabled is removed: new volumes are isolated and scaling up is checked \
                 again; volumes that are shared now stay shared until you write a subPathExpr",
            )),
            _ => {}
        }
        self.report_changed_names(old, names, findings);
    }

    fn report_changed_names(&self, old: &OptOut<'_>, names: &BTreeSet<&str>, findings: &mut Findings) {
        let is_new = |name: &&&str| names.contains(**name) && !old.names.contains(**name);
        for name in self.volumes.iter().filter(is_new) {
            findings.add(changed(format!(
                "ordinance.dev/shared-volumes now names {name}: its mounts are no longer restored or refused; no \
                 files move"
            )));
        }
        for name in old.volumes.iter().filter(|name| !self.names.contains(**name)) {
            findings.add(changed(format!(
                "ordinance.dev/shared-volumes no longer names {name}: it is checked again; if it is shared now, it \
                 stays shared until you write a subPathExpr"
            )));
        }
    }
}

/// Returns the names that `ordinance.dev/shared-volumes` may list.
pub(super) fn volume_names<'a>(
    pod: &'a PodSpec<'_>,
    templates: &'a [ClaimTemplate<'_>],
) -> BTreeSet<&'a str> {
    pod.volumes.iter().map(|volume| &*volume.name).chain(templates.iter().map(ClaimTemplate::name)).collect()
}

fn changed(fact: impl Into<String>) -> FindingBuilder {
    StorageRule::ChangedOptOut.warn(ANNOTATIONS, fact)
}
