//! The fuzzers' functions for the host on bounded input: any bytes, and recorded reviews with faults in them.

use ordinance::config::Layers;
use ordinance_tests::input;
use proptest::prelude::*;
use proptest::sample::Index;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// The bodies of the recorded reviews.
static BODIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("reviews");
    let entries = fs::read_dir(directory).expect("the reviews can be listed");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let bodies = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    bodies.map(|path| fs::read(path).expect("a review")).collect()
});

/// A configuration with something of everything.
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
fn a_configuration_without_a_fault_is_printed_and_given_back() {
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
