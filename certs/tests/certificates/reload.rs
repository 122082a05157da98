//! Reload of served files.

use crate::handshake::Client;
use crate::signer::{Dates, HOUR, Pem, Signer};
use crate::volume::Volume;
use ordinance_certs::{Files, FilesError, Reload, server_config};
use rustls::ServerConfig;
use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

/// A served volume, and a client of the server.
struct Service {
    volume: Volume,
    files: Files,
    config: Arc<ServerConfig>,
    client: Client,
}

impl Service {
    fn start(signer: &Signer, pem: &Pem) -> Self {
        let volume = Volume::new(pem);
        let files = open(&volume, SystemTime::now()).unwrap();
        let config = Arc::new(server_config(files.served(), None).unwrap());
        Self { volume, files, config, client: Client::trusting(&signer.ca) }
    }

    fn swap(&mut self, pem: &Pem) -> Reload<FilesError> {
        self.volume.swap(pem);
        self.files.poll(SystemTime::now())
    }

    /// Swaps in invalid files and returns the error.
    fn swap_invalid(&mut self, pem: &Pem) -> String {
        match self.swap(pem) {
            Reload::Kept { error, again: false } => {
                error.to_string().replace(self.volume.path("").to_str().unwrap(), "")
            }
            other => panic!("{other:?}"),
        }
    }

    fn served_name(&self) -> String {
        self.client.connect(&self.config).unwrap().common_name
    }
}

fn open(volume: &Volume, now: SystemTime) -> Result<Files, FilesError> {
    Files::open(&volume.path("tls.crt"), &volume.path("tls.key"), now)
}

#[test]
fn serves_each_of_three_swaps_of_the_kubelet() {
    let signer = Signer::new("ca");
    let mut service = Service::start(&signer, &signer.leaf("first"));
    assert_eq!(service.served_name(), "first");
    for name in ["second", "third", "fourth"] {
        assert!(matches!(service.swap(&signer.leaf(name)), Reload::Replaced));
        assert_eq!(service.served_name(), name);
        assert!(matches!(service.files.poll(SystemTime::now()), Reload::Unchanged));
    }
}

#[test]
fn keeps_the_old_pair_when_the_key_is_another_certificates() {
    let signer = Signer::new("ca");
    let mut service = Service::start(&signer, &signer.leaf("old"));
    let mixed = Pem { key: signer.leaf("other").key, ..signer.leaf("new") };
    assert_eq!(
        service.swap_invalid(&mixed),
        "tls.key: is not the key of tls.crt; give the two files that were made together"
    );
    assert_eq!(service.served_name(), "old");
}

#[test]
fn keeps_the_old_pair_when_the_new_one_has_expired() {
    let signer = Signer::new("ca");
    let mut service = Service::start(&signer, &signer.leaf("old"));
    let error = service.swap_invalid(&signer.sign("new", &["localhost"], Dates::Past));
    assert!(error.starts_with("tls.crt: expired on 20"), "{error}");
    assert!(error.ends_with("put a certificate there that is in date"), "{error}");
    assert_eq!(service.served_name(), "old");
}

#[test]
fn serves_a_pair_with_a_future_start_once_it_is_in_date() {
    let signer = Signer::new("ca");
    let mut service = Service::start(&signer, &signer.leaf("old"));
    let error = service.swap_invalid(&signer.sign("new", &["localhost"], Dates::Future));
    assert!(error.starts_with("tls.crt: is not valid before 20"), "{error}");
    let later = SystemTime::now() + HOUR + HOUR / 2;
    assert!(matches!(service.files.poll(later), Reload::Replaced));
}

#[test]
fn keeps_the_old_pair_when_a_file_is_truncated() {
    let signer = Signer::new("ca");
    let mut service = Service::start(&signer, &signer.leaf("old"));
    let new = signer.leaf("new");
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let cases = [
        (Pem { certificate: half(&new.certificate), ..new.clone() }, "tls.crt: is not a PEM certificate"),
        (Pem { key: half(&new.key), ..new.clone() }, "tls.key: is not a PEM private key"),
        (Pem { certificate: String::new(), ..new.clone() }, "tls.crt: holds no PEM certificate"),
        (Pem { key: new.certificate.clone(), ..new.clone() }, "tls.key: holds no PEM private key"),
    ];
    for (pem, expected) in cases {
        let error = service.swap_invalid(&pem);
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(service.served_name(), "old");
    }
}

#[test]
fn keeps_the_old_pair_when_the_files_are_gone_and_flags_a_repeated_error() {
    let signer = Signer::new("ca");
    let mut service = Service::start(&signer, &signer.leaf("old"));
    fs::remove_file(service.volume.path("..data")).unwrap();
    let first = service.files.poll(SystemTime::now());
    let second = service.files.poll(SystemTime::now());
    assert!(matches!(first, Reload::Kept { error: FilesError::Unreadable(_), again: false }), "{first:?}");
    assert!(matches!(second, Reload::Kept { again: true, .. }), "{second:?}");
    assert_eq!(service.served_name(), "old");
}

#[test]
fn refuses_an_expired_pair_at_start() {
    let signer = Signer::new("ca");
    let volume = Volume::new(&signer.leaf("good"));
    let two_hours_later = SystemTime::now() + 2 * HOUR;
    assert!(open(&volume, SystemTime::now()).is_ok());
    assert!(matches!(open(&volume, two_hours_later), Err(FilesError::Chain { .. })));
}

#[test]
fn reads_plain_files_too() {
    let signer = Signer::new("ca");
    let directory = tempfile::tempdir().unwrap();
    let pem = signer.leaf("plain");
    let [certificate, key] = ["a.pem", "b.pem"].map(|name| directory.path().join(name));
    fs::write(&certificate, pem.certificate).unwrap();
    fs::write(&key, pem.key).unwrap();
    let files = Files::open(&certificate, &key, SystemTime::now()).unwrap();
    let config = Arc::new(server_config(files.served(), None).unwrap());
    assert_eq!(Client::trusting(&signer.ca).connect(&config).unwrap().common_name, "plain");
}

#[test]
fn refuses_a_file_that_is_too_large() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("big");
    fs::write(&path, vec![b'x'; 1024 * 1024 + 1]).unwrap();
    let error = Files::open(&path, &path, SystemTime::now()).unwrap_err().to_string();
    assert!(error.contains("larger than 1048576 bytes"), "{error}");
}
