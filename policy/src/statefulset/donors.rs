//! The isolated mounts of a volume before an update, by what a mount of the new template may continue.

use ordinance_storage::{PlacedMount, SubPath};
use std::collections::BTreeMap;

/// The isolated mounts before an update.
pub(super) struct Donors<'a> {
    by_identity: BTreeMap<(&'a str, &'a str), DonorGroup<'a>>,
    removed: DonorsByPlace<'a>,
    kept: DonorsByPlace<'a>,
    /// The first mount with an expression.
    by_expression: BTreeMap<&'a str, PlacedMount<'a>>,
    /// The first mount of a container with an expression.
    by_container_and_expression: BTreeMap<(&'a str, &'a str), PlacedMount<'a>>,
}

/// Mounts by one half of their identity.
#[derive(Default)]
struct DonorsByPlace<'a> {
    by_container: BTreeMap<&'a str, DonorGroup<'a>>,
    by_path: BTreeMap<&'a str, DonorGroup<'a>>,
    all: Option<DonorGroup<'a>>,
}

/// Mounts that another one continues with equal right.
#[derive(Clone, Copy)]
pub(super) struct DonorGroup<'a> {
    /// The first one, in the order of the pod.
    pub(super) first: PlacedMount<'a>,
    /// Whether they were in different directories.
    pub(super) are_different: bool,
}

// === impl Donors ===

impl<'a> Donors<'a> {
    /// Arranges the isolated mounts, which are in the order of the pod. A removed one is a mount whose container no longer
    /// mounts the volume at its path.
    pub(super) fn of(isolated: &[PlacedMount<'a>], is_removed: impl Fn(&PlacedMount<'a>) -> bool) -> Self {
        let mut donors = Self {
            by_identity: BTreeMap::new(),
            removed: DonorsByPlace::default(),
            kept: DonorsByPlace::default(),
            by_expression: BTreeMap::new(),
            by_container_and_expression: BTreeMap::new(),
        };
        for mount in isolated {
            donors.add(*mount, is_removed(mount));
        }
        donors
    }

    fn add(&mut self, mount: PlacedMount<'a>, is_removed: bool) {
        let (container, _) = mount.identity();
        add(&mut self.by_identity, mount.identity(), mount);
        if is_removed { &mut self.removed } else { &mut self.kept }.add(mount);
        if let Some(expression) = mount.expression() {
            self.by_expression.entry(expression).or_insert(mount);
            self.by_container_and_expression.entry((container, expression)).or_insert(mount);
        }
    }

    /// Returns whether the update removes a mount that isolated the replicas.
    pub(super) fn has_removed_mounts(&self) -> bool {
        self.removed.all.is_some()
    }

    /// Returns the mounts that a mount continues: the same one, otherwise removed ones, otherwise any; preferably those of
    /// the same container, then those at the same path.
    pub(super) fn of_mount(&self, mount: &PlacedMount<'_>) -> Option<DonorGroup<'a>> {
        let same = self.by_identity.get(&mount.identity()).copied();
        same.or_else(|| self.removed.of_mount(mount)).or_else(|| self.kept.of_mount(mount))
    }

    /// Returns a mount with the expression of another one, preferably one of the same container.
    pub(super) fn with_part_of(&self, mount: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        let SubPath::Expression(expression) = mount.part() else { return None };
        let of_container = self.by_container_and_expression.get(&(mount.identity().0, expression));
        of_container.or_else(|| self.by_expression.get(expression)).copied()
    }
}

// === impl DonorsByPlace ===

impl<'a> DonorsByPlace<'a> {
    fn add(&mut self, mount: PlacedMount<'a>) {
        let (container, path) = mount.identity();
        add(&mut self.by_container, container, mount);
        add(&mut self.by_path, path, mount);
        match &mut self.all {
            Some(all) => all.add(mount),
            None => self.all = Some(DonorGroup::of(mount)),
        }
    }

    fn of_mount(&self, mount: &PlacedMount<'_>) -> Option<DonorGroup<'a>> {
        let (container, path) = mount.identity();
        let of_container = self.by_container.get(container);
        of_container.or_else(|| self.by_path.get(path)).copied().or(self.all)
    }
}

// === impl DonorGroup ===

impl<'a> DonorGroup<'a> {
    fn of(first: PlacedMount<'a>) -> Self {
        Self { first, are_different: false }
    }

    fn add(&mut self, mount: PlacedMount<'a>) {
        self.are_different |= mount.part() != self.first.part();
    }
}

/// Adds a mount to the group of a key.
fn add<'a, K: Ord>(groups: &mut BTreeMap<K, DonorGroup<'a>>, key: K, mount: PlacedMount<'a>) {
    groups.entry(key).or_insert_with(|| DonorGroup::of(mount)).add(mount);
}
