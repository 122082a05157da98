//! The fuzzers' functions for the host on bounded input: any bytes, and recorded reviews with faults in them.

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        input::envelope(&bytes);
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
