//! Atomic replacement of the files of a directory.

use ordinance_certs::{DirectoryStore, Files, Reload, SecretData, StoreVersion, WriteOutcome};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use ordinance_certs::{Authority, Lifetime, PemPair};

fn data(issued: &PemPair) -> SecretData {
    [("tls.crt", &issued.certificate), ("tls.key", &issued.key)]
        .map(|(name, text)| (name.to_owned(), text.clone().into_bytes()))
        .into()
}

fn issued() -> PemPair {
    let now = SystemTime::now();
    let authority = Authority::new(&["localhost".to_owned()], now, Lifetime::days(1)).unwrap();
    authority.sign(now, now + Lifetime::days(1).0).unwrap()
}

#[test]
fn replaces_all_files_conditionally_on_the_version() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = DirectoryStore::new(&temporary.path().join("made"));
    let (one, two) = (data(&issued()), data(&issued()));
    assert_eq!(directory.write(&one, &StoreVersion::Absent).unwrap(), WriteOutcome::Done);
    assert_eq!(directory.write(&two, &StoreVersion::Absent).unwrap(), WriteOutcome::Conflict);
    let stored = directory.read().unwrap();
    assert_eq!(stored.data, one);
    assert_eq!(directory.write(&two, &stored.version).unwrap(), WriteOutcome::Done);
    assert_eq!(directory.write(&one, &stored.version).unwrap(), WriteOutcome::Conflict);
    assert_eq!(directory.read().unwrap().data, two);
}

#[test]
fn a_server_reloads_the_files_as_those_of_a_secret_volume() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = DirectoryStore::new(temporary.path());
    directory.write(&data(&issued()), &StoreVersion::Absent).unwrap();
    let mut files =
        Files::open(&directory.path("tls.crt"), &directory.path("tls.key"), SystemTime::now()).unwrap();
    for _ in 0..3 {
        directory.write(&data(&issued()), &directory.read().unwrap().version).unwrap();
        assert!(matches!(files.poll(SystemTime::now()), Reload::Replaced));
    }
}

#[test]
fn restricts_keys_to_the_owner_and_removes_old_links() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = DirectoryStore::new(temporary.path());
    let mut data = data(&issued());
    directory.write(&data, &StoreVersion::Absent).unwrap();
    let mode = directory.path("tls.key").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    data.remove("tls.key");
    directory.write(&data, &directory.read().unwrap().version).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(temporary.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["..data", "..v2", ".lock", "tls.crt"]);
}

#[test]
fn a_reader_beside_a_writer_sees_files_of_one_version() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = DirectoryStore::new(temporary.path());
    let versions = [data(&issued()), data(&issued())];
    directory.write(&versions[0], &StoreVersion::Absent).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..200 {
                let over = directory.read().unwrap().version;
                directory.write(&versions[turn % 2], &over).unwrap();
            }
        });
        for _ in 0..200 {
            let seen = directory.read().unwrap().data;
            assert!(versions.contains(&seen), "{:?}", seen.keys());
        }
    });
}

/// The text of a file that no call may touch.
const VICTIM: &str = "precious";

/// Returns a directory beside a file `victim` and a directory `victims` with a file.
fn beside_victims() -> (tempfile::TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("victim"), VICTIM).unwrap();
    fs::create_dir(temporary.path().join("victims")).unwrap();
    fs::write(temporary.path().join("victims/victim"), VICTIM).unwrap();
    let directory = temporary.path().join("tls");
    fs::create_dir(&directory).unwrap();
    (temporary, directory)
}

fn assert_unharmed(temporary: &Path, what: &str) {
    for victim in ["victim", "victims/victim"] {
        assert_eq!(fs::read_to_string(temporary.join(victim)).unwrap(), VICTIM, "{what}");
    }
    assert_eq!(fs::read_dir(temporary.join("victims")).unwrap().count(), 1, "{what}");
}

#[test]
fn a_write_neither_follows_nor_removes_what_another_user_has_prepared() {
    for name in [".lock", "..data", "..data_tmp", "..v1", "tls.crt", "tls.key"] {
        for target in ["../victim", "../victims", "/nowhere"] {
            let (temporary, path) = beside_victims();
            symlink(target, path.join(name)).unwrap();
            let written = DirectoryStore::new(&path).write(&data(&issued()), &StoreVersion::Absent);
            assert_unharmed(temporary.path(), name);
            // Only the store's own link before its rename is replaced.
            assert_eq!(written.is_ok(), name == "..data_tmp", "{name} -> {target}: {written:?}");
        }
    }
}

#[test]
fn a_write_over_a_version_of_another_name_removes_nothing() {
    for target in ["../victims", "victims", ".", "..v1/../../victims", "..v18446744073709551615"] {
        let (temporary, path) = beside_victims();
        fs::create_dir(path.join("victims")).unwrap();
        fs::create_dir(path.join("..v18446744073709551615")).unwrap();
        fs::write(path.join("victims/victim"), VICTIM).unwrap();
        symlink(target, path.join("..data")).unwrap();
        let over = StoreVersion::At(target.to_owned());
        let written = DirectoryStore::new(&path).write(&data(&issued()), &over);
        assert!(written.is_err(), "{target}: {written:?}");
        assert_unharmed(temporary.path(), target);
        assert_eq!(fs::read_to_string(path.join("victims/victim")).unwrap(), VICTIM);
    }
}

#[test]
fn a_read_follows_no_link_out_of_the_directory_and_waits_for_no_pipe() {
    let (_temporary, path) = beside_victims();
    symlink("../victims", path.join("..data")).unwrap();
    assert!(DirectoryStore::new(&path).read().is_err());
    for target in ["../../victim", "/dev/zero"] {
        let (_temporary, path) = beside_victims();
        fs::create_dir(path.join("..v1")).unwrap();
        symlink("..v1", path.join("..data")).unwrap();
        symlink(target, path.join("..v1/tls.crt")).unwrap();
        assert!(DirectoryStore::new(&path).read().is_err(), "{target}");
    }
    let (_temporary, path) = beside_victims();
    fs::create_dir(path.join("..v1")).unwrap();
    symlink("..v1", path.join("..data")).unwrap();
    assert!(Command::new("mkfifo").arg(path.join("..v1/tls.key")).status().unwrap().success());
    assert!(DirectoryStore::new(&path).read().is_err());
}

#[test]
fn an_interrupted_write_is_cleared_away() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = DirectoryStore::new(temporary.path());
    fs::create_dir(temporary.path().join("..v1")).unwrap();
    fs::write(temporary.path().join("..v1/tls.crt"), "half").unwrap();
    symlink("..v1", temporary.path().join("..data_tmp")).unwrap();
    let data = data(&issued());
    assert_eq!(directory.write(&data, &StoreVersion::Absent).unwrap(), WriteOutcome::Done);
    assert_eq!(directory.read().unwrap().data, data);
}
