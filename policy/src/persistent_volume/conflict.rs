//! Who conflicts: the table of rules for two PersistentVolumes that overlap, first line first.

use super::note::{Access, Note, State};
use crate::rules::StorageRule;
use crate::settings::{DenyOrWarn, Exports, Nested};

/// How two places lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overlap {
    /// They are one directory.
    Equal,
    /// Ours lies inside theirs.
    Inside,
    /// Ours contains theirs.
    Around,
}

/// The volume under review, or another: what the table asks of either side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side<'a> {
    pub(super) note: &'a Note,
    /// Empty if it is not known yet, and of a group that no annotation can name as a whole.
    pub(super) name: &'a str,
    /// The number of segments of its path.
    pub(super) depth: usize,
}

/// Two overlapping volumes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) ours: Side<'a>,
    pub(super) theirs: Side<'a>,
    pub(super) overlap: Overlap,
    /// Whether both are at or below a path that `exports.shared` names.
    pub(super) on_shared_path: bool,
}

/// The line of the table that a pair falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Both are at or below a path of `exports.shared`.
    SharedPath,
    /// One names the other in `ordinance.dev/shared-with`.
    SharedWith,
    /// One takes the other over, which is about to go.
    TakesOver,
    /// The deletion of one runs `rm -rf` on what the other holds.
    Recycle,
    /// A provisioner's volume in the directory that holds them all.
    ByDesign,
    /// Nobody writes.
    ReadOnly,
    /// One directory, and one side is mounted read-only, or both say that they only read.
    EqualReader,
    /// One directory.
    Equal,
    /// One inside the other, and one side is mounted read-only.
    NestedReader,
    /// One inside the other.
    Nested,
    /// Not of two volumes: the pods of a StatefulSet mount the directory, or one around or inside it, by themselves.
    Inline,
    /// Not of two directories: both have one handle of one driver.
    SameHandle,
}

/// What follows, the strictest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Allowed without a word.
    Silent,
    /// Allowed with a finding, since a setting or an annotation declares the sharing.
    Meant,
    /// A warning.
    Warn,
    /// A refusal.
    Deny,
}

// === impl Overlap ===

impl Overlap {
    /// Returns the relation of two paths of one realm, or `None` if they do not overlap.
    pub(super) fn of(ours: &[String], theirs: &[String]) -> Option<Self> {
        if ours == theirs {
            Some(Self::Equal)
        } else if ours.starts_with(theirs) {
            Some(Self::Inside)
        } else if theirs.starts_with(ours) {
            Some(Self::Around)
        } else {
            None
        }
    }
}

// === impl Side ===

impl<'a> Side<'a> {
    fn shares_with(self, other: Side<'a>) -> bool {
        is_named(&self.note.shared_with, other)
    }

    fn takes_over(self, other: Side<'a>) -> bool {
        other.note.state != State::Kept && is_named(&self.note.takes_over, other)
    }

    /// Whether it is provisioned below a root that the other is on, or above of.
    fn is_below_root_with(self, other: Side<'a>) -> bool {
        self.note.provisioner_root.is_some_and(|root| other.depth <= root)
    }

    fn is(self, access: Access) -> bool {
        self.note.access == access
    }
}

fn is_named(names: &[String], side: Side<'_>) -> bool {
    !side.name.is_empty() && names.iter().any(|name| name == side.name)
}

// === impl Pair ===

impl<'a> Pair<'a> {
    /// The first line of the table that applies.
    pub(super) fn line(self) -> Line {
        if self.on_shared_path {
            Line::SharedPath
        } else if self.either(Side::shares_with) {
            Line::SharedWith
        } else if self.either(Side::takes_over) {
            Line::TakesOver
        } else if self.ours.note.recycle || self.theirs.note.recycle {
            Line::Recycle
        } else if self.either(Side::is_below_root_with) {
            Line::ByDesign
        } else {
            self.line_by_access()
        }
    }

    fn line_by_access(self) -> Line {
        let both = |access| self.ours.is(access) && self.theirs.is(access);
        let one_reads = self.ours.is(Access::ReadOnly) || self.theirs.is(Access::ReadOnly);
        match self.overlap {
            _ if both(Access::ReadOnly) => Line::ReadOnly,
            Overlap::Equal if one_reads || both(Access::Declared) => Line::EqualReader,
            Overlap::Equal => Line::Equal,
            Overlap::Inside | Overlap::Around if one_reads => Line::NestedReader,
            Overlap::Inside | Overlap::Around => Line::Nested,
        }
    }

    /// Whether something holds of one side towards the other.
    fn either(self, holds: impl Fn(Side<'a>, Side<'a>) -> bool) -> bool {
        holds(self.ours, self.theirs) || holds(self.theirs, self.ours)
    }
}

// === impl Line ===

impl Line {
    /// The rule that reports it.
    pub(super) fn rule(self) -> StorageRule {
        match self {
            Self::SharedPath | Self::SharedWith | Self::TakesOver => StorageRule::IntendedSharing,
            Self::Recycle => StorageRule::RecycleShared,
            Self::EqualReader | Self::Equal | Self::ReadOnly => StorageRule::SharedExport,
            Self::NestedReader | Self::Nested | Self::ByDesign => StorageRule::NestedExport,
            Self::Inline => StorageRule::InlineExport,
            Self::SameHandle => StorageRule::DuplicateHandle,
        }
    }

    /// What follows from it under the settings.
    pub(super) fn outcome(self, settings: &Exports) -> Outcome {
        match self {
            Self::SharedPath | Self::SharedWith | Self::TakesOver => Outcome::Meant,
            Self::Recycle => Outcome::Deny,
            Self::ByDesign | Self::ReadOnly => Outcome::Silent,
            Self::EqualReader | Self::Inline | Self::SameHandle => Outcome::Warn,
            Self::Equal => match settings.equal {
                DenyOrWarn::Deny => Outcome::Deny,
                DenyOrWarn::Warn => Outcome::Warn,
            },
            Self::NestedReader => nested(settings.nested).min(Outcome::Warn),
            Self::Nested => nested(settings.nested),
        }
    }
}

fn nested(setting: Nested) -> Outcome {
    match setting {
        Nested::Allow => Outcome::Silent,
        Nested::Warn => Outcome::Warn,
        Nested::Deny => Outcome::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(edit: impl FnOnce(&mut Note)) -> Note {
        let mut note = Note::default();
        edit(&mut note);
        note
    }

    fn access(access: Access) -> Note {
        note(|note| note.access = access)
    }

    fn line(ours: &Note, theirs: &Note, overlap: Overlap) -> Line {
        let (our_depth, their_depth) = match overlap {
            Overlap::Equal => (2, 2),
            Overlap::Inside => (2, 1),
            Overlap::Around => (1, 2),
        };
        Pair {
            ours: Side { note: ours, name: "a", depth: our_depth },
            theirs: Side { note: theirs, name: "b", depth: their_depth },
            overlap,
            on_shared_path: false,
        }
        .line()
    }

    #[test]
    fn who_reads_decides_equal_exports() {
        use Access::{Declared, ReadOnly, ReadWrite};
        for (ours, theirs, expected) in [
            (ReadWrite, ReadWrite, Line::Equal),
            (ReadWrite, Declared, Line::Equal),
            (Declared, Declared, Line::EqualReader),
            (ReadOnly, ReadWrite, Line::EqualReader),
            (ReadOnly, Declared, Line::EqualReader),
            (ReadOnly, ReadOnly, Line::ReadOnly),
        ] {
            assert_eq!(line(&access(ours), &access(theirs), Overlap::Equal), expected, "{ours:?} {theirs:?}");
            assert_eq!(line(&access(theirs), &access(ours), Overlap::Equal), expected, "{theirs:?} {ours:?}");
        }
    }

    #[test]
    fn who_reads_decides_nested_exports() {
        use Access::{Declared, ReadOnly, ReadWrite};
        for overlap in [Overlap::Inside, Overlap::Around] {
            for (ours, theirs, expected) in [
                (ReadWrite, ReadWrite, Line::Nested),
                (Declared, Declared, Line::Nested),
                (ReadWrite, ReadOnly, Line::NestedReader),
                (ReadOnly, Declared, Line::NestedReader),
                (ReadOnly, ReadOnly, Line::ReadOnly),
            ] {
                assert_eq!(line(&access(ours), &access(theirs), overlap), expected, "{ours:?} {theirs:?}");
            }
        }
    }

    #[test]
    fn a_recycled_volume_conflicts_with_readers_and_with_provisioned_ones() {
        let recycled = note(|note| note.recycle = true);
        let reader = access(Access::ReadOnly);
        let provisioned = note(|note| note.provisioner_root = Some(1));
        for overlap in [Overlap::Equal, Overlap::Inside, Overlap::Around] {
            assert_eq!(line(&recycled, &reader, overlap), Line::Recycle);
            assert_eq!(line(&reader, &recycled, overlap), Line::Recycle);
            assert_eq!(line(&provisioned, &recycled, overlap), Line::Recycle);
        }
    }

    #[test]
    fn an_annotation_goes_before_recycling() {
        let recycled = note(|note| note.recycle = true);
        let sharing = note(|note| note.shared_with = vec!["a".to_owned()]);
        assert_eq!(line(&recycled, &sharing, Overlap::Equal), Line::SharedWith);
    }

    #[test]
    fn only_what_is_about_to_go_can_be_taken_over() {
        let taking = note(|note| note.takes_over = vec!["b".to_owned()]);
        for (state, expected) in [
            (State::Kept, Line::Equal),
            (State::Released, Line::TakesOver),
            (State::Deleted, Line::TakesOver),
        ] {
            assert_eq!(line(&taking, &note(|note| note.state = state), Overlap::Equal), expected);
        }
    }

    #[test]
    fn a_provisioner_may_keep_volumes_below_its_root() {
        let plain = Note::default();
        let below_first = note(|note| note.provisioner_root = Some(1));
        let below_top = note(|note| note.provisioner_root = Some(0));
        assert_eq!(line(&below_first, &plain, Overlap::Inside), Line::ByDesign);
        assert_eq!(line(&plain, &below_first, Overlap::Around), Line::ByDesign);
        assert_eq!(line(&below_top, &plain, Overlap::Inside), Line::Nested);
        assert_eq!(line(&below_first, &plain, Overlap::Equal), Line::Equal);
    }

    #[test]
    fn a_pair_falls_under_one_line_from_either_side() {
        let edits: [fn(&mut Note); 8] = [
            |_| {},
            |note| note.access = Access::Declared,
            |note| note.access = Access::ReadOnly,
            |note| note.recycle = true,
            |note| note.state = State::Released,
            |note| note.provisioner_root = Some(1),
            |note| note.shared_with = vec!["a".to_owned(), "b".to_owned()],
            |note| note.takes_over = vec!["a".to_owned(), "b".to_owned()],
        ];
        for (ours, theirs) in
            edits.iter().flat_map(|ours| edits.iter().map(move |theirs| (note(ours), note(theirs))))
        {
            for (here, there) in [
                (Overlap::Equal, Overlap::Equal),
                (Overlap::Inside, Overlap::Around),
                (Overlap::Around, Overlap::Inside),
            ] {
                assert_eq!(
                    line(&ours, &theirs, here),
                    line(&theirs, &ours, there),
                    "{ours:?} {theirs:?} {here:?}"
                );
            }
        }
    }

    #[test]
    fn settings_choose_the_outcome() {
        let strict = Exports { nested: Nested::Deny, ..Exports::default() };
        let lax = Exports { nested: Nested::Allow, equal: DenyOrWarn::Warn, ..Exports::default() };
        for (line, by_default, strictly, laxly) in [
            (Line::SharedPath, Outcome::Meant, Outcome::Meant, Outcome::Meant),
            (Line::Recycle, Outcome::Deny, Outcome::Deny, Outcome::Deny),
            (Line::ByDesign, Outcome::Silent, Outcome::Silent, Outcome::Silent),
            (Line::EqualReader, Outcome::Warn, Outcome::Warn, Outcome::Warn),
            (Line::Equal, Outcome::Deny, Outcome::Deny, Outcome::Warn),
            (Line::NestedReader, Outcome::Warn, Outcome::Warn, Outcome::Silent),
            (Line::Nested, Outcome::Warn, Outcome::Deny, Outcome::Silent),
        ] {
            assert_eq!(line.outcome(&Exports::default()), by_default, "{line:?}");
            assert_eq!(line.outcome(&strict), strictly, "{line:?}");
            assert_eq!(line.outcome(&lax), laxly, "{line:?}");
        }
    }
}
