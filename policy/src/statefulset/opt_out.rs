//! The annotations by which a StatefulSet shares on purpose.
//!
//! A value or a name that is not known opts out of nothing: a typo must not disable a guard in silence.

use super::metadata::SetAnnotations;
use crate::findings::{FindingBuilder, Findings};
use crate::rules::StorageRule;

/// The only value of `ordinance.dev/isolation`.
const DISABLED: &str = "disabled";

/// The field of the annotations.
const ANNOTATIONS: &str = "metadata.annotations";

/// What a set wants left alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OptOut<'a> {
    /// `ordinance.dev/isolation`.
    isolation: Option<&'a str>,
    /// `ordinance.dev/shared-volumes`.
    volumes: Vec<&'a str>,
}

// === impl OptOut ===

impl<'a> OptOut<'a> {
    /// What the annotations of a set say.
    pub(super) fn of(annotations: &'a SetAnnotations<'_>) -> Self {
        let names = annotations.shared_volumes.as_deref().unwrap_or_default();
        Self {
            isolation: annotations.isolation.as_deref(),
            volumes: names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect(),
        }
    }

    /// Whether a volume or a claim template is left alone.
    pub(super) fn covers(&self, volume: &str) -> bool {
        self.covers_set() || self.volumes.contains(&volume)
    }

    /// Whether the whole set is left alone.
    pub(super) fn covers_set(&self) -> bool {
        self.isolation == Some(DISABLED)
    }

    /// Tells what is not understood, and records what is left alone.
    pub(super) fn report(&self, names: &[&str], findings: &mut Findings) {
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
            if names.contains(name) {
                findings.audit("shared-volumes", *name);
            } else {
                let fact = format!(
                    "annotation ordinance.dev/shared-volumes names {name:?}, which is neither a volume nor a claim template \
                     of the set: it opts out of nothing"
                );
                findings.add(StorageRule::UnknownOptOut.warn(ANNOTATIONS, fact));
            }
        }
    }

    /// Tells what a change of the annotations does.
    pub(super) fn report_change(&self, old: &OptOut<'_>, names: &[&str], findings: &mut Findings) {
        match (old.covers_set(), self.covers_set()) {
            (false, true) => findings.add(changed(
                "ordinance.dev/isolation: disabled from now on puts nothing back and refuses nothing in this set; no \
                 files move by it",
            )),
            (true, false) => findings.add(changed(
                "ordinance.dev/isolation: disabled is gone: new volumes are isolated and growth is judged again; what is \
                 shared now stays shared until you write a subPathExpr",
            )),
            _ => {}
        }
        self.report_changed_names(old, names, findings);
    }

    fn report_changed_names(&self, old: &OptOut<'_>, names: &[&str], findings: &mut Findings) {
        let is_new = |name: &&&str| names.contains(name) && !old.volumes.contains(name);
        for name in self.volumes.iter().filter(is_new) {
            findings.add(changed(format!(
                "ordinance.dev/shared-volumes: {name}: nothing of it is put back or refused from now on; no files move by it"
            )));
        }
        for name in old.volumes.iter().filter(|name| !self.volumes.contains(name)) {
            findings.add(changed(format!(
                "ordinance.dev/shared-volumes no longer names {name}: it is judged again; what is shared now stays shared \
                 until you write a subPathExpr"
            )));
        }
    }
}

fn changed(fact: impl Into<String>) -> FindingBuilder {
    StorageRule::ChangedOptOut.warn(ANNOTATIONS, fact)
}
