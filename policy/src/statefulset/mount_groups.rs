//! The mounts of one volume, grouped by what their sub-paths mean for the replicas.

use super::proposal::Proposal;
use super::replica_directory::ReplicaDirectory;
use super::review::SetReview;
use super::sub_path_findings::{deny_both_fields, deny_missing_variable, warn_unproven, warn_unstable};
use super::volume::SetVolume;
use ordinance_storage::{ExpressionClass, MissingVariable, PlacedMount, ResolvedExpression, SubPath};
use std::cell::OnceCell;
use std::rc::Rc;

/// The mounts of a volume, grouped by their sub-paths.
#[derive(Default)]
pub(super) struct MountGroups<'a> {
    /// Neither `subPath` nor `subPathExpr`: the root of the volume.
    pub(super) without_sub_path: Vec<PlacedMount<'a>>,
    /// Both fields, which the API server rejects.
    pub(super) both: Vec<PlacedMount<'a>>,
    /// A `subPath`, or an expression with the same value in every replica.
    pub(super) same_for_all: Vec<PlacedMount<'a>>,
    /// An expression with a value per pod: a directory per ordinal, unless the value changes with every restart.
    pub(super) isolated: Vec<(PlacedMount<'a>, Rc<ResolvedExpression>)>,
    /// An expression with a value from outside the pod template.
    pub(super) unproven: Vec<PlacedMount<'a>>,
    /// An expression that uses a variable without a value, with which no container starts.
    pub(super) missing: Vec<(PlacedMount<'a>, MissingVariable)>,
    /// See [`MountGroups::common_directory`].
    directory: OnceCell<Option<ReplicaDirectory<'a>>>,
}

// === impl MountGroups ===

impl<'a> MountGroups<'a> {
    /// Groups the mounts of a volume.
    pub(super) fn of(volume: &SetVolume<'a>) -> Self {
        let mut groups = Self::default();
        for mount in &volume.mounts {
            groups.add(*mount);
        }
        groups
    }

    /// Groups a single mount.
    pub(super) fn of_one(mount: PlacedMount<'a>) -> Self {
        let mut groups = Self::default();
        groups.add(mount);
        groups
    }

    fn add(&mut self, mount: PlacedMount<'a>) {
        let Some(resolved) = mount.resolved() else {
            return match mount.part() {
                SubPath::Root => self.without_sub_path.push(mount),
                SubPath::Both => self.both.push(mount),
                SubPath::Fixed(_) | SubPath::Expression(_) => self.same_for_all.push(mount),
            };
        };
        match resolved.class() {
            ExpressionClass::PerOrdinal | ExpressionClass::Unstable => self.isolated.push((mount, resolved)),
            ExpressionClass::Unproved | ExpressionClass::Unresolved => self.unproven.push(mount),
            ExpressionClass::Same => self.same_for_all.push(mount),
            ExpressionClass::Missing(missing) => self.missing.push((mount, missing.clone())),
        }
    }

    /// Returns whether every writable mount has an expression that isolates the replicas or may do so.
    pub(super) fn writers_are_isolated(&self) -> bool {
        [&self.without_sub_path, &self.both, &self.same_for_all]
            .into_iter()
            .flatten()
            .all(|mount| mount.is_read_only())
            && self.missing.is_empty()
    }

    /// Returns the mounts with the same sub-path in every replica. Returns none of them if every writer is isolated: the
    /// replicas then only read common files.
    pub(super) fn shared_sub_paths(&self) -> &[PlacedMount<'a>] {
        if self.writers_are_isolated() { &[] } else { &self.same_for_all }
    }

    /// Returns whether some mounts have no sub-path while others isolate the replicas.
    pub(super) fn is_mixed(&self) -> bool {
        !self.without_sub_path.is_empty() && !self.isolated.is_empty()
    }

    /// Returns the directory of the replica that all isolated mounts are in. It is found once for all proposals.
    pub(super) fn common_directory(&self) -> Option<ReplicaDirectory<'a>> {
        *self
            .directory
            .get_or_init(|| ReplicaDirectory::common(self.isolated.iter().map(|(mount, _)| *mount)))
    }

    /// Denies mounts with which no pod starts, at any number of replicas.
    pub(super) fn deny_unstartable(&self, volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
        for mount in &self.both {
            deny_both_fields(volume, mount, volume.default_expression(), review);
        }
        for (mount, missing) in &self.missing {
            deny_missing_variable(volume, mount, missing, review);
        }
    }

    /// Warns of expressions whose value changes with every pod or comes from outside the pod template.
    pub(super) fn warn_unstable_or_unproven(&self, volume: &SetVolume<'a>, review: &mut SetReview<'_>) {
        for (mount, resolved) in &self.isolated {
            if resolved.class() == ExpressionClass::Unstable {
                warn_unstable(volume, &Proposal::stable(volume, *mount), review);
            }
        }
        for mount in &self.unproven {
            warn_unproven(volume, &Proposal::of(volume, self, *mount), review);
        }
    }
}
