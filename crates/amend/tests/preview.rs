//! The edits of one object are those that `amend` makes: in the corpus with the policy's patches, and in corner cases.

use ordinance_amend::{AmendedText, FieldChange, ObjectChanges, Splice, amend, splices};
use ordinance_manifests::Manifest;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn objects(text: &str) -> Vec<Manifest> {
    ordinance_manifests::read(text, "default").into_iter().collect::<Result<_, _>>().expect("readable")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("readable")
}

/// Applies edits to a text.
fn with(text: &str, shown: Vec<Splice>) -> String {
    shown.into_iter().rev().fold(text.to_owned(), |mut text, Splice { at, text: new }| {
        text.replace_range(at, &new);
        text
    })
}

/// The text with the edits of an object, and the text that `amend` returns for its changes.
fn shown_and_written(text: &str, object: &Manifest, changes: Vec<FieldChange>) -> (String, AmendedText) {
    let shown = splices(text, object, &changes).expect("the object is independent");
    let wanted = [ObjectChanges { start: object.bytes.start, changes }];
    (with(text, shown), amend(text, &wanted).expect("readable"))
}

/// Calls a function with every object of the corpus that gets a patch, and its text.
fn patched(mut each: impl FnMut(&str, &Manifest, Vec<FieldChange>)) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/corpus");
    for expected in fs::read_dir(corpus.join("expected")).expect("a folder") {
        let expected = expected.expect("a file").path();
        let text = read(&corpus.join(expected.file_stem().expect("a name")));
        let expected: Value = serde_json::from_str(&read(&expected)).expect("JSON");
        let objects = objects(&text);
        for result in expected["results"].as_array().expect("results") {
            let line = result["line"].as_u64();
            let object = objects.iter().find(|object| Some(object.line) == line).expect("its object");
            let changes =
                FieldChange::from_patch(result["patch"].as_array().expect("a patch")).expect("a patch");
            if !changes.is_empty() {
                each(&text, object, changes);
            }
        }
    }
}

#[test]
fn the_edits_in_the_corpus_are_those_that_amend_makes() {
    let (mut same, mut left) = (0, 0);
    patched(|text, object, changes| {
        if let Err(reason) = splices(text, object, &changes) {
            return assert!(reason.to_string().contains("merge key"), "{}: {reason}", object.scope.name);
        }
        let (shown, written) = shown_and_written(text, object, changes);
        match written.unchanged.is_empty() {
            true => assert_eq!(shown, written.text, "{}", object.scope.name),
            false => left += 1,
        }
        same += 1;
    });
    assert!(same > 15 && left < 5, "{same}, {left}");
}

#[test]
fn the_edits_in_corner_cases_are_those_that_amend_makes() {
    let add = |path: &str, value: Value| FieldChange::Add { path: path.to_owned(), value };
    let changes = [
        add("/a/env", json!([{"b": 1}])),
        add("/a/list/-", json!({"c": "d"})),
        add("/a/x/y~1z", "w".into()),
        add("/e", json!({"f": ["g"]})),
    ];
    let members = "a: {env: null, list: [1 ], x: {}}";
    let block = "a:\n  env:\n  list:\n  - 1 # one\n  x: {}\n";
    let json = json!({"apiVersion": "v1", "kind": "A", "a": {"env": null, "list": [1], "x": {}}});
    let item = |text: &str| format!("- {}\n", text.trim_end().replace('\n', "\n  "));
    let head = "apiVersion: v1\nkind: A\n";
    for text in [
        json.to_string(),
        format!("{json:#}\n{json:#}\n"),
        format!("{:#}\n", json!({"apiVersion": "v1", "kind": "List", "items": [json, json]})),
        format!("\u{feff}{head}{members}\n"),
        format!("# x\n--- # y\n{head}{block}# z\n---\n{head}{block}  # end"),
        format!("{head}{block}last: |+\n  text\n\n\n# none\n").replace('\n', "\r\n"),
        format!(
            "apiVersion: v1\nkind: List\nitems:\n{}# next\n-\n  {}",
            item(&format!("{head}{block}")),
            format!("{head}{block}").trim_end().replace('\n', "\n  ")
        ),
        format!(
            "apiVersion: v1\nkind: List\nitems: [{{{}}}, {json}]\n",
            "apiVersion: v1, kind: A, ".to_owned() + members
        ),
        format!("--- {json}\n"),
        format!("--- !!map\n{head}{block}...\n"),
    ] {
        for object in objects(&text) {
            let (shown, written) = shown_and_written(&text, &object, changes.to_vec());
            assert_eq!((&shown, written.unchanged.len()), (&written.text, 0), "{text}");
        }
    }
}

#[test]
fn edits_outside_the_object_are_refused() {
    let item = "- apiVersion: v1\n  kind: A\n  a: *a\n";
    let text = format!(
        "apiVersion: v1\nkind: List\nx: &a [1]\ny: &o {{apiVersion: v1, kind: B}}\nitems:\n{item}- *o\n"
    );
    let changes = [FieldChange::Add { path: "/a/-".to_owned(), value: 2.into() }];
    for object in objects(&text) {
        assert!(splices(&text, &object, &changes).is_err(), "{}", object.kind);
    }
    let beside = [FieldChange::Add { path: "/b".to_owned(), value: 2.into() }];
    let (shown, written) = shown_and_written(&text, &objects(&text)[0], beside.to_vec());
    assert_eq!(shown, written.text);
}
