//! A record in a directory.

use ordinance_certs::{Data, Directory, Files, Reload, Version, Written};
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use ordinance_certs::{Authority, Issued, Lifetime};

fn data(issued: &Issued) -> Data {
    [("tls.crt", &issued.certificate), ("tls.key", &issued.key)]
        .map(|(name, text)| (name.to_owned(), text.clone().into_bytes()))
        .into()
}

fn issued() -> Issued {
    let now = SystemTime::now();
    let authority = Authority::new(&["localhost".to_owned()], now, Lifetime::days(1)).unwrap();
    authority.sign(now, now + Lifetime::days(1).0).unwrap()
}

#[test]
fn a_directory_changes_as_a_whole_and_over_one_version_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = Directory::new(&temporary.path().join("made"));
    let (one, two) = (data(&issued()), data(&issued()));
    assert_eq!(directory.replace(&one, &Version::Absent).unwrap(), Written::Done);
    assert_eq!(directory.replace(&two, &Version::Absent).unwrap(), Written::Conflict);
    let stored = directory.load().unwrap();
    assert_eq!(stored.data, one);
    assert_eq!(directory.replace(&two, &stored.version).unwrap(), Written::Done);
    assert_eq!(directory.replace(&one, &stored.version).unwrap(), Written::Conflict);
    assert_eq!(directory.load().unwrap().data, two);
}

#[test]
fn a_server_reads_a_directory_as_it_reads_a_secret_volume() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = Directory::new(temporary.path());
    directory.replace(&data(&issued()), &Version::Absent).unwrap();
    let mut files =
        Files::open(&directory.path("tls.crt"), &directory.path("tls.key"), SystemTime::now()).unwrap();
    for _ in 0..3 {
        directory.replace(&data(&issued()), &directory.load().unwrap().version).unwrap();
        assert!(matches!(files.poll(SystemTime::now()), Reload::Replaced));
    }
}

#[test]
fn keys_are_for_their_owner_and_what_is_gone_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = Directory::new(temporary.path());
    let mut data = data(&issued());
    directory.replace(&data, &Version::Absent).unwrap();
    let mode = directory.path("tls.key").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    data.remove("tls.key");
    directory.replace(&data, &directory.load().unwrap().version).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(temporary.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["..data", "..v2", ".lock", "tls.crt"]);
}

#[test]
fn whoever_reads_while_others_write_sees_one_version() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = Directory::new(temporary.path());
    let versions = [data(&issued()), data(&issued())];
    directory.replace(&versions[0], &Version::Absent).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..200 {
                let over = directory.load().unwrap().version;
                directory.replace(&versions[turn % 2], &over).unwrap();
            }
        });
        for _ in 0..200 {
            let seen = directory.load().unwrap().data;
            assert!(versions.contains(&seen), "{:?}", seen.keys());
        }
    });
}
