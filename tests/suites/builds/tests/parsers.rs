//! The fuzz functions on bounded input: arbitrary bytes, and the texts of the cases and recordings with faults.

use ordinance_testkit::corpus::seeds;
use ordinance_testkit::input;
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::LazyLock;

/// All functions of bytes.
const INPUTS: [fn(&[u8]); 9] = [
    input::stateful_set,
    input::scale,
    input::claim,
    input::persistent_volume,
    input::storage_class,
    input::settings,
    input::manifests,
    input::amend,
    input::index,
];

static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut seeds = seeds().expect("cases and reviews can be read");
    seeds.retain(|seed| seed.len() < 8_000);
    seeds
});

/// A fault at a place of a text.
#[derive(Clone, Debug)]
enum TextFault {
    Cut,
    Drop(usize),
    Insert(Vec<u8>),
    Repeat(usize),
}

fn fault() -> impl Strategy<Value = TextFault> {
    let word = prop::sample::select(vec![
        "null", "[", "{", "\"", "\\u0000", "$(", "1e9", "../", "\u{1e}", "\u{feff}", ": ",
    ]);
    prop_oneof![
        1 => Just(TextFault::Cut),
        4 => (1..40_usize).prop_map(TextFault::Drop),
        4 => word.prop_map(|word| TextFault::Insert(word.as_bytes().to_vec())),
        1 => prop::collection::vec(any::<u8>(), 1..4).prop_map(TextFault::Insert),
        2 => (1..60_usize).prop_map(TextFault::Repeat),
    ]
}

fn faulty(mut text: Vec<u8>, faults: Vec<(Index, TextFault)>) -> Vec<u8> {
    for (place, fault) in faults {
        let at = place.index(text.len() + 1);
        match fault {
            TextFault::Cut => text.truncate(at),
            TextFault::Drop(bytes) => drop(text.drain(at..text.len().min(at + bytes))),
            TextFault::Insert(bytes) => drop(text.splice(at..at, bytes)),
            TextFault::Repeat(bytes) => {
                let part = text[at..text.len().min(at + bytes)].to_vec();
                drop(text.splice(at..at, part));
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        INPUTS.iter().for_each(|input| input(&bytes));
    }

    #[test]
    fn nothing_panics_on_faulty_texts(
        seed in any::<Index>(),
        faults in prop::collection::vec((any::<Index>(), fault()), 0..4),
    ) {
        let bytes = faulty(seed.get(&SEEDS).clone(), faults);
        INPUTS.iter().for_each(|input| input(&bytes));
    }
}
