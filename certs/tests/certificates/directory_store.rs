//! Atomic replacement of the files of a directory.

use ordinance_certs::{DirectoryStore, Files, Reload, SecretData, StoreVersion, WriteOutcome};
use std::os::unix::fs::PermissionsExt;
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
