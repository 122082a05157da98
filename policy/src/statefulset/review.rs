//! A StatefulSet under review: the input of the rules, and what they found so far.

use super::known_holdings::KnownHoldings;
use super::metadata::Metadata;
use super::opt_out::OptOut;
use super::patch::PatchDraft;
use super::replica_directory::ReplicaDirectory;
use crate::display::{Quoted, Shown};
use crate::findings::{FindingBuilder, Findings};
use crate::rules::StorageRule;
use crate::settings::{Mode, Settings, SingleReplica};
use ordinance_contract::{Holding, Scope, Verdict};
use ordinance_storage::{PlacedContainer, Steps};
use std::collections::BTreeSet;

/// The steps that the expressions of a set may take to be resolved, whatever its size.
pub(super) const EXPRESSION_STEPS: usize = 16_384;

/// The input of the rules, and their results so far.
pub(super) struct SetReview<'a> {
    pub(super) settings: &'a Settings,
    pub(super) set: Set<'a>,
    /// The holdings that overlap the set's keys.
    pub(super) holdings: KnownHoldings<'a>,
    pub(super) findings: Findings,
    pub(super) patch: PatchDraft<'a>,
    /// The directory of the replica in the volume that the judged one replaces: the pods find copied files there.
    pub(super) replaced: Option<ReplicaDirectory<'a>>,
    /// Expressions that denials propose, each after the field of its mount; the steps of a migration name them.
    pub(super) proposals: Vec<(String, String)>,
    /// The places of the containers whose misused names are all denied.
    pub(super) misuse_denied: BTreeSet<usize>,
    /// The old volumes that new ones continue: whether they are named, and their indexes.
    pub(super) continued: BTreeSet<(bool, usize)>,
    /// The steps that the set's expressions, and their comparison, may still take.
    pub(super) steps: Steps,
}

/// The StatefulSet apart from its pod template.
#[derive(Clone, Copy)]
pub(super) struct Set<'a> {
    /// Empty while the API server has not generated it.
    pub(super) name: &'a str,
    /// The prefix of a generated name.
    pub(super) generate_name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) replicas: i64,
    /// The Velero restore that creates the set, if one does.
    pub(super) restore: Option<&'a str>,
    pub(super) is_windows: bool,
    /// True if the set is reviewed as it is stored: what it lacks can't be added any more.
    pub(super) is_stored: bool,
}

/// Returns the steps for the expressions of objects with this many bytes.
pub(super) fn steps(bytes: usize) -> Steps {
    Steps::new(EXPRESSION_STEPS + bytes)
}

// === impl SetReview ===

impl<'a> SetReview<'a> {
    /// Returns a review without findings.
    pub(super) fn new(
        settings: &'a Settings,
        set: Set<'a>,
        holdings: &'a [Holding],
        containers: &[PlacedContainer<'a>],
        steps: &Steps,
    ) -> Self {
        Self {
            settings,
            set,
            holdings: KnownHoldings::new(holdings, set.namespace),
            findings: Findings::new(settings.mode),
            patch: PatchDraft::new(containers.len()),
            replaced: None,
            proposals: Vec::new(),
            misuse_denied: BTreeSet::new(),
            continued: BTreeSet::new(),
            steps: steps.clone(),
        }
    }

    /// Denies the set instead of all findings so far if its sub-paths took too many steps: which files the replicas share
    /// is unknown then.
    pub(super) fn deny_unresolved(&mut self, opt_out: &OptOut<'_>) {
        if !self.steps.are_spent() || opt_out.covers_set() {
            return;
        }
        self.findings = Findings::new(self.settings.mode);
        self.patch = PatchDraft::new(0);
        self.proposals.clear();
        let fact = format!(
            "its sub-paths take more steps to resolve than {EXPRESSION_STEPS} and one for each byte of the set, so \
             which files the replicas share is unknown"
        );
        let remedy = "Use fewer or shorter variables in subPathExpr, or annotate the set ordinance.dev/isolation: \
                      disabled to leave it unchecked";
        self.deny_sharing(StorageRule::UnresolvedSubPath.deny("spec.template.spec", fact).remedy(remedy));
    }

    /// Returns whether named volumes count as shared: at two replicas, or at one if a setting says so.
    pub(super) fn checks_sharing(&self) -> bool {
        self.set.replicas > 1 || self.settings.isolation.single_replica == SingleReplica::Isolate
    }

    /// Adds a denial because replicas would overwrite each other's files. It is a warning for a set that a backup
    /// restores, which must be stored as it was.
    pub(super) fn deny_sharing(&mut self, finding: FindingBuilder) {
        let is_restored = self.set.restore.is_some();
        let finding = if is_restored {
            finding.into_warning("Migrate the files once the restore is done, which is never refused")
        } else {
            finding
        };
        self.findings.add(finding);
    }

    /// Returns the verdict; its first denial names the set.
    pub(super) fn into_verdict(mut self, patch: Option<String>) -> Verdict {
        self.findings.name_first_denial(&self.set.title());
        self.findings.into_verdict(patch)
    }

    /// Returns why the pod template must not get new fields, or `None` if it may get them.
    pub(super) fn reason_not_to_patch(&self) -> Option<&'static str> {
        if self.set.restore.is_some() {
            return Some("not patched, since a backup restores the set");
        }
        if self.set.is_stored {
            return Some("an update moves no files");
        }
        None
    }

    /// Returns the mode if it isolates no new volume. Unlike [`Self::reason_not_to_patch`] it hides no denial, so it is
    /// asked last.
    pub(super) fn mode_that_patches_nothing(&self) -> Option<&'static str> {
        (self.settings.mode == Mode::Warn).then_some("not patched, because of mode: Warn")
    }
}

// === impl Set ===

impl<'a> Set<'a> {
    /// Returns a set that is not being restored.
    pub(super) fn new(scope: &'a Scope<'_>, metadata: &'a Metadata<'_>, replicas: i64) -> Self {
        let name = if scope.name.is_empty() { &*metadata.name } else { &*scope.name };
        let generate_name = &*metadata.generate_name;
        Self {
            name,
            generate_name,
            namespace: &scope.namespace,
            replicas,
            restore: None,
            is_windows: false,
            is_stored: false,
        }
    }

    /// Returns the set as messages name it, e.g. `StatefulSet "web"`.
    pub(super) fn title(&self) -> String {
        if self.name.is_empty() {
            let prefix = Shown(self.generate_name);
            return format!("StatefulSet {:?}", format!("{prefix}*"));
        }
        format!("StatefulSet {}", Quoted(self.name))
    }
}
