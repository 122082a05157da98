//! A file that cannot be replaced keeps its text. The limit on file sizes applies to a whole process, hence a process
//! of its own.
#![cfg(unix)]

use ordinance_files::{FilePlace, SaveError, save};
use rlimit::Resource;
use std::fs;
use std::io::ErrorKind;

/// A write beyond the limit raises a signal that ends the process unless it is ignored.
const IGNORED: &str = "trap '' XFSZ; exec \"$0\" --exact --nocapture loses_nothing_when_the_disk_is_full";

#[test]
fn loses_nothing_when_the_disk_is_full() {
    if std::env::var_os("LIMITED").is_none() {
        let program = std::env::current_exe().expect("this program");
        let output =
            std::process::Command::new("sh").args(["-c", IGNORED]).arg(program).env("LIMITED", "1").output();
        let output = output.expect("run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.yaml");
    let old = "x".repeat(4000);
    fs::write(&path, &old).expect("written");
    Resource::FSIZE.set(4096, 4096).expect("a limit");

    let place = FilePlace { directory: directory.path().to_owned(), below: "a.yaml".into() };
    let error = save(&place, &old, &"y".repeat(5000)).expect_err("too large");
    assert!(
        matches!(&error, SaveError::Unsaved(_, error) if error.kind() == ErrorKind::FileTooLarge),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).expect("read"), old);
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 1);
}
