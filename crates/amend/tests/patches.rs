//! Replacements and removals in every layout: only the lines or entries of the patch change.

use ordinance_amend::{AmendError, AmendedText, FieldChange, ObjectChanges, amend};
use serde_json::{Value, json};

fn amended(text: &str, patch: &Value) -> AmendedText {
    let changes = FieldChange::from_patch(patch.as_array().expect("a list")).expect("supported operations");
    let objects = ordinance_manifests::read(text, "default").into_iter().filter_map(Result::ok);
    let requested: Vec<ObjectChanges> = objects
        .filter(|object| object.kind == "A")
        .map(|object| ObjectChanges { start: object.bytes.start, changes: changes.clone() })
        .collect();
    amend(text, &requested).expect("readable")
}

/// Checks a patch of an object with these lines, with LF and with CRLF.
fn check(patch: Value, before: &str, after: &str) {
    let object = |lines: &str| format!("apiVersion: v1\nkind: A\n{lines}");
    for ending in ["\n", "\r\n"] {
        let text = |lines: &str| object(lines).replace('\n', ending);
        let AmendedText { text: new, unchanged } = amended(&text(before), &patch);
        assert_eq!((new, unchanged), (text(after), vec![]), "{patch}");
    }
}

/// Why the patch of an object with these lines is refused; the text stays as it is.
fn refused(patch: Value, lines: &str) -> AmendError {
    let text = format!("apiVersion: v1\nkind: A\n{lines}");
    let mut amended = amended(&text, &patch);
    assert_eq!(amended.text, text);
    amended.unchanged.remove(0).reason
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{"op": "replace", "path": path, "value": value.into()}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "remove", "path": path}])
}

#[test]
fn a_replaced_scalar_keeps_its_quotes_and_its_comment() {
    let before =
        "spec:\n  a: x # one\n  b: \"x\"   # two\n  c: 'x'\n  d: |- # text\n    x\n\n  e: [x, 'x'] # three\n";
    check(replace("/spec/a", "z"), before, &before.replace("a: x", "a: z"));
    check(replace("/spec/b", "z"), before, &before.replace("\"x\"", "\"z\""));
    check(replace("/spec/c", "z"), before, &before.replace("c: 'x'", "c: 'z'"));
    check(replace("/spec/d", "z"), before, &before.replace("|- # text\n    x", "z"));
    check(replace("/spec/e/1", "z"), before, &before.replace("'x'] #", "'z'] #"));
    check(replace("/spec/a", 5), before, &before.replace("a: x", "a: 5"));
    check(replace("/spec/a", "5"), before, &before.replace("a: x", "a: '5'"));
}

#[test]
fn a_scalar_becomes_a_collection_in_the_style_around_it() {
    let block = "spec:\n    a: x # one\n    b:\n    - y\n";
    check(
        replace("/spec/a", json!({"c": ["d"]})),
        block,
        "spec:\n    a: # one\n        c:\n        - d\n    b:\n    - y\n",
    );
    check(replace("/spec/b/0", json!({"c": 1})), block, "spec:\n    a: x # one\n    b:\n    - {c: 1}\n");
    let flow = "spec: {a: x, b: [y]}\n";
    check(replace("/spec/a", json!({"c": ["d"]})), flow, "spec: {a: {c: [d]}, b: [y]}\n");
}

#[test]
fn a_block_collection_is_replaced_with_its_lines_only() {
    let before =
        "spec:\n  # above\n  a: # of a\n    # inside\n    b: 1\n    c:\n    - d # last\n  # below\n  e: 2\n";
    check(
        replace("/spec/a", json!({"f": [1, {"g": 2}]})),
        before,
        "spec:\n  # above\n  a: # of a\n    # inside\n    f:\n    - 1\n    - g: 2\n  # below\n  e: 2\n",
    );
    check(
        replace("/spec/a", "x"),
        before,
        "spec:\n  # above\n  a: x # of a\n    # inside\n  # below\n  e: 2\n",
    );
    check(
        replace("/spec/a/c", json!([])),
        before,
        "spec:\n  # above\n  a: # of a\n    # inside\n    b: 1\n    c: []\n  # below\n  e: 2\n",
    );
    let list = "spec:\n-   a: 1\n    b: 2 # two\n- - c\n  - d\n";
    check(
        replace("/spec/0", json!({"x": 1, "z": [2]})),
        list,
        "spec:\n-   x: 1\n    z:\n    -   2 # two\n- - c\n  - d\n",
    );
    check(replace("/spec/1", "z"), list, "spec:\n-   a: 1\n    b: 2 # two\n- z\n");
}

#[test]
fn a_flow_collection_is_replaced_in_its_line_or_lines() {
    let before = "spec: {a: {b: 1}, c: [\n  1, # one\n  2\n] } # end\n";
    check(replace("/spec/a", json!([1, "x"])), before, &before.replace("{b: 1}", "[1, x]"));
    check(replace("/spec/c", json!([3, 4])), before, &before.replace("1, # one\n  2", "3,\n  4"));
    check(replace("/spec", json!({"d": {}})), "spec: { a: 1 } # end\n", "spec: { d: {} } # end\n");
}

#[test]
fn a_removed_member_goes_with_its_lines_and_its_comment() {
    let before = "spec:\n  a: 1 # one\n  # about b\n  b: # two\n    c: |\n      x\n\n    d: [\n      1 ] # three\n  e: 5\n";
    check(remove("/spec/a"), before, &before.replace("  a: 1 # one\n", ""));
    check(remove("/spec/b"), before, "spec:\n  a: 1 # one\n  # about b\n  e: 5\n");
    check(remove("/spec/b/c"), before, &before.replace("    c: |\n      x\n", ""));
    check(remove("/spec/b/d"), before, &before.replace("    d: [\n      1 ] # three\n", ""));
    check(remove("/spec/e"), before, &before.replace("  e: 5\n", ""));
    check(remove("/spec/e"), before.trim_end(), &before.replace("  e: 5\n", ""));
}

#[test]
fn the_next_member_moves_into_the_line_of_a_dash() {
    let before = "spec:\n- a: 1 # one\n  b: 2\n-\n  c: 3\n  d: 4\n";
    check(remove("/spec/0/a"), before, "spec:\n- b: 2\n-\n  c: 3\n  d: 4\n");
    check(remove("/spec/1/c"), before, "spec:\n- a: 1 # one\n  b: 2\n-\n  d: 4\n");
    check(remove("/spec/0"), before, "spec:\n-\n  c: 3\n  d: 4\n");
    check(remove("/spec/1"), before, "spec:\n- a: 1 # one\n  b: 2\n");
    let nested = "spec:\n- - a\n  - b\n- c\n";
    check(remove("/spec/0/0"), nested, "spec:\n- - b\n- c\n");
}

#[test]
fn the_last_member_leaves_an_empty_collection() {
    let before = "spec:\n  a: # one\n    b: 1 # two\n  c:\n  - d: 2\ne: {f: 1} # three\n";
    check(remove("/spec/a/b"), before, &before.replace("  a: # one\n    b: 1 # two\n", "  a: {} # one\n"));
    check(remove("/spec/c/0/d"), before, &before.replace("- d: 2", "- {}"));
    check(remove("/spec/c/0"), before, &before.replace("  c:\n  - d: 2\n", "  c: []\n"));
    check(remove("/e/f"), before, &before.replace("{f: 1}", "{}"));
}

#[test]
fn a_removed_entry_of_a_flow_collection_goes_with_its_comma() {
    let line = "spec: { a: 1, b: [x, y, z], c: 3 } # end\n";
    check(remove("/spec/a"), line, "spec: { b: [x, y, z], c: 3 } # end\n");
    check(remove("/spec/c"), line, "spec: { a: 1, b: [x, y, z] } # end\n");
    check(remove("/spec/b/1"), line, "spec: { a: 1, b: [x, z], c: 3 } # end\n");
    let lines = "spec: [\n  a, # one\n  b, # two\n  # about c\n  c # three\n]\n";
    check(remove("/spec/0"), lines, &lines.replace("  a, # one\n", ""));
    check(remove("/spec/1"), lines, &lines.replace("  b, # two\n", ""));
    check(remove("/spec/2"), lines, "spec: [\n  a, # one\n  b # two\n  # about c\n]\n");
    let trailing = "spec: [\n  a, # one\n  b, # two\n]\n";
    check(remove("/spec/1"), trailing, &trailing.replace("  b, # two\n", ""));
}

#[test]
fn json_stays_json() {
    let object = json!({"apiVersion": "v1", "kind": "A", "spec": {"a": [1, 2, {"b": "x"}], "c": "y"}});
    let patch = json!([
        {"op": "replace", "path": "/spec/a/2/b", "value": {"d": [null]}},
        {"op": "remove", "path": "/spec/a/0"},
        {"op": "replace", "path": "/spec/c", "value": "it's \"z\""},
    ]);
    let after =
        json!({"apiVersion": "v1", "kind": "A", "spec": {"a": [2, {"b": {"d": [null]}}], "c": "it's \"z\""}});
    for text in [object.to_string(), format!("{object:#}\n"), format!("{object:#}\n").replace("  ", "\t")] {
        let AmendedText { text: new, unchanged } = amended(&text, &patch);
        assert_eq!(
            (unchanged, serde_json::from_str::<Value>(&new).ok()),
            (vec![], Some(after.clone())),
            "{new}"
        );
    }
    assert_eq!(amended(&object.to_string(), &patch).text, after.to_string());
    let pretty = amended(&format!("{object:#}\n"), &remove("/spec/c")).text;
    assert_eq!(pretty, format!("{object:#}\n").replace("    ],\n    \"c\": \"y\"\n", "    ]\n"));
}

#[test]
fn an_added_member_takes_the_place_of_a_removed_one() {
    let patch = json!([
        {"op": "remove", "path": "/spec/0/subPath"},
        {"op": "add", "path": "/spec/0/subPathExpr", "value": "$(POD)/x"},
    ]);
    for (before, after) in [
        (
            "spec:\n- subPath: 'x' # fixed\n  # more\n  b: 1\n",
            "spec:\n- subPathExpr: '$(POD)/x' # fixed\n  # more\n  b: 1\n",
        ),
        ("spec: [{\"subPath\": \"x\", b: 1}]\n", "spec: [{\"subPathExpr\": \"$(POD)/x\", b: 1}]\n"),
        ("spec:\n- subPath: {y: z} # fixed\n  b: 1\n", "spec:\n- b: 1\n  subPathExpr: $(POD)/x\n"),
        ("spec: [{a: 1, subPath: {y: z}, b: 1}]\n", "spec: [{a: 1, subPathExpr: $(POD)/x, b: 1}]\n"),
        ("spec:\n- subPath: x\n  subPathExpr:\n", "spec:\n- subPathExpr: $(POD)/x\n"),
    ] {
        check(patch.clone(), before, after);
    }
}

#[test]
fn later_operations_see_the_result_of_earlier_ones() {
    let before = "spec:\n  a: [1, 2, 3] # list\n  b: {c: 1}\n";
    check(
        json!([
            {"op": "remove", "path": "/spec/a/0"},
            {"op": "add", "path": "/spec/a/1", "value": 4},
            {"op": "replace", "path": "/spec/a/2", "value": 5},
            {"op": "add", "path": "/spec/a/-", "value": 6},
        ]),
        before,
        "spec:\n  a: [2, 4, 5, 6] # list\n  b: {c: 1}\n",
    );
    check(
        json!([
            {"op": "replace", "path": "/spec/b/c", "value": {"d": 1}},
            {"op": "add", "path": "/spec/b/c/e", "value": 2},
            {"op": "remove", "path": "/spec/b/c/d"},
            {"op": "remove", "path": "/spec/a"},
            {"op": "add", "path": "/spec/a", "value": "x"},
        ]),
        before,
        "spec:\n  a: x # list\n  b: {c: {e: 2}}\n",
    );
}

#[test]
fn an_anchor_is_edited_once_where_all_its_places_change_alike() {
    let patch = json!([
        {"op": "replace", "path": "/spec/0/a", "value": 2},
        {"op": "remove", "path": "/spec/0/b"},
        {"op": "replace", "path": "/spec/1/a", "value": 2},
        {"op": "remove", "path": "/spec/1/b"},
    ]);
    check(patch, "spec:\n- &x\n  a: 1 # one\n  b: 1\n- *x\n", "spec:\n- &x\n  a: 2 # one\n- *x\n");
}

#[test]
fn anchors_aliases_and_merge_keys_that_stand_for_others_are_refused() {
    let repeated = |field: &str| AmendError::Repeated { field: field.to_owned() };
    let merged = |field: &str| AmendError::Merged { field: field.to_owned() };
    let anchor = "spec:\n  a: &x\n    b: 1\n    g: 1\n  c: *x\n  d: &y 1\n  e: *y\n";
    assert_eq!(refused(replace("/spec/a/b", 2), anchor), repeated("spec.a.b"));
    assert_eq!(refused(remove("/spec/c/b"), anchor), repeated("spec.c.b"));
    assert_eq!(refused(remove("/spec/a"), anchor), repeated("spec.a"));
    assert_eq!(refused(replace("/spec/d", 2), anchor), repeated("spec.d"));
    assert_eq!(refused(replace("/spec", json!({})), anchor), repeated("spec"));
    check(replace("/spec/c", 2), anchor, &anchor.replace("c: *x", "c: 2"));
    check(remove("/spec/c"), anchor, &anchor.replace("  c: *x\n", ""));
    let list = "spec:\n  a: &x [1, 2]\n  c: *x\n";
    assert_eq!(refused(remove("/spec/c/0"), list), repeated("spec.c[0]"));
    let merge = "x: &x {b: 1}\nspec:\n  <<: *x\n  c: 1\n";
    assert_eq!(refused(replace("/spec/b", 2), merge), merged("spec.b"));
    assert_eq!(refused(remove("/spec/b"), merge), merged("spec.b"));
    check(remove("/spec/c"), merge, &merge.replace("  c: 1\n", ""));
}

#[test]
fn absent_parts_and_unsafe_layouts_are_refused() {
    let lines = "spec:\n  a: [1]\n? b\n: - c\nd: &x\n  e: 1\nf: !!str 1\n";
    for patch in
        [replace("/spec/b", 1), remove("/spec/b"), remove("/spec/a/1"), remove("/spec/a/x"), remove("")]
    {
        assert!(matches!(refused(patch.clone(), lines), AmendError::Unexpected { .. }), "{patch}");
    }
    assert_eq!(refused(remove("/b"), lines), AmendError::Layout { line: 1 });
    assert_eq!(refused(replace("/b", 1), lines), AmendError::Layout { line: 6 });
    assert_eq!(refused(replace("/d", 1), lines), AmendError::Layout { line: 8 });
    assert_eq!(refused(replace("/f", 1), lines), AmendError::Unverified);
    let comment = "spec: [a,\n  # about b\n  b]\n";
    assert_eq!(refused(remove("/spec/0"), comment), AmendError::Layout { line: 3 });
}
