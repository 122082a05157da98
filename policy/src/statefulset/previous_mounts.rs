//! The mounts of a volume before an update, to compare the new ones with.

use super::donors::Donors;
use super::old_volumes::OldVolumes;
use super::replica_directory::ReplicaDirectory;
use super::review::SetReview;
use super::volume::SetVolume;
use ordinance_storage::{ExpressionClass, MissingVariable, PlacedMount, SubPath, VolumeKind, VolumeSource};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// The steps to arrange a mount of the old template again, for another new volume that continues its volume.
const MOUNT_STEPS: usize = 64;

/// The mounts of a volume before the update.
pub(super) struct PreviousMounts<'a> {
    /// All mounts, sorted by container and path.
    mounts: Vec<PlacedMount<'a>>,
    /// The mounts that isolated the replicas, in the order of the pod.
    pub(super) isolated: Vec<PlacedMount<'a>>,
    donors: Donors<'a>,
    /// Whether replicas wrote common files before the update.
    pub(super) had_shared_writers: bool,
    /// Whether every writable mount isolates the replicas after the update.
    pub(super) writers_are_isolated: bool,
    /// See [`PreviousMounts::common_directory`].
    directory: OnceCell<Option<ReplicaDirectory<'a>>>,
}

/// Returns the used volume of the old template that a volume of the new one continues: that of the same name, otherwise
/// one with the same source.
///
/// A volume that replaces another one of its name is new if the replicas did not share that one, and if each had its own
/// directory there: in the new one, the directory may be another or none.
pub(super) fn previous_volume<'u, 'a>(
    volume: &SetVolume<'_>,
    old: &OldVolumes<'u, 'a>,
    review: &SetReview<'_>,
) -> Option<&'u SetVolume<'a>> {
    let named = old.used_by_name(volume.name).filter(|old| is_continued(volume, old, review));
    named.or_else(|| old.used_by_files(volume, review.settings))
}

/// Returns whether a volume continues an old one of its name.
fn is_continued(volume: &SetVolume<'_>, old: &SetVolume<'_>, review: &SetReview<'_>) -> bool {
    let is_disk =
        |volume: &SetVolume<'_>| matches!(volume.kind, VolumeKind::Named(VolumeSource::Disk { .. }));
    if is_disk(volume) != is_disk(old) {
        return false;
    }
    let settings = review.settings;
    let are_templates = !volume.is_named() && !old.is_named();
    let was_isolated = old.mounts.iter().any(PlacedMount::is_isolated);
    are_templates
        || !volume.is_shared(settings)
        || old.is_shared(settings) && !was_isolated
        || volume.has_same_source(old, settings)
}

/// Returns the directory that each replica had in the old volume of a new one's name.
pub(super) fn replaced_directory<'a>(
    volume: &SetVolume<'_>,
    old: &OldVolumes<'_, 'a>,
) -> Option<ReplicaDirectory<'a>> {
    let replaced = old.named(volume.name)?;
    ReplicaDirectory::common(replaced.mounts.iter().filter(|mount| mount.is_isolated()).copied())
}

// === impl PreviousMounts ===

impl<'a> PreviousMounts<'a> {
    /// Finds the mounts of a volume in the old template, or returns `None` if the update mounts the volume for the
    /// first time.
    pub(super) fn find(
        volume: &SetVolume<'_>,
        old: &OldVolumes<'_, 'a>,
        review: &mut SetReview<'_>,
    ) -> Option<Self> {
        let old = previous_volume(volume, old, review)?;
        let is_first = review.continued.insert((old.is_named(), old.index));
        let steps = if is_first { 0 } else { MOUNT_STEPS * old.mounts.len() };
        review.steps.spend(steps).then(|| Self::of(old, volume))
    }

    /// Returns whether the update removes a mount that isolated the replicas.
    pub(super) fn has_removed_mounts(&self) -> bool {
        self.donors.has_removed_mounts()
    }

    fn of(old: &SetVolume<'a>, new: &SetVolume<'_>) -> Self {
        let mut mounts = old.mounts.clone();
        mounts.sort_by_key(PlacedMount::identity);
        let isolated: Vec<PlacedMount<'a>> =
            old.mounts.iter().filter(|mount| mount.is_isolated()).copied().collect();
        let mut now: Vec<(&str, &str)> = new.mounts.iter().map(PlacedMount::identity).collect();
        now.sort_unstable();
        let donors = Donors::of(&isolated, |old| now.binary_search(&old.identity()).is_err());
        let directory = OnceCell::new();
        let had_shared_writers = old.has_shared_writers();
        let mut previous =
            Self { mounts, isolated, donors, had_shared_writers, writers_are_isolated: true, directory };
        let shares = |mount: &PlacedMount<'_>| !mount.is_read_only() && previous.shares(mount);
        previous.writers_are_isolated = !new.mounts.iter().any(shares);
        previous
    }

    /// Returns whether all replicas have the same directory at a mount, once lost expressions are restored.
    fn shares(&self, mount: &PlacedMount<'_>) -> bool {
        match mount.resolved() {
            Some(resolved) => resolved.class() == ExpressionClass::Same,
            None => mount.part() != SubPath::Root || self.keeps_sub_path(mount),
        }
    }

    /// Returns the mount of the same container at the same path.
    pub(super) fn same_mount(&self, mount: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        let index = self.mounts.binary_search_by_key(&mount.identity(), |old| old.identity()).ok()?;
        self.mounts.get(index).copied()
    }

    /// Returns whether a mount had the same sub-path before the update.
    pub(super) fn keeps_sub_path(&self, mount: &PlacedMount<'_>) -> bool {
        self.same_mount(mount).is_some_and(|old| old.part() == mount.part())
    }

    /// Returns the isolated mount whose expression a mount without a sub-path gets: the same mount, otherwise a removed one,
    /// otherwise any; preferably one of the same container, then one at the same path.
    pub(super) fn donor(&self, mount: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        self.donors.of_mount(mount).map(|donors| donors.first)
    }

    /// Returns whether the mounts that a mount may continue were in different directories, so that its own is unknown.
    pub(super) fn has_ambiguous_donor(&self, mount: &PlacedMount<'_>) -> bool {
        self.donors.of_mount(mount).is_some_and(|donors| donors.are_different)
    }

    /// Returns the directory of the replica for a mount that the update adds beside all the mounts that were there.
    pub(super) fn directory_of_added(&self, mount: &PlacedMount<'a>) -> Option<ReplicaDirectory<'a>> {
        if self.same_mount(mount).is_some() { None } else { self.common_directory() }
    }

    /// Returns the directory of the replica that all isolated mounts were in, unless the update removes one of them. It is
    /// found once, however many mounts the update adds.
    fn common_directory(&self) -> Option<ReplicaDirectory<'a>> {
        *self.directory.get_or_init(|| {
            if self.has_removed_mounts() {
                return None;
            }
            ReplicaDirectory::common(self.isolated.iter().copied())
        })
    }

    /// Returns the variables whose lack already stopped containers before the update.
    pub(super) fn missing_variables(&self) -> BTreeSet<MissingVariable> {
        let resolved = self.mounts.iter().filter_map(PlacedMount::resolved);
        let missing = resolved.filter_map(|resolved| match resolved.class() {
            ExpressionClass::Missing(variable) => Some(variable.clone()),
            _ => None,
        });
        missing.collect()
    }

    /// Returns the expression of the directories with the files of a mount.
    pub(super) fn previous_expression(&self, mount: &PlacedMount<'_>) -> &'a str {
        self.donor(mount).and_then(|donor| donor.expression()).unwrap_or_default()
    }

    /// Returns a mount that had the same expression before: the same mount, otherwise one of the same container,
    /// otherwise any.
    pub(super) fn mount_with_expression_of(&self, mount: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        if let Some(same) = self.same_mount(mount).filter(|old| old.part() == mount.part()) {
            return Some(same);
        }
        self.donors.with_part_of(mount)
    }
}
