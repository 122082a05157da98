//! Copies that go wrong: the script stops, and the originals are what they were.

use crate::copies::fill;
use crate::tree::assert_same;
use crate::volume::{Shell, TWO, Volume};
use ordinance_migration::JobMode;

/// Runs a test with an empty volume and programs that it can replace.
fn with_volume(test: impl FnOnce(&Volume)) {
    test(&Volume::new(&Shell::own()));
}

/// Runs a copy that has to fail with this message, and checks that no directory is in place.
fn stops(volume: &Volume, message: &str) {
    let before = volume.originals();
    volume.refused(JobMode::Copy, &TWO, message);
    assert_same(&volume.originals(), &before);
    assert!(!volume.has("web-0") && !volume.has("web-1"));
}

/// Runs a copy with the usual programs, and checks that it succeeds.
fn succeeds_later(volume: &Volume) {
    volume.restore();
    let before = volume.originals();
    volume.ok(JobMode::Copy, &TWO);
    assert_same(&volume.below("web-0"), &before);
    assert_same(&volume.below("web-1"), &before);
}

#[test]
fn a_full_volume_is_found_before_the_copy() {
    with_volume(|volume| {
        volume.write("file", &"x".repeat(100_000));
        volume.replace("df", "echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo 'nas:/srv/a b 9 9 190 99% /volume'");
        volume.refused(JobMode::Check, &TWO, "the copies need 196 KiB, and the volume has 190 KiB free");
        stops(volume, "the copies need 196 KiB");
        succeeds_later(volume);
    });
}

#[test]
fn a_file_system_that_does_not_know_its_size_is_no_obstacle() {
    with_volume(|volume| {
        volume.write("file", "x");
        volume.replace("df", "echo header; echo 'share - - - - /volume'");
        assert!(volume.ok(JobMode::Check, &TWO).contains("KiB needed, - KiB free"));
    });
}

#[test]
fn a_disk_that_fills_up_meanwhile_leaves_the_originals() {
    with_volume(|volume| {
        fill(volume);
        volume.replace("cp", "$REAL \"$@\"; echo 'cp: No space left on device' >&2; exit 1");
        stops(volume, "No space left on device");
        succeeds_later(volume);
    });
}

#[test]
fn a_copy_with_another_byte_is_found() {
    with_volume(|volume| {
        fill(volume);
        volume.replace(
            "cp",
            "$REAL \"$@\" || exit 1\nfor last; do :; done\ncd \"$last\" && touch -r a\\ b \"$FOLDER/time\" && \
             printf 'Content of a b' > 'a b' && touch -r \"$FOLDER/time\" 'a b'",
        );
        stops(volume, "the copy differs from the originals");
        succeeds_later(volume);
    });
}

#[test]
fn a_copy_with_another_mode_is_found() {
    with_volume(|volume| {
        fill(volume);
        volume.replace("cp", "$REAL \"$@\" || exit 1\nfor last; do :; done\nchmod 644 \"$last/star*\"");
        stops(volume, "the copy differs from the originals");
    });
}

#[test]
fn a_missing_file_of_a_copy_is_found() {
    with_volume(|volume| {
        fill(volume);
        volume.replace("cp", "$REAL \"$@\" || exit 1\nfor last; do :; done\nrm \"$last/.hidden\"");
        stops(volume, "the copy differs from the originals");
    });
}

#[test]
fn a_file_that_is_written_meanwhile_is_found() {
    with_volume(|volume| {
        fill(volume);
        volume.replace(
            "cp",
            "$REAL \"$@\" || exit 1\n[ ! -d \"$FOLDER/volume/web-0\" ] || echo more >> \"$FOLDER/volume/empty\"",
        );
        volume.refused(JobMode::Copy, &TWO, "something still writes to the volume");
        volume.restore();
        volume.refused(JobMode::Copy, &TWO, "the originals are not what they were before the copy");
        volume.ok(JobMode::RollBack, &TWO);
        succeeds_later(volume);
    });
}

#[test]
fn a_checksum_that_can_not_be_read_stops_the_copy() {
    with_volume(|volume| {
        fill(volume);
        volume.replace("sha256sum", "$REAL \"$@\" | head -n 1; exit 1");
        stops(volume, "can't read all files");
    });
}

#[test]
fn owners_that_the_server_refuses_are_found_by_the_check() {
    with_volume(|volume| {
        volume.write("file", "x");
        volume.replace("chown", "exit 1");
        volume.refused(JobMode::Check, &TWO, "--as-pod");
        let names: Vec<_> = volume.below("").into_keys().collect();
        assert_eq!(names, [std::path::Path::new("file")]);
    });
}
