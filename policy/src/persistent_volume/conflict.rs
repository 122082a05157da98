//! The table of precedence for two PersistentVolumes that overlap: the first kind of conflict that applies decides.

use super::note::{VolumeAccess, VolumeNote, VolumeState};
use crate::rules::StorageRule;
use crate::settings::{DenyOrWarn, Exports, Nested};

/// How the paths of two volumes in one realm relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PathRelation {
    /// The paths are equal.
    Equal,
    /// The path of the volume under review lies inside the other one.
    Inside,
    /// The path of the volume under review contains the other one.
    Contains,
}

/// One of two overlapping volumes.
#[derive(Clone, Copy, Debug)]
pub(super) struct PairMember<'a> {
    pub(super) note: &'a VolumeNote,
    /// Empty if the API server has not generated it yet, and for a group of volumes, which no annotation can name.
    pub(super) name: &'a str,
    /// The number of segments of the path.
    pub(super) depth: usize,
}

/// The volume under review and another one that overlaps it.
#[derive(Clone, Copy, Debug)]
pub(super) struct VolumePair<'a> {
    pub(super) reviewed: PairMember<'a>,
    pub(super) other: PairMember<'a>,
    pub(super) relation: PathRelation,
    /// Whether both are at or below one path of `exports.shared`.
    pub(super) on_shared_path: bool,
}

/// A row of the table of precedence, or another kind of conflict with the volume under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConflictKind {
    /// Both are at or below one path of `exports.shared`.
    SharedPath,
    /// One names the other in `ordinance.dev/shared-with`.
    SharedWith,
    /// One names the other in `ordinance.dev/takes-over`, and the other is released or being deleted.
    TakesOver,
    /// The control plane runs `rm -rf` on one of them when its claim is deleted.
    Recycle,
    /// One is provisioned below a path of `exports.provisionerRoots`, and the other is at or above that path.
    ProvisionerRoot,
    /// Both are mounted read-only.
    BothReadOnly,
    /// Equal paths; one is mounted read-only, or both only declare read-only.
    EqualReader,
    /// Equal paths, in any other case.
    Equal,
    /// One path inside the other; one is mounted read-only.
    NestedReader,
    /// One path inside the other, in any other case.
    Nested,
    /// Not between two volumes: a StatefulSet has an inline volume whose export overlaps.
    Inline,
    /// Not between two directories: both volumes have the same driver and the same `volumeHandle`.
    SameHandle,
    /// Not between two directories: both volumes have the same attributes for the same driver, of which nothing is known.
    SameAttributes,
}

/// The consequence of a conflict, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ConflictOutcome {
    /// No finding.
    Allow,
    /// A warning that a setting or an annotation declares the sharing.
    Intended,
    /// A warning.
    Warn,
    /// A denial.
    Deny,
}

// === impl PathRelation ===

impl PathRelation {
    /// Returns the relation of two paths of one realm, or `None` if they do not overlap.
    pub(super) fn of(reviewed: &[String], other: &[String]) -> Option<Self> {
        if reviewed == other {
            Some(Self::Equal)
        } else if reviewed.starts_with(other) {
            Some(Self::Inside)
        } else if other.starts_with(reviewed) {
            Some(Self::Contains)
        } else {
            None
        }
    }
}

// === impl PairMember ===

impl<'a> PairMember<'a> {
    fn shares_with(self, other: PairMember<'a>) -> bool {
        is_named(&self.note.shared_with, other)
    }

    fn takes_over(self, other: PairMember<'a>) -> bool {
        other.note.state != VolumeState::Kept && is_named(&self.note.takes_over, other)
    }

    /// Returns whether the volume is provisioned below a provisioner root, and the other is at or above that root.
    fn is_below_root_of(self, other: PairMember<'a>) -> bool {
        self.note.provisioner_root.is_some_and(|root| other.depth <= root)
    }

    fn is(self, access: VolumeAccess) -> bool {
        self.note.access == access
    }
}

fn is_named(names: &[String], member: PairMember<'_>) -> bool {
    !member.name.is_empty() && names.binary_search_by(|name| name.as_str().cmp(member.name)).is_ok()
}

// === impl VolumePair ===

impl<'a> VolumePair<'a> {
    /// Returns the first kind of conflict that applies.
    pub(super) fn kind(self) -> ConflictKind {
        if self.on_shared_path {
            ConflictKind::SharedPath
        } else if self.holds_either_way(PairMember::shares_with) {
            ConflictKind::SharedWith
        } else if self.holds_either_way(PairMember::takes_over) {
            ConflictKind::TakesOver
        } else if self.reviewed.note.recycle || self.other.note.recycle {
            ConflictKind::Recycle
        } else if self.holds_either_way(PairMember::is_below_root_of) {
            ConflictKind::ProvisionerRoot
        } else {
            self.kind_by_access()
        }
    }

    fn kind_by_access(self) -> ConflictKind {
        let both = |access| self.reviewed.is(access) && self.other.is(access);
        let one_reads = self.reviewed.is(VolumeAccess::ReadOnly) || self.other.is(VolumeAccess::ReadOnly);
        match self.relation {
            _ if both(VolumeAccess::ReadOnly) => ConflictKind::BothReadOnly,
            PathRelation::Equal if one_reads || both(VolumeAccess::DeclaredReadOnly) => {
                ConflictKind::EqualReader
            }
            PathRelation::Equal => ConflictKind::Equal,
            PathRelation::Inside | PathRelation::Contains if one_reads => ConflictKind::NestedReader,
            PathRelation::Inside | PathRelation::Contains => ConflictKind::Nested,
        }
    }

    /// Returns whether a condition holds in one direction or the other.
    fn holds_either_way(self, holds: impl Fn(PairMember<'a>, PairMember<'a>) -> bool) -> bool {
        holds(self.reviewed, self.other) || holds(self.other, self.reviewed)
    }
}

// === impl ConflictKind ===

impl ConflictKind {
    /// The rule that reports the conflict.
    pub(super) fn rule(self) -> StorageRule {
        match self {
            Self::SharedPath | Self::SharedWith | Self::TakesOver => StorageRule::IntendedSharing,
            Self::Recycle => StorageRule::RecycleShared,
            Self::EqualReader | Self::Equal | Self::BothReadOnly => StorageRule::SharedExport,
            Self::NestedReader | Self::Nested | Self::ProvisionerRoot => StorageRule::NestedExport,
            Self::Inline => StorageRule::InlineExport,
            Self::SameHandle => StorageRule::DuplicateHandle,
            Self::SameAttributes => StorageRule::EqualAttributes,
        }
    }

    /// Returns the consequence under some settings.
    pub(super) fn outcome(self, settings: &Exports) -> ConflictOutcome {
        match self {
            Self::SharedPath | Self::SharedWith | Self::TakesOver => ConflictOutcome::Intended,
            Self::Recycle => ConflictOutcome::Deny,
            Self::ProvisionerRoot | Self::BothReadOnly => ConflictOutcome::Allow,
            Self::EqualReader | Self::Inline | Self::SameHandle | Self::SameAttributes => {
                ConflictOutcome::Warn
            }
            Self::Equal => match settings.equal {
                DenyOrWarn::Deny => ConflictOutcome::Deny,
                DenyOrWarn::Warn => ConflictOutcome::Warn,
            },
            Self::NestedReader => nested(settings.nested).min(ConflictOutcome::Warn),
            Self::Nested => nested(settings.nested),
        }
    }
}

fn nested(setting: Nested) -> ConflictOutcome {
    match setting {
        Nested::Allow => ConflictOutcome::Allow,
        Nested::Warn => ConflictOutcome::Warn,
        Nested::Deny => ConflictOutcome::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(edit: impl FnOnce(&mut VolumeNote)) -> VolumeNote {
        let mut note = VolumeNote::default();
        edit(&mut note);
        note
    }

    fn access(access: VolumeAccess) -> VolumeNote {
        note(|note| note.access = access)
    }

    fn kind(reviewed: &VolumeNote, other: &VolumeNote, relation: PathRelation) -> ConflictKind {
        let (reviewed_depth, other_depth) = match relation {
            PathRelation::Equal => (2, 2),
            PathRelation::Inside => (2, 1),
            PathRelation::Contains => (1, 2),
        };
        VolumePair {
            reviewed: PairMember { note: reviewed, name: "a", depth: reviewed_depth },
            other: PairMember { note: other, name: "b", depth: other_depth },
            relation,
            on_shared_path: false,
        }
        .kind()
    }

    #[test]
    fn readers_of_equal_exports_only_warn() {
        use VolumeAccess::{DeclaredReadOnly, ReadOnly, ReadWrite};
        for (reviewed, other, expected) in [
            (ReadWrite, ReadWrite, ConflictKind::Equal),
            (ReadWrite, DeclaredReadOnly, ConflictKind::Equal),
            (DeclaredReadOnly, DeclaredReadOnly, ConflictKind::EqualReader),
            (ReadOnly, ReadWrite, ConflictKind::EqualReader),
            (ReadOnly, DeclaredReadOnly, ConflictKind::EqualReader),
            (ReadOnly, ReadOnly, ConflictKind::BothReadOnly),
        ] {
            assert_eq!(
                kind(&access(reviewed), &access(other), PathRelation::Equal),
                expected,
                "{reviewed:?} {other:?}"
            );
            assert_eq!(
                kind(&access(other), &access(reviewed), PathRelation::Equal),
                expected,
                "{other:?} {reviewed:?}"
            );
        }
    }

    #[test]
    fn readers_of_nested_exports_have_a_kind_of_their_own() {
        use VolumeAccess::{DeclaredReadOnly, ReadOnly, ReadWrite};
        for relation in [PathRelation::Inside, PathRelation::Contains] {
            for (reviewed, other, expected) in [
                (ReadWrite, ReadWrite, ConflictKind::Nested),
                (DeclaredReadOnly, DeclaredReadOnly, ConflictKind::Nested),
                (ReadWrite, ReadOnly, ConflictKind::NestedReader),
                (ReadOnly, DeclaredReadOnly, ConflictKind::NestedReader),
                (ReadOnly, ReadOnly, ConflictKind::BothReadOnly),
            ] {
                assert_eq!(
                    kind(&access(reviewed), &access(other), relation),
                    expected,
                    "{reviewed:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn a_recycled_volume_conflicts_with_readers_and_provisioned_volumes() {
        let recycled = note(|note| note.recycle = true);
        let reader = access(VolumeAccess::ReadOnly);
        let provisioned = note(|note| note.provisioner_root = Some(1));
        for relation in [PathRelation::Equal, PathRelation::Inside, PathRelation::Contains] {
            assert_eq!(kind(&recycled, &reader, relation), ConflictKind::Recycle);
            assert_eq!(kind(&reader, &recycled, relation), ConflictKind::Recycle);
            assert_eq!(kind(&provisioned, &recycled, relation), ConflictKind::Recycle);
        }
    }

    #[test]
    fn an_annotation_takes_precedence_over_recycling() {
        let recycled = note(|note| note.recycle = true);
        let sharing = note(|note| note.shared_with = vec!["a".to_owned()]);
        assert_eq!(kind(&recycled, &sharing, PathRelation::Equal), ConflictKind::SharedWith);
    }

    #[test]
    fn only_a_released_or_deleted_volume_can_be_taken_over() {
        let taking = note(|note| note.takes_over = vec!["b".to_owned()]);
        for (state, expected) in [
            (VolumeState::Kept, ConflictKind::Equal),
            (VolumeState::Released, ConflictKind::TakesOver),
            (VolumeState::BeingDeleted, ConflictKind::TakesOver),
        ] {
            assert_eq!(kind(&taking, &note(|note| note.state = state), PathRelation::Equal), expected);
        }
    }

    #[test]
    fn a_provisioned_volume_may_lie_below_its_root() {
        let plain = VolumeNote::default();
        let below_first = note(|note| note.provisioner_root = Some(1));
        let below_top = note(|note| note.provisioner_root = Some(0));
        assert_eq!(kind(&below_first, &plain, PathRelation::Inside), ConflictKind::ProvisionerRoot);
        assert_eq!(kind(&plain, &below_first, PathRelation::Contains), ConflictKind::ProvisionerRoot);
        assert_eq!(kind(&below_top, &plain, PathRelation::Inside), ConflictKind::Nested);
        assert_eq!(kind(&below_first, &plain, PathRelation::Equal), ConflictKind::Equal);
    }

    #[test]
    fn the_kind_of_conflict_does_not_depend_on_the_direction() {
        let edits: [fn(&mut VolumeNote); 8] = [
            |_| {},
            |note| note.access = VolumeAccess::DeclaredReadOnly,
            |note| note.access = VolumeAccess::ReadOnly,
            |note| note.recycle = true,
            |note| note.state = VolumeState::Released,
            |note| note.provisioner_root = Some(1),
            |note| note.shared_with = vec!["a".to_owned(), "b".to_owned()],
            |note| note.takes_over = vec!["a".to_owned(), "b".to_owned()],
        ];
        for (reviewed, other) in
            edits.iter().flat_map(|reviewed| edits.iter().map(move |other| (note(reviewed), note(other))))
        {
            for (here, there) in [
                (PathRelation::Equal, PathRelation::Equal),
                (PathRelation::Inside, PathRelation::Contains),
                (PathRelation::Contains, PathRelation::Inside),
            ] {
                assert_eq!(
                    kind(&reviewed, &other, here),
                    kind(&other, &reviewed, there),
                    "{reviewed:?} {other:?} {here:?}"
                );
            }
        }
    }

    #[test]
    fn settings_choose_the_outcome() {
        let strict = Exports { nested: Nested::Deny, ..Exports::default() };
        let lax = Exports { nested: Nested::Allow, equal: DenyOrWarn::Warn, ..Exports::default() };
        for (kind, by_default, strictly, laxly) in [
            (
                ConflictKind::SharedPath,
                ConflictOutcome::Intended,
                ConflictOutcome::Intended,
                ConflictOutcome::Intended,
            ),
            (ConflictKind::Recycle, ConflictOutcome::Deny, ConflictOutcome::Deny, ConflictOutcome::Deny),
            (
                ConflictKind::ProvisionerRoot,
                ConflictOutcome::Allow,
                ConflictOutcome::Allow,
                ConflictOutcome::Allow,
            ),
            (ConflictKind::EqualReader, ConflictOutcome::Warn, ConflictOutcome::Warn, ConflictOutcome::Warn),
            (ConflictKind::Equal, ConflictOutcome::Deny, ConflictOutcome::Deny, ConflictOutcome::Warn),
            (
                ConflictKind::NestedReader,
                ConflictOutcome::Warn,
                ConflictOutcome::Warn,
                ConflictOutcome::Allow,
            ),
            (ConflictKind::Nested, ConflictOutcome::Warn, ConflictOutcome::Deny, ConflictOutcome::Allow),
        ] {
            assert_eq!(kind.outcome(&Exports::default()), by_default, "{kind:?}");
            assert_eq!(kind.outcome(&strict), strictly, "{kind:?}");
            assert_eq!(kind.outcome(&lax), laxly, "{kind:?}");
        }
    }
}
