//! The fuzz functions of the host on bounded input: arbitrary bytes, and recorded reviews with faults.

use ordinance::config::Layers;
use ordinance_certs::{Authority, Bundle, Lifetime};
use ordinance_tests::input;
use proptest::prelude::*;
use proptest::sample::Index;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::SystemTime;

/// The bodies of the recorded reviews.
static BODIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/reviews");
    let entries = fs::read_dir(directory).expect("the reviews can be listed");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let bodies = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    bodies.map(|path| fs::read(path).expect("a review")).collect()
});

/// A certificate, the CA that signed it, and its key.
static PEM: LazyLock<String> = LazyLock::new(|| {
    let now = SystemTime::now();
    let names = ["localhost".to_owned(), "::1".to_owned()];
    let authority = Authority::new(&names, now, Lifetime::days(3)).expect("a CA");
    let leaf = authority.sign(now, now + Lifetime::days(1).0).expect("a certificate");
    leaf.certificate + &authority.pem() + &leaf.key
});

/// The DER bytes of that certificate.
static DER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let bundle = Bundle::read(PEM.as_bytes());
    bundle.certificates().first().map(|certificate| certificate.to_vec()).unwrap_or_default()
});

/// A configuration that uses every section.
const CONFIG: &str = r##"
listen: "[::1]:8443"
certificate: {source: files, certFile: tls.crt, keyFile: /tls/tls.key, names: [a.b, "*"], allowedNames: [], reloadInterval: 1m 5s}
policies:
  storage:
  on: {component: p.wasm, settings: {exports: {serverAliases: {"::1": [nas], "a: b": ["#"]}}}, onError: defer}
onError: deny
state: [x.yaml, "y # z"]
readyFile: ready.json
log: {format: json, level: warn}
limits:
  bodyBytes: 6Mi
  idleTime: 2m
"##;

#[test]
fn a_valid_configuration_survives_printing_and_parsing() {
    let layers = Layers::of_file(Path::new("o.yaml"), CONFIG).expect("it can be read");
    assert!(layers.config().is_ok());
    input::config(CONFIG.as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        input::envelope(&bytes);
        input::config(&bytes);
        input::certificates(&bytes);
    }

    #[test]
    fn nothing_panics_on_faulty_certificates(
        from in any::<Index>(),
        length in 0..6_usize,
        fault in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        for whole in [PEM.as_bytes(), DER.as_slice()] {
            let from = from.index(whole.len());
            let to = whole.len().min(from + length);
            let mut faulty = whole.to_vec();
            drop(faulty.splice(from..to, fault.iter().copied()));
            input::certificates(&faulty);
        }
    }

    #[test]
    fn a_configuration_with_a_fault_is_refused_or_can_be_printed_and_given_back(
        from in any::<Index>(),
        length in 0..6_usize,
        fault in prop::sample::select(vec!["", "\"", "~", "{", ": ", "\n", "\\n", "# ", "- ", "0", "1e3", ".", "\u{85}", "\u{1F600}"]),
    ) {
        let mut text = CONFIG.as_bytes().to_vec();
        let from = from.index(text.len());
        let to = text.len().min(from + length);
        drop(text.splice(from..to, fault.bytes()));
        input::config(&text);
    }

    #[test]
    fn nothing_panics_on_faulty_reviews(
        body in any::<Index>(),
        from in any::<Index>(),
        length in 0..12_usize,
        fault in prop::sample::select(vec!["", "\"", "null", "{", "\\u0000", ",\"request\":{}", "\u{feff}", "\u{1F600}"]),
    ) {
        let mut body = body.get(&BODIES).clone();
        let from = from.index(body.len());
        let to = body.len().min(from + length);
        drop(body.splice(from..to, fault.bytes()));
        input::envelope(&body);
    }

    #[test]
    fn a_body_cut_anywhere_is_no_review(body in any::<Index>(), end in any::<Index>()) {
        let body = body.get(&BODIES);
        input::envelope(&body[..end.index(body.len())]);
    }
}
