//! What is found out about certificates, and what is said of it.

use crate::handshake::{Client, common_name};
use crate::signer::{Dates, HOUR, Pem, Signer};
use ordinance_certs::inspect::{Finding, Inspection, Material, Paint, When, left, presented};
use ordinance_certs::{
    Authority, Bundle, Configuration, Files, Folder, Haste, Kind, Lifetime, Record, Retired, Schedule,
    Trusting, Webhook, Wish, server_config,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const NAME: &str = "ordinance.system.svc";
const WAIT: Duration = Duration::from_secs(300);

fn material(place: &str, pem: &str) -> Material {
    Material::read(place.to_owned(), pem.as_bytes()).unwrap()
}

fn files(files: &[(&str, &str)]) -> Inspection {
    let mut inspection = Inspection::default();
    inspection.files(files.iter().map(|(place, pem)| material(place, pem)).collect(), &[]);
    inspection
}

fn now() -> When {
    When { at: SystemTime::now(), within: Duration::ZERO }
}

fn said(inspection: &Inspection, when: When) -> Vec<String> {
    inspection.findings(when).iter().map(Finding::to_string).collect()
}

/// A CA in its rotation, and whoever trusts these.
fn cluster(record: &Record, trusted: &Bundle, host: &str) -> Inspection {
    let mut inspection = Inspection::default();
    inspection.store(
        "Secret a/b",
        |entry| format!("Secret a/b: {entry}"),
        &record.data(),
        Schedule::default(),
    );
    inspection.configurations(&[Configuration {
        kind: Kind::Validating,
        name: "ordinance".to_owned(),
        version: "1".to_owned(),
        webhooks: vec![Webhook {
            name: "volumes".to_owned(),
            host: Some(host.to_owned()),
            bundle: trusted.pem().into_bytes(),
            failure_policy: "Fail".to_owned(),
            intended_policy: None,
        }],
    }]);
    inspection
}

fn record() -> Record {
    let current =
        Authority::new(&[NAME.to_owned()], SystemTime::now(), Lifetime::days(365)).unwrap().issued();
    Record { generation: 1, previous: None, current, confirmed_at: None, next: None }
}

#[test]
fn a_pair_that_its_ca_signed_is_fine() {
    let ca = Signer::new("ca");
    let Pem { certificate, key } = ca.leaf("leaf");
    let found = files(&[("tls.crt", &certificate), ("tls.key", &key), ("ca.crt", &ca.ca)]);
    assert_eq!(said(&found, now()), [""; 0]);
    assert_eq!(found.summary(), "nothing wrong: 1 CA, 1 certificate, 1 place of trust");
}

#[test]
fn a_chain_that_brings_its_ca_is_fine_by_itself() {
    let authority = Authority::new(&[NAME.to_owned()], SystemTime::now(), Lifetime::days(1)).unwrap();
    let served = authority.sign(SystemTime::now(), SystemTime::now() + HOUR).unwrap().certificate;
    let found = files(&[("tls.crt", &(served + &authority.pem()))]);
    assert_eq!(said(&found, now()), [""; 0]);
}

#[test]
fn each_fault_of_a_pair_is_one_line_with_a_way_out() {
    let (ca, other) = (Signer::new("ca"), Signer::new("other"));
    let Pem { certificate, key } = ca.leaf("leaf");
    let past = ca.sign("past", &["localhost"], Dates::Past).certificate;
    let future = ca.sign("future", &["localhost"], Dates::Future).certificate;
    for (given, expected) in [
        (vec![("tls.crt", &past), ("ca.crt", &ca.ca)], "tls.crt: expired on "),
        (vec![("tls.crt", &future), ("ca.crt", &ca.ca)], "tls.crt: is not valid before "),
        (
            vec![("tls.crt", &certificate), ("ca.crt", &other.ca)],
            "tls.crt: is not trusted by the CA given: it is signed by ",
        ),
        (vec![("tls.crt", &certificate), ("tls.key", &key)], "tls.crt: is signed by "),
        (
            vec![("tls.crt", &certificate), ("tls.key", &other.leaf("leaf").key), ("ca.crt", &ca.ca)],
            "tls.key: is the key of none of the certificates given; give the two files that were made together",
        ),
    ] {
        let given: Vec<_> = given.into_iter().map(|(place, pem)| (place, pem.as_str())).collect();
        let found = said(&files(&given), now());
        assert!(matches!(&found[..], [only] if only.starts_with(expected)), "{expected}: {found:?}");
        assert!(found[0].contains("; "), "{found:?}");
    }
}

#[test]
fn what_expires_soon_is_said_only_to_who_asks() {
    let ca = Signer::new("ca");
    let found = files(&[("tls.crt", &ca.leaf("leaf").certificate), ("ca.crt", &ca.ca)]);
    let within = |hours: u32| said(&found, When { within: hours * HOUR, ..now() });
    assert_eq!(within(0), [""; 0]);
    let soon = within(2);
    assert!(matches!(&soon[..], [only] if only.contains(", in 59 minutes; ")), "{soon:?}");
    assert_eq!(said(&found, When { at: now().at + 2 * HOUR, ..now() }).len(), 1);
}

#[test]
fn a_name_that_is_needed_and_missing_is_said() {
    let ca = Signer::new("ca");
    let mut found = Inspection::default();
    let given = vec![material("tls.crt", &ca.leaf("leaf").certificate), material("ca.crt", &ca.ca)];
    found.files(given, &["localhost".to_owned(), NAME.to_owned()]);
    let told = format!(
        "tls.crt: is not for {NAME}, but for localhost; have one issued for it, e.g. by --dns-name {NAME}"
    );
    assert_eq!(said(&found, now()), [told]);
}

#[test]
fn what_is_no_certificate_is_said_with_its_place_and_never_with_its_content() {
    let Pem { certificate, key } = Signer::new("ca").leaf("leaf");
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (pem, told) in [
        ("junk".to_owned(), "a: holds neither a PEM certificate nor a private key; "),
        (String::new(), "a: holds neither a PEM certificate nor a private key; "),
        (half(&certificate), "a: is not a PEM certificate (its END line is missing); "),
        (half(&key), "a: is not a PEM private key (its END line is missing); "),
        (certificate.replace("MII", "AII"), "a: is not a PEM certificate ("),
        (encrypted, "a: holds no PEM private key; put the certificate's key there, unencrypted"),
    ] {
        let error = Material::read("a".to_owned(), pem.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(told), "{error}");
        assert_eq!(format!("a: {}", error.problem()), error.to_string());
    }
}

#[test]
fn a_file_that_is_mistaken_for_another_does_not_fill_the_memory() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("huge");
    std::fs::write(&path, vec![b'-'; 1024 * 1024 + 1]).unwrap();
    let said = Material::open(&path).unwrap_err().to_string();
    assert!(
        said.ends_with("huge: larger than 1048576 bytes; give a file of certificates or a key"),
        "{said}"
    );
    let endless = Material::stream("stdin", io::repeat(b'-')).unwrap_err().to_string();
    assert!(endless.starts_with("stdin: larger than "), "{endless}");
}

#[test]
fn whoever_does_not_trust_the_ca_that_signs_is_said() {
    let record = record();
    assert_eq!(said(&cluster(&record, &record.bundle(), NAME), now()), [""; 0]);
    let nobody = said(&cluster(&record, &Bundle::new(), NAME), now());
    let place = "ValidatingWebhookConfiguration ordinance: volumes: ";
    assert_eq!(nobody, [format!("{place}trusts nobody: there is no certificate in it; put the CA there")]);
    let other = Bundle::read(Signer::new("other").ca.as_bytes());
    let foreign = said(&cluster(&record, &other, NAME), now());
    assert!(foreign[0].starts_with(&format!("{place}does not trust Ordinance CA ")), "{foreign:?}");
    let renamed = said(&cluster(&record, &record.bundle(), "other.svc"), now());
    assert!(renamed[0].starts_with(&format!("{place}calls other.svc, for which the CA of ")), "{renamed:?}");
}

#[test]
fn a_next_ca_has_to_be_trusted_only_once_it_was_seen_to_be() {
    let record = record();
    let published =
        record.clone().with_next(&[NAME.to_owned()], SystemTime::now(), &Schedule::default()).unwrap();
    assert_eq!(said(&cluster(&published, &record.bundle(), NAME), now()), [""; 0]);
    let mut confirmed = published;
    confirmed.next.as_mut().unwrap().confirmed_at = Some(SystemTime::now());
    let shrunk = said(&cluster(&confirmed, &record.bundle(), NAME), now());
    assert!(
        matches!(&shrunk[..], [only] if only.contains("the next CA of Secret a/b: next.crt")),
        "{shrunk:?}"
    );
}

#[test]
fn a_former_ca_has_to_be_trusted_until_it_is_out_of_the_record() {
    let (former, current) = (record(), record());
    let until = SystemTime::now() + HOUR;
    let draining = Record { previous: Some(Retired { bundle: former.bundle(), until }), ..current.clone() };
    assert_eq!(said(&cluster(&draining, &draining.bundle(), NAME), now()), [""; 0]);
    let shrunk = said(&cluster(&draining, &current.bundle(), NAME), now());
    assert!(
        matches!(&shrunk[..], [only] if only.contains("the previous CA of Secret a/b: previous.crt")),
        "{shrunk:?}"
    );
}

#[test]
fn a_store_s_key_that_is_another_certificate_s_is_said() {
    let ca = Signer::new("ca");
    let (one, other) = (ca.leaf("one"), ca.leaf("other"));
    let data = [("tls.crt", one.certificate), ("tls.key", other.key), ("ca.crt", ca.ca)];
    let mut found = Inspection::default();
    let data = data.map(|(name, pem)| (name.to_owned(), pem.into_bytes())).into();
    found.store("tls", |name| format!("tls/{name}"), &data, Schedule::default());
    let told = "tls/tls.key: is not the key of tls/tls.crt; put the two files there that were made together";
    assert_eq!(said(&found, now()), [told]);
    assert_eq!(serde_json::to_value(found.document(now())).unwrap()["certificates"][0]["keyMatches"], false);
}

#[test]
fn a_ca_that_counts_no_more_is_said_and_whoever_trusts_it() {
    let ca = Signer::expired("ca");
    let told = said(&files(&[("tls.crt", &ca.leaf("leaf").certificate), ("ca.crt", &ca.ca)]), now());
    let [leaf, authority] = &told[..] else { panic!("{told:?}") };
    assert!(leaf.starts_with("tls.crt: is not trusted by the CA given: the CA that signed it, "), "{leaf}");
    assert!(leaf.contains(", is not in date; ") && authority.starts_with("ca.crt: expired on "), "{told:?}");
}

#[test]
fn a_store_without_its_key_or_with_junk_for_a_certificate_is_said() {
    let ca = Signer::new("ca");
    let store = |certificate: &str, key: &str| {
        let data = [("tls.crt", certificate), ("tls.key", key), ("ca.crt", &ca.ca)];
        let data = data.map(|(name, pem)| (name.to_owned(), pem.as_bytes().to_vec())).into();
        let mut found = Inspection::default();
        found.store("tls", |name| format!("tls/{name}"), &data, Schedule::default());
        said(&found, now())
    };
    let Pem { certificate, key } = ca.leaf("leaf");
    let junk = "holds neither a PEM certificate nor a private key; ";
    assert!(store("junk", &key)[0].starts_with(&format!("tls/tls.crt: {junk}")));
    assert!(store(&certificate, "junk")[0].starts_with(&format!("tls/tls.key: {junk}")));
    assert!(store(&key, &key)[0].starts_with("tls/tls.crt: holds no PEM certificate; "));
    assert!(store(&certificate, &certificate)[0].starts_with("tls/tls.key: holds no PEM private key; "));
    let untrusted = [("tls.crt", certificate.as_str()), ("tls.key", &key), ("ca.crt", "")];
    let data = untrusted.map(|(name, pem)| (name.to_owned(), pem.as_bytes().to_vec())).into();
    let mut nobody = Inspection::default();
    nobody.store("tls", str::to_owned, &data, Schedule::default());
    let told = "ca.crt: trusts nobody: there is no certificate in it; put the CA there";
    assert_eq!(said(&nobody, now()), [told]);
    let mut empty = Inspection::default();
    empty.store("tls", str::to_owned, &Default::default(), Schedule::default());
    let told = "tls: holds no certificate; `ordinance certs issue` makes one in a directory";
    assert_eq!(said(&empty, now()), [told]);
}

#[test]
fn a_record_that_is_broken_is_said_and_the_rest_is_looked_at() {
    let mut data = record().data();
    data.insert("current.key".to_owned(), b"junk".to_vec());
    let mut found = Inspection::default();
    found.store("Secret a/b", |entry| entry.to_owned(), &data, Schedule::default());
    let told = "Secret a/b: current.crt and current.key: the key can't be read; put back what was there, or remove \
                everything: then a new CA is made";
    assert_eq!(said(&found, now()), [told]);
}

/// A CA that is issued, published and switched, as a directory.
fn directory(steps: usize) -> (tempfile::TempDir, Inspection) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::new(temporary.path());
    let wish = Wish { names: vec![NAME.to_owned(), "localhost".to_owned()], ..Wish::default() };
    folder.issue(&wish, WAIT, SystemTime::now()).unwrap();
    for _ in 0..steps {
        folder.rotate(&Trusting::Word, Haste::AtOnce, WAIT, SystemTime::now()).unwrap();
    }
    let mut found = Inspection::default();
    found.store("tls", |name| format!("tls/{name}"), &folder.found().unwrap(), Schedule::default());
    (temporary, found)
}

#[test]
fn a_directory_is_fine_at_each_step_and_tells_every_role() {
    for (steps, roles) in
        [(0, vec!["current"]), (1, vec!["current", "next"]), (2, vec!["current", "previous"])]
    {
        let (_temporary, found) = directory(steps);
        assert_eq!(said(&found, now()), [""; 0], "{steps}");
        let document = serde_json::to_value(found.document(now())).unwrap();
        let told: Vec<_> =
            document["authorities"].as_array().unwrap().iter().map(|ca| ca["role"].clone()).collect();
        assert_eq!(told, roles);
        assert_eq!(document["certificates"][0]["keyMatches"], true);
        assert_eq!(document["trusts"][0]["authorities"].as_array().unwrap().len(), roles.len());
    }
}

#[test]
fn a_document_and_a_text_tell_the_same_and_no_key() {
    let (_temporary, found) = directory(1);
    let document = serde_json::to_value(found.document(now())).unwrap();
    let text = found.text(now(), Paint::Plain);
    let fingerprint = document["certificates"][0]["sha256"].as_str().unwrap();
    assert!(fingerprint.len() == 64 && text.contains(fingerprint), "{text}");
    for told in
        ["CA, current: Ordinance CA ", "CA, next: Ordinance CA ", "Rotation of tls: Confirm, generation 2"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains('\x1b') && found.text(now(), Paint::Coloured).contains('\x1b'));
    assert_eq!(document["rotations"][0]["nextStepAt"], serde_json::Value::Null);
    for told in [text, document.to_string(), format!("{found:?}")] {
        assert!(!told.contains("PRIVATE"), "{told}");
    }
}

#[test]
fn names_that_could_steer_a_terminal_do_not() {
    let ca = Signer::new("ca");
    let steering = ca.sign("\u{1b}[31mred\r\n", &["localhost"], Dates::Current).certificate;
    let text = files(&[("tls.crt", &steering), ("ca.crt", &ca.ca)]).text(now(), Paint::Plain);
    assert!(text.contains("red") && !text.contains(['\x1b', '\r']), "{text:?}");
}

/// A server in memory, as a stream that is read and written in turns.
struct Served(ServerConnection);

impl Read for Served {
    fn read(&mut self, mut buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.wants_write() {
            self.0.write_tls(&mut buffer)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Write for Served {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let read = self.0.read_tls(&mut bytes)?;
        self.0.process_new_packets().map_err(io::Error::other)?;
        Ok(read)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_server_presents_is_seen_though_nobody_trusts_it() {
    let (temporary, _) = directory(0);
    let path = |name: &str| temporary.path().join(name);
    let served = Files::open(&path("tls.crt"), &path("tls.key"), SystemTime::now()).unwrap().served();
    let config = Arc::new(server_config(served, None).unwrap());
    let seen = presented(Served(ServerConnection::new(Arc::clone(&config)).unwrap()), NAME).unwrap();
    let mut found = Inspection::default();
    found.presented("127.0.0.1:8443", seen, &[NAME.to_owned()]);
    let text = found.text(now(), Paint::Plain);
    assert!(text.contains(&format!("Certificate: {NAME}")), "{text}");
    found.trusted(&material("ca.crt", &Signer::new("other").ca));
    let told = said(&found, now());
    assert!(told[0].starts_with("127.0.0.1:8443: is not trusted by ca.crt: "), "{told:?}");
    let ca = std::fs::read_to_string(path("ca.crt")).unwrap();
    assert_eq!(Client::trusting(&ca).connect(&config).unwrap().common_name, NAME);
}

#[test]
fn a_server_without_the_key_of_what_it_presents_is_said() {
    /// Presents one's certificate and signs by another's key.
    #[derive(Debug)]
    struct Stolen(Arc<CertifiedKey>);
    impl ResolvesServerCert for Stolen {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let ca = Signer::new("ca");
    let chain = Bundle::read(ca.leaf("one").certificate.as_bytes()).certificates().to_vec();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from_pem_slice(ca.leaf("other").key.as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let stolen = Stolen(Arc::new(CertifiedKey::new(chain, key)));
    let config = builder.with_no_client_auth().with_cert_resolver(Arc::new(stolen));
    let server = Served(ServerConnection::new(Arc::new(config)).unwrap());
    let told = presented(server, "localhost").unwrap_err().to_string();
    assert!(told.starts_with("has not the key of the certificate that it presents; "), "{told}");
}

#[test]
fn what_is_no_tls_server_is_said() {
    struct Plain(io::Cursor<&'static [u8]>);
    impl Read for Plain {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl Write for Plain {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let plain = Plain(io::Cursor::new(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let said = presented(plain, "localhost").unwrap_err().to_string();
    assert!(said.ends_with("; is this the port of a TLS server?"), "{said}");
    assert!(presented(Plain(io::Cursor::new(b"")), "no name").unwrap_err().to_string().contains("no name"));
}

#[test]
fn a_time_is_told_in_its_largest_unit() {
    let told = [0, 90, 7_200, 86_400, 172_800].map(|seconds| left(Duration::from_secs(seconds)));
    assert_eq!(told, ["0 s", "90 s", "2 hours", "24 hours", "2 days"]);
}

#[test]
fn certificates_are_called_by_their_common_name() {
    let ca = Signer::new("ca");
    let found = files(&[("ca.crt", &ca.ca)]);
    let der = Bundle::read(ca.ca.as_bytes());
    let text = found.text(now(), Paint::Plain);
    assert!(text.contains(&common_name(&der.certificates()[0])), "{text}");
}
