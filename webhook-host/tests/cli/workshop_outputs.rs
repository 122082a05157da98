//! The files that the commands of the workshop write: each replaces a file of its own kind, and nothing else. No pipe is waited for.

use crate::files::directory;
use crate::run::{Ended, end, ordinance, run_in};
use ordinance_testkit::guest::component;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A case that admits everything.
const CASE: &str = "why: it is admitted\nrequest:\n  phases: [mutate]\n  object: {apiVersion: v1, kind: Thing, metadata: {name: a}}\n";

/// The message about a file of another kind.
const OTHER_KIND: &str =
    "there is a file of another kind, which is not replaced; name another file, or remove it";

/// Returns a folder with a policy, a case, sources and a pipe without a reader.
fn workshop() -> TempDir {
    let folder = directory(&[("tests/a.yaml", CASE), ("policy.c", "int main;"), ("notes.json", "{}")]);
    fs::write(folder.path().join("mine.wasm"), component("", "")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
    folder
}

/// Asserts that a command ends with code 2 and this message, and leaves the file as it was.
fn is_refused(folder: &TempDir, arguments: &[&str], file: &str, message: &str) {
    let path = folder.path().join(file);
    let before = path.is_file().then(|| fs::read(&path).unwrap());
    let ended = run_in(folder.path(), arguments);
    assert!(ended.code == 2 && ended.stderr.contains(message), "{arguments:?}: {ended:?}");
    assert!(ended.stdout.is_empty(), "nothing was done: {arguments:?}: {ended:?}");
    assert_eq!(path.is_file().then(|| fs::read(&path).unwrap()), before, "{arguments:?}");
}

fn test_in(folder: &Path, arguments: &[&str]) -> Ended {
    run_in(folder, &[&["test", "--policy", "mine.wasm", "--allow-unfired"], arguments].concat())
}

#[test]
fn no_command_replaces_a_file_of_another_kind() {
    let folder = workshop();
    symlink("policy.c", folder.path().join("link")).unwrap();
    fs::write(folder.path().join("other.settings.schema.json"), "{\"type\": \"service_account\"}").unwrap();
    fs::write(folder.path().join("pom.xml"), "<?xml version=\"1.0\"?>\n<project/><!-- <testsuite -->\n")
        .unwrap();
    fs::write(folder.path().join("logo.svg"), "<svg/>").unwrap();
    for (arguments, file) in [
        (&["build", "--output", "policy.c"][..], "policy.c"),
        (&["build", "--output", "other.wasm"], "other.settings.schema.json"),
        (&["test", "--policy", "mine.wasm", "--junit", "pom.xml"], "pom.xml"),
        (&["bench", "mine.wasm", "--plot", "logo.svg"], "logo.svg"),
        (&["build", "--output", "link"], "policy.c"),
        (&["test", "--policy", "mine.wasm", "--junit", "tests/a.yaml"], "tests/a.yaml"),
        (&["bench", "mine.wasm", "--save", "notes.json"], "notes.json"),
        (&["bench", "mine.wasm", "--plot", "policy.c"], "policy.c"),
    ] {
        is_refused(&folder, arguments, file, OTHER_KIND);
    }
}

#[test]
fn no_command_waits_for_the_reader_of_a_pipe() {
    let folder = workshop();
    for arguments in [
        &["test", "--policy", "mine.wasm", "--allow-unfired", "--allow-skipped", "--junit", "pipe", "tests"]
            [..],
        &["bench", "mine.wasm", "--time", "1ms", "-q", "--save", "pipe"],
    ] {
        let ended = run_in(folder.path(), arguments);
        assert!(ended.code == 2 && ended.stderr.contains("no program reads from this pipe"), "{ended:?}");
    }
    assert!(Command::new("mkfifo").arg(folder.path().join("tests/fuel.json")).status().unwrap().success());
    let ended = test_in(folder.path(), &["--record-fuel"]);
    assert!(ended.code == 2 && ended.stderr.contains("fuel.json: not a regular file"), "{ended:?}");
}

#[test]
fn blessing_follows_no_link() {
    let folder = workshop();
    symlink("../case", folder.path().join("tests/b.yaml")).unwrap();
    fs::write(folder.path().join("case"), CASE).unwrap();
    let ended = test_in(folder.path(), &["--bless"]);
    assert!(ended.code == 2 && ended.stdout.contains("b.yaml is a link, which is not followed"), "{ended:?}");
    assert_eq!(fs::read_to_string(folder.path().join("case")).unwrap(), CASE);
    assert!(fs::read_to_string(folder.path().join("tests/a.yaml")).unwrap().contains("expect:"));
}

#[test]
fn recording_fuel_keeps_a_file_that_is_no_record() {
    let folder = workshop();
    let file = folder.path().join("tests/fuel.json");
    fs::write(&file, "{\"a\": \"precious\"}").unwrap();
    let ended = test_in(folder.path(), &["--record-fuel"]);
    assert!(ended.code == 2 && ended.stderr.contains("remove it, and record the fuel by"), "{ended:?}");
    assert_eq!(fs::read_to_string(file).unwrap(), "{\"a\": \"precious\"}");
}

#[test]
fn tells_that_a_named_cache_can_not_be_used() {
    let folder = workshop();
    let mut command = ordinance(&["inspect", "mine.wasm"]);
    let ended = end(command.current_dir(folder.path()).env("ORDINANCE_CACHE_DIR", "/proc/nope"));
    let message = "warning: ORDINANCE_CACHE_DIR: compiled components are not kept in /proc/nope: ";
    assert!(ended.code == 0 && ended.stderr.starts_with(message), "{ended:?}");
}

#[test]
fn a_full_stdout_is_named() {
    let folder = workshop();
    for arguments in [&["inspect", "mine.wasm"][..], &["new", "another", "--lang", "c"], &["schema", "case"]]
    {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ended = end(ordinance(arguments).current_dir(folder.path()).stdout(full));
        assert!(ended.code == 2 && ended.stderr.starts_with("error: stdout can't be written: "), "{ended:?}");
    }
}
