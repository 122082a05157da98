//! A StatefulSet under review: what the rules know, and what they found so far.

use super::metadata::Metadata;
use super::patch::PatchDraft;
use super::volume::SetVolume;
use crate::findings::{FindingBuilder, Findings};
use crate::settings::{Mode, Settings, SingleReplica};
use ordinance_contract::{Holding, Scope, Verdict};
use ordinance_storage::PlacedContainer;

/// What the rules know of the set, and what they found.
pub(super) struct SetReview<'a> {
    pub(super) settings: &'a Settings,
    pub(super) set: Set<'a>,
    /// Everything that overlaps the set's keys.
    pub(super) holdings: &'a [Holding],
    pub(super) findings: Findings,
    pub(super) draft: PatchDraft<'a>,
    /// Expressions that denials propose, each with the field of its mount.
    pub(super) proposals: Vec<(String, String)>,
}

/// The set as a whole.
#[derive(Clone, Copy)]
pub(super) struct Set<'a> {
    /// Empty while the API server has not generated it.
    pub(super) name: &'a str,
    /// What it will be generated from.
    pub(super) generate_name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) replicas: i64,
    /// The restore that brings it back.
    pub(super) restore: Option<&'a str>,
    pub(super) is_windows: bool,
}

// === impl SetReview ===

impl<'a> SetReview<'a> {
    /// Nothing found yet.
    pub(super) fn new(
        settings: &'a Settings,
        set: Set<'a>,
        holdings: &'a [Holding],
        containers: &[PlacedContainer<'a>],
    ) -> Self {
        let (findings, draft) = (Findings::new(settings.mode), PatchDraft::new(containers));
        Self { settings, set, holdings, findings, draft, proposals: Vec::new() }
    }

    /// Whether named volumes are judged as shared: at two replicas, or as a setting says.
    pub(super) fn checks_sharing(&self) -> bool {
        self.set.replicas > 1 || self.settings.isolation.single_replica == SingleReplica::Isolate
    }

    /// Denies because replicas would overwrite each other's files; a restore puts back what was.
    pub(super) fn deny_sharing(&mut self, report: FindingBuilder) {
        let is_restored = self.set.restore.is_some();
        let report =
            if is_restored { report.into_warning("It is left as the backup has it") } else { report };
        self.findings.add(report);
    }

    /// The verdict, which says whose it is.
    pub(super) fn into_verdict(mut self, patch: Option<String>) -> Verdict {
        self.findings.name_first_denial(&self.set.title());
        self.findings.into_verdict(patch)
    }

    /// Returns why the pod template must not get new fields, or `None` if it may get them.
    pub(super) fn reason_not_to_patch(&self) -> Option<&'static str> {
        if self.set.restore.is_some() {
            return Some("left as the backup has it");
        }
        if self.set.is_windows {
            return Some("left, as Windows has no sub-paths");
        }
        (self.settings.mode == Mode::Warn).then_some("left, by mode: Warn")
    }
}

// === impl Set ===

impl<'a> Set<'a> {
    /// A set by its name.
    pub(super) fn new(scope: &'a Scope<'_>, metadata: &'a Metadata<'_>, replicas: i64) -> Self {
        let name = if scope.name.is_empty() { &*metadata.name } else { &*scope.name };
        let generate_name = &*metadata.generate_name;
        Self { name, generate_name, namespace: &scope.namespace, replicas, restore: None, is_windows: false }
    }

    /// What messages call it.
    pub(super) fn title(&self) -> String {
        if self.name.is_empty() {
            return format!("StatefulSet {:?}", format!("{}*", self.generate_name));
        }
        format!("StatefulSet {:?}", self.name)
    }
}

// === impl SetVolume ===

impl SetVolume<'_> {
    /// Both ways out for a volume that replicas share; on Windows, which has no sub-paths, with volumes instead.
    pub(super) fn ways_out(&self, set: &Set<'_>) -> String {
        let (own, share) = (self.default_expression(), self.share_on_purpose());
        match (set.is_windows, self.is_named()) {
            (false, _) => format!("Write subPathExpr: {own} on its mounts, or {share}"),
            (true, true) => format!("Use a claim template, or {share}"),
            (true, false) => format!("Give each ordinal a volume of its own, or {share}"),
        }
    }

    /// How to say that replicas share it on purpose.
    pub(super) fn share_on_purpose(&self) -> String {
        format!("annotate the set ordinance.dev/shared-volumes: {} if they share it on purpose", self.name)
    }

    /// Where it is declared, as messages write it.
    pub(super) fn field(&self) -> String {
        let list = if self.is_named() { "spec.template.spec.volumes" } else { "spec.volumeClaimTemplates" };
        format!("{list}[{}]", self.index)
    }

    /// What messages call it, with its name.
    pub(super) fn title(&self) -> String {
        format!("{} {:?}", self.noun(), self.name)
    }
}
