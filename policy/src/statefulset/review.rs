//! A StatefulSet under review: what the rules know, and what they found so far.

use super::patch::Draft;
use super::pod::{Site, Unit};
use crate::findings::Findings;
use crate::settings::{DenyOrWarn, Mode, Settings, SingleReplica};
use ordinance_contract::Holding;

/// What the rules know of the set, and what they found.
pub(super) struct Review<'a> {
    pub(super) settings: &'a Settings,
    pub(super) set: Set<'a>,
    /// Everything that overlaps the set's keys.
    pub(super) holdings: &'a [Holding],
    pub(super) findings: Findings,
    pub(super) draft: Draft<'a>,
}

/// The set as a whole.
#[derive(Clone, Copy)]
pub(super) struct Set<'a> {
    /// Empty while the API server has not generated it.
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) replicas: i64,
    /// The restore that brings it back.
    pub(super) restore: Option<&'a str>,
    pub(super) is_windows: bool,
}

// === impl Review ===

impl<'a> Review<'a> {
    /// Nothing found yet.
    pub(super) fn new(
        settings: &'a Settings,
        set: Set<'a>,
        holdings: &'a [Holding],
        sites: &[Site<'a>],
    ) -> Self {
        Self { settings, set, holdings, findings: Findings::new(settings.mode), draft: Draft::new(sites) }
    }

    /// Whether named volumes are judged as shared: at two replicas, or as a setting says.
    pub(super) fn judges_sharing(&self) -> bool {
        self.set.replicas > 1 || self.settings.isolation.single_replica == SingleReplica::Isolate
    }

    /// Refuses something because replicas would overwrite each other's files; a restore puts back what was.
    pub(super) fn refuse_sharing(&mut self, outcome: DenyOrWarn, field: String, fact: &str, remedy: &str) {
        if self.set.restore.is_some() {
            return self.findings.warn_with(fact, "It is left as the backup has it");
        }
        self.findings.deny_or_warn_with(outcome, field, fact, remedy);
    }

    /// Why nothing may be put into the pod template that nobody had there; none if it may.
    pub(super) fn reason_to_leave(&self) -> Option<&'static str> {
        if self.set.restore.is_some() {
            return Some("it is left as the backup has it");
        }
        if self.set.is_windows {
            return Some("it is left, since sub-paths are not supported on Windows");
        }
        (self.settings.mode == Mode::Warn).then_some("it is left, since the policy only warns (mode: Warn)")
    }
}

// === impl Unit ===

impl Unit<'_> {
    /// Both ways out for a volume that replicas share.
    pub(super) fn ways_out(&self) -> String {
        format!(
            "Write subPathExpr: {} on its mounts, or {}",
            self.default_expression(),
            self.share_on_purpose()
        )
    }

    /// How to say that replicas share it on purpose.
    pub(super) fn share_on_purpose(&self) -> String {
        format!("annotate the set ordinance.dev/shared-volumes: {} if they share it on purpose", self.name)
    }

    /// What messages call it, with its name.
    pub(super) fn titled(&self) -> String {
        format!("{} {:?}", self.noun(), self.name)
    }
}
