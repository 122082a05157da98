//! What is copied, and how.

use crate::tree::assert_same;
use crate::volume::{STATE, TWO, Volume};
use ordinance_migration::JobMode;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Fills a volume with names, kinds, modes, owners and times that a careless script would lose.
pub fn fill(volume: &Volume) {
    let root = volume.root();
    for name in [
        "-rf",
        "--help",
        ".hidden",
        "..two",
        "a b",
        "line\nbreak",
        "star*",
        "quote'\"",
        "back\\slash",
        "umläut",
        "$(x)",
    ] {
        volume.write(name, &format!("content of {name}"));
        volume.write(&format!("folder {name}/nested/{name}"), name);
    }
    volume.write("folder -rf/web-0/own", "an entry that is called like an ordinal's directory");
    volume.write("empty", "");
    fs::create_dir_all(root.join("no files/inside")).unwrap();
    symlink("-rf", root.join("link")).unwrap();
    symlink("/data/elsewhere/\nbroken", root.join("broken link")).unwrap();
    symlink("folder -rf", root.join("link to a folder")).unwrap();
    fs::hard_link(root.join("a b"), root.join("same file")).unwrap();
    fs::hard_link(root.join("a b"), root.join("no files/same file")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
    fs::set_permissions(root.join("star*"), Permissions::from_mode(0o400)).unwrap();
    fs::set_permissions(root.join("no files"), Permissions::from_mode(0o2750)).unwrap();
    let past = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    File::open(root.join(".hidden")).unwrap().set_times(past).unwrap();
    File::open(root.join("no files")).unwrap().set_times(past).unwrap();
    if root.metadata().unwrap().uid() == 0 {
        chown(root.join("umläut"), Some(1234), Some(4321)).unwrap();
        chown(root.join("folder a b"), Some(1234), None).unwrap();
        lchown(root.join("link"), Some(99), Some(98)).unwrap();
        fs::set_permissions(root.join("empty"), Permissions::from_mode(0o4711)).unwrap();
    }
    fs::set_permissions(&root, Permissions::from_mode(0o1777)).unwrap();
}

#[test]
fn each_ordinal_gets_every_file_with_its_mode_owner_times_and_links() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        let before = volume.originals();
        assert!(before.len() > 40, "{before:?}");
        volume.ok(JobMode::Copy, &TWO);
        assert_same(&volume.originals(), &before);
        for directory in ["web-0", "web-1"] {
            assert_same(&volume.below(directory), &before);
            let mode = volume.root().join(directory).metadata().unwrap().mode();
            assert_eq!(mode & 0o7777, 0o1777, "{directory}");
        }
    });
}

#[test]
fn a_second_run_changes_nothing() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        volume.ok(JobMode::Copy, &TWO);
        volume.write("web-0/later", "written by a pod");
        let (originals, first) = (volume.originals(), volume.below("web-0"));
        volume.ok(JobMode::Copy, &TWO);
        assert_same(&volume.originals(), &originals);
        assert_same(&volume.below("web-0"), &first);
    });
}

#[test]
fn a_check_counts_and_changes_nothing() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        let before = volume.below("");
        let printed = volume.ok(JobMode::Check, &TWO);
        assert!(printed.contains("2 copies to make"), "{printed}");
        assert_same(&volume.below(""), &before);
    });
}

#[test]
fn an_empty_volume_is_migrated() {
    Volume::in_each_shell(|volume| {
        volume.ok(JobMode::Copy, &TWO);
        assert!(volume.has("web-0") && volume.has("web-1"));
    });
}

#[test]
fn only_the_owner_gets_files() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        let before = volume.originals();
        let arguments = ["source=", "top=web-0", "top=web-1", "empty=web-0", "copy=web-1"];
        volume.ok(JobMode::Copy, &arguments);
        assert_eq!(volume.below("web-0").len(), 0);
        assert_same(&volume.below("web-1"), &before);
    });
}

#[test]
fn an_entry_in_the_way_is_never_overwritten() {
    Volume::in_each_shell(|volume| {
        volume.write("web-1/index.html", "the application's own folder for a replica");
        volume.write("shared", "a file");
        let before = volume.below("");
        volume.refused(JobMode::Check, &TWO, "directories go: web-1.");
        volume.refused(JobMode::Copy, &TWO, "directories go: web-1.");
        assert_same(&volume.below(""), &before);
        let below = ["source=", "top=ordinals", "copy=ordinals/web-0", "copy=ordinals/web-1"];
        volume.ok(JobMode::Copy, &below);
        assert_same(&volume.below("ordinals/web-0"), &before);
        assert_same(&volume.below("ordinals/web-1"), &before);
    });
}

#[test]
fn even_a_broken_link_is_in_the_way() {
    Volume::in_each_shell(|volume| {
        symlink("nowhere", volume.root().join("web-0")).unwrap();
        volume.refused(JobMode::Copy, &TWO, "directories go: web-0.");
    });
}

#[test]
fn directories_of_the_volume_keep_their_place_below_the_ordinal() {
    Volume::in_each_shell(|volume| {
        volume.write("data/deep er/file", "1");
        volume.write("other/file", "2");
        volume.write("left out", "3");
        fs::set_permissions(volume.root().join("data"), Permissions::from_mode(0o711)).unwrap();
        let arguments = ["source=data/deep er", "source=missing", "source=other", "top=web-0", "copy=web-0"];
        volume.ok(JobMode::Copy, &arguments);
        let names: Vec<_> =
            volume.below("web-0").into_keys().map(|path| path.display().to_string()).collect();
        assert_eq!(names, ["data", "data/deep er", "data/deep er/file", "other", "other/file"]);
        let mode = volume.root().join("web-0/data").metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o711);
        volume.ok(JobMode::Verify, &arguments);
        volume.ok(JobMode::CleanUp, &arguments);
        assert!(volume.has("left out") && !volume.has("data/deep er/file") && !volume.has("other/file"));
        assert!(volume.has("web-0/data/deep er/file"));
    });
}

#[test]
fn a_source_that_is_no_directory_is_refused() {
    Volume::in_each_shell(|volume| {
        volume.write("file", "1");
        symlink("file", volume.root().join("link")).unwrap();
        for source in ["source=file", "source=link"] {
            volume.refused(JobMode::Check, &[source, "top=web-0", "copy=web-0"], "no directory");
        }
    });
}

#[test]
fn left_out_entries_and_other_migrations_are_not_copied() {
    Volume::in_each_shell(|volume| {
        volume.write(".snapshot/old", "not copied");
        volume.write("file", "copied");
        volume.write(".ordinance-migration-shop.api/tops", "api-0\n");
        volume.write("api-0/file", "of another set");
        let arguments = ["source=", "exclude=.snapshot", "top=web-0", "copy=web-0"];
        volume.ok(JobMode::Copy, &arguments);
        let names: Vec<_> = volume.below("web-0").into_keys().collect();
        assert_eq!(names, [std::path::Path::new("file")]);
        volume.ok(JobMode::CleanUp, &arguments);
        assert!(volume.has(".snapshot/old") && volume.has("api-0/file") && !volume.has("file"));
    });
}

#[test]
fn two_sets_of_a_namespace_migrate_into_one_folder() {
    Volume::in_each_shell(|volume| {
        volume.write("file", "of both");
        volume.write(".ordinance-migration-shop.api/tops", "shop\n");
        volume.write("shop/api-0/file", "of another set");
        volume.ok(JobMode::Copy, &["source=", "top=shop", "copy=shop/web-0"]);
        assert_eq!(volume.below("shop/web-0").len(), 1);
        volume.ok(JobMode::RollBack, &["source=", "top=shop", "copy=shop/web-0"]);
        assert!(volume.has("shop/api-0/file") && !volume.has("shop/web-0"));
        assert!(volume.has(&format!("{STATE}/rolled-back/1/shop/web-0/file")));
    });
}
