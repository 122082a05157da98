//! What happens after a migration: roll backs, verifications, and the deletion of the originals.

use crate::copies::fill;
use crate::tree::assert_same;
use crate::volume::{STATE, TWO, Volume};
use ordinance_migration::JobMode;
use std::fs;

#[test]
fn a_roll_back_keeps_what_the_pods_wrote() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        let before = volume.originals();
        volume.ok(JobMode::Copy, &TWO);
        volume.write("web-0/new", "by web-0");
        volume.ok(JobMode::RollBack, &TWO);
        assert_same(&volume.originals(), &before);
        assert!(!volume.has("web-0") && !volume.has("web-1"));
        let kept = fs::read(volume.root().join(STATE).join("rolled-back/1/web-0/new")).unwrap();
        assert_eq!(kept, b"by web-0");
    });
}

#[test]
fn a_migration_after_a_roll_back_copies_what_is_there_then() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        volume.ok(JobMode::Copy, &TWO);
        volume.ok(JobMode::RollBack, &TWO);
        volume.write("written since", "at the root");
        volume.ok(JobMode::Copy, &TWO);
        assert_same(&volume.below("web-1"), &volume.originals());
        volume.ok(JobMode::RollBack, &TWO);
        assert!(volume.has(&format!("{STATE}/rolled-back/1/web-0")));
        assert!(volume.has(&format!("{STATE}/rolled-back/2/web-0/written since")));
    });
}

#[test]
fn a_roll_back_reports_originals_that_changed() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        volume.ok(JobMode::Copy, &TWO);
        volume.write("empty", "not any more");
        let printed = volume.ok(JobMode::RollBack, &TWO);
        assert!(printed.contains("warning: originals changed"), "{printed}");
    });
}

#[test]
fn a_verification_finds_changes_of_the_originals_only() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        volume.refused(JobMode::Verify, &TWO, "no checksums");
        volume.ok(JobMode::Copy, &TWO);
        volume.write("web-0/new", "by web-0");
        volume.ok(JobMode::Verify, &TWO);
        volume.write("new", "at the root");
        volume.refused(JobMode::Verify, &TWO, "not what they were before the copy");
    });
}

#[test]
fn originals_are_deleted_only_if_all_are_copied_and_none_has_changed() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        volume.refused(JobMode::CleanUp, &TWO, "web-0 is not complete");
        volume.ok(JobMode::Copy, &TWO);
        let copied = volume.below("web-1");
        volume.write("new", "at the root");
        let before = volume.below("");
        volume.refused(JobMode::CleanUp, &TWO, "not what they were before the copy");
        assert_same(&volume.below(""), &before);
        fs::remove_file(volume.root().join("new")).unwrap();
        volume.ok(JobMode::CleanUp, &TWO);
        assert_eq!(volume.originals().len(), 0);
        assert_same(&volume.below("web-1"), &copied);
        volume.refused(JobMode::RollBack, &TWO, "nothing to roll back to");
        volume.refused(JobMode::Copy, &TWO, "the originals were deleted");
        assert_same(&volume.below("web-1"), &copied);
    });
}

#[test]
fn originals_of_a_directory_that_is_gone_are_not_deleted() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        volume.ok(JobMode::Copy, &TWO);
        fs::remove_dir_all(volume.root().join("web-1")).unwrap();
        volume.refused(JobMode::CleanUp, &TWO, "web-1 is not complete");
        volume.ok(JobMode::Copy, &TWO);
        assert_same(&volume.below("web-1"), &volume.originals());
    });
}
