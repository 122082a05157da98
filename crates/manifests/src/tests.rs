//! Reads texts of all kinds.

use super::*;
use ordinance_contract::Scope;

fn objects(text: &str) -> Vec<Manifest> {
    read(text, "default").into_iter().collect::<Result<_, _>>().expect("readable")
}

fn error_of(text: &str) -> ManifestError {
    read(text, "default").into_iter().find_map(Result::err).expect("unreadable")
}

fn names(text: &str) -> Vec<(String, u64)> {
    objects(text).iter().map(|object| (object.scope.name.to_string(), object.line)).collect()
}

const CLAIM: &str = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: c\n";

#[test]
fn keeps_the_order_of_an_objects_keys() {
    let text = "# first\nkind: StatefulSet\napiVersion: apps/v1\nmetadata: {namespace: shop, name: web}\nspec: {b: 1, a: 0.5}\n";
    assert_eq!(
        objects(text),
        [Manifest {
            scope: Scope {
                group: "apps".into(),
                version: "v1".into(),
                resource: "statefulsets".into(),
                subresource: "".into(),
                namespace: "shop".into(),
                name: "web".into(),
            },
            kind: "StatefulSet".to_owned(),
            json: r#"{"kind":"StatefulSet","apiVersion":"apps/v1","metadata":{"namespace":"shop","name":"web"},"spec":{"b":1,"a":0.5}}"#.to_owned(),
            line: 2,
            column: 1,
            bytes: 8..text.len() - 1,
        }]
    );
}

#[test]
fn keeps_json_byte_for_byte() {
    let text = "{\"apiVersion\": \"v1\", \"kind\": \"Secret\",\n\t\"big\": 123456789012345678901234567890}";
    assert_eq!(objects(text)[0].json, text);
}

#[test]
fn an_object_without_a_namespace_is_in_the_default_one_unless_its_kind_has_none() {
    assert_eq!(objects(CLAIM)[0].scope.namespace, "default");
    let volume = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: pv, namespace: wrong}";
    assert_eq!(objects(volume)[0].scope.namespace, "");
}

#[test]
fn reads_documents_and_lists_in_order_with_their_lines() {
    let text = "---\n---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n\
        - apiVersion: apps/v1\n  kind: StatefulSetList\n  items:\n  - kind: StatefulSet\n    apiVersion: apps/v1\n    metadata: {name: b}\n\
        ---\napiVersion: v1\nkind: Pod\nmetadata: {name: c}\n";
    assert_eq!(names(text), [("a".to_owned(), 8), ("b".to_owned(), 14), ("c".to_owned(), 18)]);
}

#[test]
fn reads_a_list_of_json_with_its_lines() {
    let text = "{\"kind\":\"List\",\"items\":[\n {\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}},\n\
         {\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\"}}]}\n\
        {\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"c\"}}";
    assert_eq!(names(text), [("a".to_owned(), 2), ("b".to_owned(), 3), ("c".to_owned(), 4)]);
}

#[test]
fn items_are_objects_only_in_a_list() {
    let text = "apiVersion: v1\nkind: Odd\nmetadata: {name: o}\nitems: [1, {a: b}]\n";
    assert_eq!(
        objects(text)[0].json,
        r#"{"apiVersion":"v1","kind":"Odd","metadata":{"name":"o"},"items":[1,{"a":"b"}]}"#
    );
}

#[test]
fn reads_a_byte_order_mark_and_windows_line_ends() {
    let windows = format!("\u{feff}{}", CLAIM.replace('\n', "\r\n"));
    let json = |text| objects(text).into_iter().map(|object| object.json).collect::<Vec<_>>();
    assert_eq!(json(&windows), json(CLAIM));
}

#[test]
fn reads_yaml_as_kubectl_does() {
    let text = format!("{CLAIM}spec: {{a: yes, b: 0644, c: off, d: '0644', e: 1e3, 8080: x, f: !!str 1}}\n");
    let json = &objects(&text)[0].json;
    assert!(
        json.ends_with(r#""spec":{"a":true,"b":420,"c":false,"d":"0644","e":1000.0,"8080":"x","f":"1"}}"#),
        "{json}"
    );
}

#[test]
fn an_error_has_its_line_and_column() {
    let error = error_of("apiVersion: v1\nkind: Pod\n  metadata: {}\n");
    assert_eq!((error.line, error.column > 0), (3, true), "{error}");
    let error = error_of("{\"apiVersion\": \"v1\",\n \"kind\" \"Pod\"}");
    assert_eq!(error.line, 2, "{error}");
}

#[test]
fn refuses_a_duplicate_key() {
    let error = error_of(&format!("{CLAIM}kind: Pod\n"));
    assert_eq!((error.line, error.column), (5, 1), "{error}");
}

#[test]
fn reads_on_after_a_document_that_is_not_an_object() {
    let read = read(&format!("metadata: {{}}\n---\nhello\n---\n{CLAIM}"), "default");
    let errors: Vec<String> =
        read.iter().flat_map(|one| one.as_ref().err()).map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "line 1, column 1: not a Kubernetes object: kind is not set",
            "line 3, column 1: not a Kubernetes object: expected a mapping with apiVersion and kind",
        ]
    );
    assert!(read[2].is_ok());
}

#[test]
fn refuses_deep_nesting() {
    let deep = format!("apiVersion: v1\nkind: Pod\nspec: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(error_of(&deep).line > 0);
    let deep = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(error_of(&deep).line > 0);
}

#[test]
fn refuses_aliases_that_expand_exponentially() {
    let mut text = String::from("apiVersion: v1\nkind: Pod\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(9);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", ")));
    }
    assert!(error_of(&text).line > 0);
}

#[test]
fn guesses_resources_as_kubectl_does() {
    let plurals =
        ["StatefulSet", "StorageClass", "Ingress", "NetworkPolicy", "Endpoints", "Gateway", "Switch"]
            .map(plural);
    assert_eq!(
        plurals,
        [
            "statefulsets",
            "storageclasses",
            "ingresses",
            "networkpolicies",
            "endpoints",
            "gateways",
            "switches"
        ]
    );
}

#[test]
fn resolves_aliases_and_merge_keys() {
    let text = "apiVersion: v1\nkind: Pod\na: &a {x: 1, y: [&s two, &k key]}\nb: *a\nc: {<<: *a, y: 3, z: *s, *k : 4}\nd: {<<: [{x: 5}, *a]}\n";
    assert!(
        objects(text)[0].json.ends_with(
            r#""a":{"x":1,"y":["two","key"]},"b":{"x":1,"y":["two","key"]},"c":{"y":3,"z":"two","key":4,"x":1},"d":{"x":5,"y":["two","key"]}}"#
        ),
        "{}",
        objects(text)[0].json
    );
    for (text, why) in [
        ("a: &a [*a]\n", "an alias refers to a value that it is a part of"),
        ("a: *b\n", "unknown anchor"),
        ("{<<: 1}\n", "only mappings can be merged into a mapping"),
        ("? [a]\n: b\n", "a key has to be a text"),
        ("a: .nan\n", "not a finite number"),
    ] {
        assert!(error_of(text).message.contains(why), "{text}: {}", error_of(text));
    }
}

#[test]
fn reads_on_after_a_broken_document() {
    let text = format!("a: [1\n---\n{CLAIM}---\nb: c: d\n...\n---\n{CLAIM}");
    let read = read(&text, "default");
    let places: Vec<u64> = read.iter().filter_map(|one| one.as_ref().err()).map(|error| error.line).collect();
    assert_eq!((read.iter().flatten().count(), places), (2, vec![1, 8]), "{read:?}");
}

#[test]
fn elements_of_a_list_of_one_kind_get_this_kind() {
    let text = r#"{"kind":"PersistentVolumeList","apiVersion":"v1","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"#;
    for text in [text.to_owned(), text.replace(',', ", ").replace(':', ": ").replace("{\"kind\"", "{kind")] {
        let found = objects(&text);
        assert_eq!(
            (&*found[1].scope.name, &*found[1].scope.resource, found.len()),
            ("b", "persistentvolumes", 2)
        );
    }
}

#[test]
fn reads_wanted_kinds_and_counts_the_others() {
    let text = format!(
        "{CLAIM}---\nkind: Pod\napiVersion: v1\n---\n{{\"kind\": \"List\", \"items\": [{{apiVersion: v1, kind: Pod}}]}}\n---\nkind: ''\n"
    );
    let found = read_wanted(&text, "default", &|_, kind| kind != "Pod");
    assert_eq!((found.skipped, found.objects.len()), (2, 2), "{found:?}");
}

#[test]
fn an_error_in_a_template_says_to_render_it() {
    for text in ["a: {{ .Values.a }}\n", "{{- if .a }}\nb: c\n{{ end }}\n"] {
        assert!(error_of(text).message.contains("helm template"), "{text}: {}", error_of(text));
    }
}

#[test]
fn an_error_names_the_field_of_a_wrong_type() {
    let error = error_of("apiVersion: v1\nkind: Pod\nmetadata: {name: 5}\n");
    assert!(
        error.message.starts_with("not a Kubernetes object: metadata.name: invalid type: integer"),
        "{error}"
    );
}

#[test]
fn reports_each_of_a_hundred_thousand_broken_documents() {
    let text = "---\na: 1\n".repeat(100_000);
    let errors = read(&text, "default");
    assert_eq!(
        (errors.len(), errors.last().and_then(|last| last.as_ref().err()).map(|error| error.line)),
        (100_000, Some(200_000))
    );
}

#[test]
fn reads_every_spelling_of_null() {
    let text = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: null, namespace: ~, labels: }\nspec:\nstatus: null\n";
    let object = &objects(text)[0];
    assert_eq!(&*object.scope.name, "");
    assert!(
        object.json.ends_with(
            r#""metadata":{"name":null,"namespace":null,"labels":null},"spec":null,"status":null}"#
        )
    );
}

proptest::proptest! {
    #[test]
    fn reads_any_text_without_a_panic_and_with_spans_inside_it(text in "([a-c{}\\[\\]:,&*'\"|>?!#%@-]|---|\\.\\.\\.|é|\u{feff}|\t| |\r\n|\n|apiVersion: v1\nkind: [AB]\n|items:|kind: List\n|<<: ){0,24}") {
        for object in read(&text, "default").into_iter().flatten() {
            proptest::prop_assert!(text.get(object.bytes.clone()).is_some_and(|part| !part.is_empty()), "{:?}", object);
            proptest::prop_assert!(serde_json::from_str::<serde_json::Value>(&object.json).is_ok());
            let found = region(&text, &object, "kind");
            proptest::prop_assert!(text.get(found.bytes).is_some());
        }
    }
}

#[test]
fn a_list_whose_items_are_no_list_is_an_error() {
    for text in [
        "apiVersion: v1\nkind: List\n",
        "apiVersion: v1\nkind: List\nitems: {a: b}\n",
        "apiVersion: v1\nkind: PodList\nitems: 5\n",
        r#"{"apiVersion": "v1", "kind": "List", "items": "a"}"#,
    ] {
        assert!(error_of(text).message.starts_with("a list without a list of `items`"), "{text}");
        assert_eq!(read_wanted(text, "default", &|_, _| false).skipped, 0, "{text}");
    }
    let custom = "apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: a}\n";
    assert_eq!(objects(custom)[0].kind, "AllowList");
    for empty in ["kind: List\nitems: []", "kind: List\nitems:", "kind: PodList\nitems: null"] {
        assert_eq!(read(&format!("apiVersion: v1\n{empty}\n"), "default"), [], "{empty}");
    }
}

#[test]
fn a_sequence_is_no_object() {
    for item in ["[v1, Pod, {name: x}]", "[]", "[[a]]"] {
        let error = error_of(&format!("apiVersion: v1\nkind: List\nitems:\n- {item}\n"));
        assert!(error.message.starts_with("not a Kubernetes object: expected a mapping"), "{item}: {error}");
        assert_eq!(error.line, 4);
    }
}

#[test]
fn the_items_of_a_large_list_keep_their_order() {
    let items: Vec<String> = (0..5_000)
        .map(|number| {
            format!(
                r#"{{"apiVersion":"v1","kind":"{}","metadata":{{"name":"o{number}"}}}}"#,
                ["Pod", "Secret"][number % 2]
            )
        })
        .collect();
    let list = format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n{}]}}", items.join(",\n"));
    let found = read_wanted(&list, "default", &|_, kind| kind == "Pod");
    let lines = found.objects.iter().map(|object| object.as_ref().expect("a pod").line);
    assert_eq!(
        (lines.collect::<Vec<_>>(), found.skipped),
        ((0..2_500).map(|pod| 2 * pod + 2).collect(), 2_500)
    );
}
