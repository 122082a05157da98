//! The fuzz target on broken manifests: no panic, and no text with another meaning.

use ordinance_testkit::input;
use proptest::prelude::*;
use proptest::sample::Index;

/// Texts with every construct of YAML that the editor handles.
const TEXTS: [&str; 4] = [
    "# a\nkind: StatefulSet\napiVersion: apps/v1\nmetadata: {name: web, labels: {\"a\": 'b', c: \"d\"}} # x\nspec:\n  a: &a\n  - b: 1\n    c: |+\n      x\n\n  -   <<: {d: e}\n      f: >-\n        g\n\n  h: *a\n  i: [1, {j: ~}, # k\n    l: m]\n  n:\n---\n? kind\n: A\napiVersion: !!str v1\n...\n",
    "apiVersion: v1\nkind: List\nitems:\n- &b\n  apiVersion: v1\n  kind: A\n  spec: {}\n-\n  apiVersion: v1\n  kind: B\n  spec:\n  - - c: {}\n    - {}\n- *b\n",
    "{\"apiVersion\": \"v1\", \"kind\": \"A\",\n\t\"spec\": {\n\t\t\"a\": {},\n\t\t\"b\": [\n\t\t\t{\"c\": 1.5e3}\n\t\t]\n\t}}\r\n{\"apiVersion\":\"v1\",\"kind\":\"B\",\"spec\":[{},[{}]]}",
    "\u{feff}--- {apiVersion: v1, kind: A, a: {}, b: [{c: d,}, [], {e}], f: \"g\n  h\"}\r\n--- !x\r\napiVersion: v1\r\nkind: B\r\n# é\r\nspec: ü\r\n  x # y\r\n",
];

const FAULTS: [&str; 22] = [
    "",
    "",
    "\n",
    "\r\n",
    " ",
    "  ",
    "\t",
    "- ",
    "? ",
    ": ",
    "# ",
    "{",
    "}",
    "[",
    ", ",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    "\"",
    "---\n",
    "\u{1f600}",
];

#[test]
fn amends_correct_texts() {
    for text in TEXTS {
        input::amend(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn amends_broken_texts_correctly_or_not_at_all(
        text in prop::sample::select(&TEXTS[..]),
        faults in prop::collection::vec((any::<Index>(), 0..4_usize, prop::sample::select(&FAULTS[..])), 1..4),
    ) {
        let mut text = text.as_bytes().to_vec();
        for (from, length, fault) in faults {
            let from = from.index(text.len() + 1);
            let to = text.len().min(from + length);
            drop(text.splice(from..to, fault.bytes()));
        }
        input::amend(&text);
    }
}
