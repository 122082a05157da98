//! Findings, text and JSON of inspections.

use crate::handshake::{Client, common_name};
use crate::signer::{Dates, HOUR, Pem, Signer};
use ordinance_certs::inspect::{
    CertificateFinding, Inspection, InspectionTime, Material, Remedy, TextStyle, presented_chain,
};
use ordinance_certs::{
    AcceptedPaths, Authority, Bundle, CertificateDirectory, ClientTrust, ConfigurationKind, Files,
    IssueOptions, Lifetime, Record, RetiredBundle, Rotation, Schedule, StepPolicy, Webhook,
    WebhookConfiguration, rough_duration, server_config,
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
    inspection.add_files(files.iter().map(|(place, pem)| material(place, pem)).collect(), &[]);
    inspection
}

fn now() -> InspectionTime {
    InspectionTime { at: SystemTime::now(), within: Duration::ZERO }
}

fn messages(inspection: &Inspection, when: InspectionTime) -> Vec<String> {
    inspection.findings(when).iter().map(CertificateFinding::to_string).collect()
}

/// A stored CA, and a webhook with a trust bundle.
fn cluster(record: &Record, trusted: &Bundle, host: &str) -> Inspection {
    let mut inspection = Inspection::default();
    inspection.add_store(
        "Secret a/b",
        |entry| format!("Secret a/b: {entry}"),
        &record.data(),
        Schedule::default(),
    );
    inspection.add_configurations(&[WebhookConfiguration {
        kind: ConfigurationKind::Validating,
        name: "ordinance".to_owned(),
        version: "1".to_owned(),
        webhooks: vec![Webhook {
            url: None,
            path: None,
            default_path: None,
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
        Authority::new(&[NAME.to_owned()], SystemTime::now(), Lifetime::days(365)).unwrap().pem_pair();
    Record {
        generation: 1,
        previous: None,
        current,
        token: None,
        next_token: None,
        confirmed_at: None,
        next: None,
    }
}

#[test]
fn finds_nothing_wrong_with_a_pair_and_its_ca() {
    let ca = Signer::new("ca");
    let Pem { certificate, key } = ca.leaf("leaf");
    let found = files(&[("tls.crt", &certificate), ("tls.key", &key), ("ca.crt", &ca.ca)]);
    assert_eq!(messages(&found, now()), [""; 0]);
    assert_eq!(found.summary(), "nothing wrong: 1 CA, 1 certificate, 1 trust bundle");
}

#[test]
fn finds_nothing_wrong_with_a_chain_that_includes_its_ca() {
    let authority = Authority::new(&[NAME.to_owned()], SystemTime::now(), Lifetime::days(1)).unwrap();
    let served = authority.sign(SystemTime::now(), SystemTime::now() + HOUR).unwrap().certificate;
    let found = files(&[("tls.crt", &(served + &authority.pem()))]);
    assert_eq!(messages(&found, now()), [""; 0]);
}

#[test]
fn each_fault_of_a_pair_is_one_finding_with_a_remedy() {
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
        let found = messages(&files(&given), now());
        assert!(matches!(&found[..], [only] if only.starts_with(expected)), "{expected}: {found:?}");
        assert!(found[0].contains("; "), "{found:?}");
    }
}

#[test]
fn reports_a_coming_expiry_only_on_request() {
    let ca = Signer::new("ca");
    let found = files(&[("tls.crt", &ca.leaf("leaf").certificate), ("ca.crt", &ca.ca)]);
    let within = |hours: u32| messages(&found, InspectionTime { within: hours * HOUR, ..now() });
    assert_eq!(within(0), [""; 0]);
    let soon = within(2);
    assert!(matches!(&soon[..], [only] if only.contains(", in 59 minutes; ")), "{soon:?}");
    assert_eq!(messages(&found, InspectionTime { at: now().at + 2 * HOUR, ..now() }).len(), 1);
}

#[test]
fn reports_a_missing_name() {
    let ca = Signer::new("ca");
    let mut found = Inspection::default();
    let given = vec![material("tls.crt", &ca.leaf("leaf").certificate), material("ca.crt", &ca.ca)];
    found.add_files(given, &["localhost".to_owned(), NAME.to_owned()]);
    let expected = format!("tls.crt: is not for {NAME}, but for localhost; issue one for {NAME}");
    assert_eq!(messages(&found, now()), [expected]);
}

#[test]
fn reports_invalid_material_with_its_place_and_without_its_content() {
    let Pem { certificate, key } = Signer::new("ca").leaf("leaf");
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (pem, expected) in [
        ("junk".to_owned(), "a: holds neither a PEM certificate nor a private key; "),
        (String::new(), "a: holds neither a PEM certificate nor a private key; "),
        (half(&certificate), "a: is not a PEM certificate (its END line is missing); "),
        (half(&key), "a: is not a PEM private key (its END line is missing); "),
        (certificate.replace("MII", "AII"), "a: is not a PEM certificate ("),
        (encrypted, "a: holds no PEM private key; put the certificate's key there, unencrypted"),
    ] {
        let error = Material::read("a".to_owned(), pem.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(format!("a: {}", error.problem()), error.to_string());
    }
}

#[test]
fn refuses_a_file_or_a_stream_that_is_too_large() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("huge");
    std::fs::write(&path, vec![b'-'; 1024 * 1024 + 1]).unwrap();
    let error = Material::open(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("huge: larger than 1048576 bytes; give a file of certificates or a key"),
        "{error}"
    );
    let endless = Material::stream("stdin", io::repeat(b'-')).unwrap_err().to_string();
    assert!(endless.starts_with("stdin: larger than "), "{endless}");
}

#[test]
fn reports_a_webhook_that_does_not_trust_the_current_ca() {
    let record = record();
    assert_eq!(messages(&cluster(&record, &record.bundle(), NAME), now()), [""; 0]);
    let empty = messages(&cluster(&record, &Bundle::new(), NAME), now());
    let place = "ValidatingWebhookConfiguration ordinance: volumes: ";
    assert_eq!(empty, [format!("{place}has no CA certificate; put the CA there")]);
    let other = Bundle::read(Signer::new("other").ca.as_bytes());
    let foreign = messages(&cluster(&record, &other, NAME), now());
    assert!(foreign[0].starts_with(&format!("{place}does not trust Ordinance CA ")), "{foreign:?}");
    let renamed = messages(&cluster(&record, &record.bundle(), "other.svc"), now());
    assert!(renamed[0].starts_with(&format!("{place}calls other.svc, but the CA of ")), "{renamed:?}");
}

#[test]
fn requires_trust_in_the_next_ca_only_after_confirmation() {
    let record = record();
    let published = Rotation::new(vec![NAME.to_owned()], Schedule::default())
        .with_next(&record, SystemTime::now())
        .unwrap();
    assert_eq!(messages(&cluster(&published, &record.bundle(), NAME), now()), [""; 0]);
    let mut confirmed = published;
    confirmed.next.as_mut().unwrap().confirmed_at = Some(SystemTime::now());
    let shrunk = messages(&cluster(&confirmed, &record.bundle(), NAME), now());
    assert!(
        matches!(&shrunk[..], [only] if only.contains("the next CA of Secret a/b: next.crt")),
        "{shrunk:?}"
    );
}

#[test]
fn requires_trust_in_a_former_ca_until_it_leaves_the_record() {
    let (former, current) = (record(), record());
    let until = SystemTime::now() + HOUR;
    let draining = Record {
        previous: Some(RetiredBundle { bundle: former.bundle(), until, paths: AcceptedPaths::anyone() }),
        ..current.clone()
    };
    assert_eq!(messages(&cluster(&draining, &draining.bundle(), NAME), now()), [""; 0]);
    let shrunk = messages(&cluster(&draining, &current.bundle(), NAME), now());
    assert!(
        matches!(&shrunk[..], [only] if only.contains("the previous CA of Secret a/b: previous.crt")),
        "{shrunk:?}"
    );
}

#[test]
fn reports_a_stored_key_of_another_certificate() {
    let ca = Signer::new("ca");
    let (one, other) = (ca.leaf("one"), ca.leaf("other"));
    let data = [("tls.crt", one.certificate), ("tls.key", other.key), ("ca.crt", ca.ca)];
    let mut found = Inspection::default();
    let data = data.map(|(name, pem)| (name.to_owned(), pem.into_bytes())).into();
    found.add_store("tls", |name| format!("tls/{name}"), &data, Schedule::default());
    let expected =
        "tls/tls.key: is not the key of tls/tls.crt; put the two files there that were made together";
    assert_eq!(messages(&found, now()), [expected]);
    assert_eq!(
        serde_json::to_value(found.document(now(), Remedy::to_string)).unwrap()["certificates"][0]["keyMatches"],
        false
    );
}

#[test]
fn reports_an_expired_ca_and_the_certificate_that_it_signed() {
    let ca = Signer::expired("ca");
    let found_messages =
        messages(&files(&[("tls.crt", &ca.leaf("leaf").certificate), ("ca.crt", &ca.ca)]), now());
    let [leaf, authority] = &found_messages[..] else { panic!("{found_messages:?}") };
    assert!(leaf.starts_with("tls.crt: is not trusted by the CA given: the CA that signed it, "), "{leaf}");
    assert!(
        leaf.contains(", is not in date; ") && authority.starts_with("ca.crt: expired on "),
        "{found_messages:?}"
    );
}

#[test]
fn reports_invalid_entries_of_a_store() {
    let ca = Signer::new("ca");
    let store = |certificate: &str, key: &str| {
        let data = [("tls.crt", certificate), ("tls.key", key), ("ca.crt", &ca.ca)];
        let data = data.map(|(name, pem)| (name.to_owned(), pem.as_bytes().to_vec())).into();
        let mut found = Inspection::default();
        found.add_store("tls", |name| format!("tls/{name}"), &data, Schedule::default());
        messages(&found, now())
    };
    let Pem { certificate, key } = ca.leaf("leaf");
    let junk = "holds neither a PEM certificate nor a private key; ";
    assert!(store("junk", &key)[0].starts_with(&format!("tls/tls.crt: {junk}")));
    assert!(store(&certificate, "junk")[0].starts_with(&format!("tls/tls.key: {junk}")));
    assert!(store(&key, &key)[0].starts_with("tls/tls.crt: holds no PEM certificate; "));
    assert!(store(&certificate, &certificate)[0].starts_with("tls/tls.key: holds no PEM private key; "));
    let untrusted = [("tls.crt", certificate.as_str()), ("tls.key", &key), ("ca.crt", "")];
    let data = untrusted.map(|(name, pem)| (name.to_owned(), pem.as_bytes().to_vec())).into();
    let mut untrusting = Inspection::default();
    untrusting.add_store("tls", str::to_owned, &data, Schedule::default());
    let expected = "ca.crt: has no CA certificate; put the CA there";
    assert_eq!(messages(&untrusting, now()), [expected]);
    let mut empty = Inspection::default();
    empty.add_store("tls", str::to_owned, &Default::default(), Schedule::default());
    let expected = "tls: holds no certificate; issue one";
    assert_eq!(messages(&empty, now()), [expected]);
}

#[test]
fn reports_an_invalid_record() {
    let mut data = record().data();
    data.insert("current.key".to_owned(), b"junk".to_vec());
    let mut found = Inspection::default();
    found.add_store("Secret a/b", |entry| entry.to_owned(), &data, Schedule::default());
    let expected = "Secret a/b: current.crt and current.key: the key can't be read; put back what was there, or remove \
                everything: then a new CA is made";
    assert_eq!(messages(&found, now()), [expected]);
}

/// Issues a CA into a directory and takes the first `steps` of its rotation.
fn directory(steps: usize) -> (tempfile::TempDir, Inspection) {
    let temporary = tempfile::tempdir().unwrap();
    let directory = CertificateDirectory::new(temporary.path());
    let options =
        IssueOptions { names: vec![NAME.to_owned(), "localhost".to_owned()], ..IssueOptions::default() };
    directory.issue(&options, WAIT, SystemTime::now()).unwrap();
    for _ in 0..steps {
        directory.rotate(&ClientTrust::Confirmed, StepPolicy::Force, WAIT, SystemTime::now()).unwrap();
    }
    let mut found = Inspection::default();
    found.add_store("tls", |name| format!("tls/{name}"), &directory.read().unwrap(), Schedule::default());
    (temporary, found)
}

#[test]
fn finds_nothing_wrong_with_a_directory_at_each_step() {
    for (steps, roles) in
        [(0, vec!["current"]), (1, vec!["current", "next"]), (2, vec!["current", "previous"])]
    {
        let (_temporary, found) = directory(steps);
        assert_eq!(messages(&found, now()), [""; 0], "{steps}");
        let document = serde_json::to_value(found.document(now(), Remedy::to_string)).unwrap();
        let found_roles: Vec<_> =
            document["authorities"].as_array().unwrap().iter().map(|ca| ca["role"].clone()).collect();
        assert_eq!(found_roles, roles);
        assert_eq!(document["certificates"][0]["keyMatches"], true);
        assert_eq!(document["trusts"][0]["authorities"].as_array().unwrap().len(), roles.len());
    }
}

#[test]
fn document_and_text_agree_and_contain_no_private_key() {
    let (_temporary, found) = directory(1);
    let document = serde_json::to_value(found.document(now(), Remedy::to_string)).unwrap();
    let text = found.text(now(), TextStyle::Plain, Remedy::to_string);
    let fingerprint = document["certificates"][0]["sha256"].as_str().unwrap();
    assert!(fingerprint.len() == 64 && text.contains(fingerprint), "{text}");
    for expected in
        ["CA, current: Ordinance CA ", "CA, next: Ordinance CA ", "Rotation of tls: Confirm, generation 2"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(
        !text.contains('\x1b') && found.text(now(), TextStyle::Colored, Remedy::to_string).contains('\x1b')
    );
    assert_eq!(document["rotations"][0]["nextStepAt"], serde_json::Value::Null);
    for output in [text, document.to_string(), format!("{found:?}")] {
        assert!(!output.contains("PRIVATE"), "{output}");
    }
}

#[test]
fn replaces_control_characters_of_names() {
    let ca = Signer::new("ca");
    let steering = ca.sign("\u{1b}[31mred\r\n", &["localhost"], Dates::Current).certificate;
    let text =
        files(&[("tls.crt", &steering), ("ca.crt", &ca.ca)]).text(now(), TextStyle::Plain, Remedy::to_string);
    assert!(text.contains("red") && !text.contains(['\x1b', '\r']), "{text:?}");
}

/// A server in memory, as the stream of its client.
struct ServerStream(ServerConnection);

impl Read for ServerStream {
    fn read(&mut self, mut buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.wants_write() {
            self.0.write_tls(&mut buffer)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Write for ServerStream {
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
fn reads_the_chain_of_an_untrusted_server() {
    let (temporary, _) = directory(0);
    let path = |name: &str| temporary.path().join(name);
    let served = Files::open(&path("tls.crt"), &path("tls.key"), SystemTime::now()).unwrap().served();
    let config = Arc::new(server_config(served, None).unwrap());
    let seen =
        presented_chain(ServerStream(ServerConnection::new(Arc::clone(&config)).unwrap()), NAME).unwrap();
    let mut found = Inspection::default();
    found.add_presented("127.0.0.1:8443", seen, &[NAME.to_owned()]);
    let text = found.text(now(), TextStyle::Plain, Remedy::to_string);
    assert!(text.contains(&format!("Certificate: {NAME}")), "{text}");
    found.add_trust_bundle(&material("ca.crt", &Signer::new("other").ca));
    let found_messages = messages(&found, now());
    assert!(
        found_messages[0].starts_with("127.0.0.1:8443: is not trusted by ca.crt: "),
        "{found_messages:?}"
    );
    let ca = std::fs::read_to_string(path("ca.crt")).unwrap();
    assert_eq!(Client::trusting(&ca).connect(&config).unwrap().common_name, NAME);
}

#[test]
fn reports_a_server_without_the_key_of_its_certificate() {
    /// Presents one certificate and signs with the key of another.
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
    let server = ServerStream(ServerConnection::new(Arc::new(config)).unwrap());
    let error = presented_chain(server, "localhost").unwrap_err().to_string();
    assert!(error.starts_with("does not have the key of the certificate that it presents; "), "{error}");
}

#[test]
fn reports_a_server_without_tls() {
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
    let error = presented_chain(plain, "localhost").unwrap_err().to_string();
    assert!(error.ends_with("; is this the port of a TLS server?"), "{error}");
    assert!(
        presented_chain(Plain(io::Cursor::new(b"")), "no name").unwrap_err().to_string().contains("no name")
    );
}

#[test]
fn formats_durations_in_the_largest_unit() {
    let texts = [0, 90, 7_200, 86_400, 172_800].map(|seconds| rough_duration(Duration::from_secs(seconds)));
    assert_eq!(texts, ["0 s", "90 s", "2 hours", "24 hours", "2 days"]);
}

#[test]
fn names_certificates_by_their_common_name() {
    let ca = Signer::new("ca");
    let found = files(&[("ca.crt", &ca.ca)]);
    let der = Bundle::read(ca.ca.as_bytes());
    let text = found.text(now(), TextStyle::Plain, Remedy::to_string);
    assert!(text.contains(&common_name(&der.certificates()[0])), "{text}");
}
