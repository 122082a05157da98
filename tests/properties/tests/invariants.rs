//! The invariants of verdicts, on every request of the cases and recordings: as it is, with fields that nobody knows, and
//! distorted.

use ordinance_case::{Build, Indexed};
use ordinance_contract::{Phase, Request, Verdict};
use ordinance_properties::corpus::{Sample, samples};
use ordinance_properties::{Native, laws};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};
use std::sync::LazyLock;

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| samples().expect("cases and reviews can be read"));

fn ask(sample: &Sample, request: &Request<'_>) -> Result<Verdict, String> {
    Indexed(Native).verdict(&sample.settings, &sample.state, request)
}

fn mutating(sample: &Sample) -> Request<'static> {
    Request { phase: Phase::Mutate, ..sample.request.clone() }
}

#[test]
fn every_verdict_is_lawful_and_every_patch_leaves_nothing_to_do() {
    let broken: Vec<String> = SAMPLES
        .iter()
        .filter_map(|sample| {
            let error = laws::lawful(&mutating(sample), &|request| ask(sample, request)).err()?;
            Some(format!("{}: {error}", sample.name))
        })
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

/// One of the requests, with an object in it.
fn request() -> impl Strategy<Value = &'static Sample> {
    any::<Index>()
        .prop_map(|index| index.get(&SAMPLES))
        .prop_filter("an object", |sample| sample.request.object.is_some())
}

/// A value that no rule asks for.
fn stray() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\\u{1F600}]{0,12}".prop_map(Value::from),
        Just(json!({"name": "web", "x": [1, {"y": null}]})),
        Just(json!(["$(POD_NAME)", {"subPath": "data"}])),
    ]
}

fn parsed(text: Option<&str>) -> Option<Value> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

/// The JSON pointers of all nodes that `wanted` is true of.
fn pointers(value: &Value, wanted: fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, String::new(), wanted, &mut found);
    found
}

fn collect(value: &Value, at: String, wanted: fn(&Value) -> bool, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            collect(member, format!("{at}/{name}"), wanted, found);
        }),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .for_each(|(position, element)| collect(element, format!("{at}/{position}"), wanted, found)),
        _ => {}
    }
    if wanted(value) {
        found.push(at);
    }
}

/// Whether an object is a map of texts, in which everything is known.
fn is_texts(pointer: &str) -> bool {
    const MAPS: [&str; 6] =
        ["annotations", "labels", "matchLabels", "nodeSelector", "parameters", "volumeAttributes"];
    MAPS.iter().any(|map| pointer.ends_with(&format!("/{map}")))
}

/// Whether a patch may copy what is there, as it is, with fields that nobody knows: where a variable comes from.
fn is_copied(pointer: &str) -> bool {
    pointer.contains("/valueFrom")
}

/// Adds a field at a place of the object, and at the same place of the old one.
fn grow(object: &mut Value, old: &mut Option<Value>, place: &Index, name: &str, value: &Value) {
    let places = pointers(object, |node| node.is_object());
    let place = place.get(&places);
    if is_texts(place) || is_copied(place) {
        return;
    }
    for root in [Some(object), old.as_mut()].into_iter().flatten() {
        if let Some(Value::Object(members)) = root.pointer_mut(place) {
            members.insert(name.to_owned(), value.clone());
        }
    }
}

/// The same request about other objects.
fn about(request: &Request<'static>, object: &Value, old: Option<&Value>) -> Request<'static> {
    Request {
        object: Some(object.to_string().into()),
        old_object: old.map(|old| old.to_string().into()),
        ..request.clone()
    }
}

/// Fields of the future: a place, a name, and a value.
fn fields() -> impl Strategy<Value = Vec<(Index, String, Value)>> {
    prop::collection::vec((any::<Index>(), "x[A-Z][a-z]{2,6}", stray()), 1..6)
}

fn unknown_fields_survive(sample: &Sample, fields: &[(Index, String, Value)]) -> TestCaseResult {
    let request = mutating(sample);
    let (Some(mut object), mut old) =
        (parsed(request.object.as_deref()), parsed(request.old_object.as_deref()))
    else {
        return Ok(());
    };
    let plain = ask(sample, &about(&request, &object, old.as_ref()));
    for (place, name, value) in fields {
        grow(&mut object, &mut old, place, name, value);
    }
    let grown = ask(sample, &about(&request, &object, old.as_ref()));
    prop_assert_eq!(grown, plain, "{}: {}", &sample.name, object);
    Ok(())
}

/// What is done to one node.
#[derive(Clone, Debug)]
enum Distortion {
    Replace(Value),
    Remove,
    Double,
}

fn distortion() -> impl Strategy<Value = Distortion> {
    prop_oneof![
        2 => stray().prop_map(Distortion::Replace),
        2 => Just(Distortion::Remove),
        1 => Just(Distortion::Double),
    ]
}

fn distort(root: &mut Value, place: &Index, distortion: &Distortion) {
    let places = pointers(root, |_| true);
    let place = place.get(&places).clone();
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    match (root.pointer_mut(parent), distortion) {
        (Some(Value::Object(members)), Distortion::Remove) => {
            members.remove(name);
        }
        (Some(Value::Array(elements)), Distortion::Remove) => {
            elements.pop();
        }
        (Some(Value::Array(elements)), Distortion::Double) => elements.extend(elements.clone()),
        (_, Distortion::Replace(value)) => {
            if let Some(node) = root.pointer_mut(&place) {
                *node = value.clone();
            }
        }
        _ => {}
    }
}

fn distorted_verdicts_are_lawful(
    sample: &Sample,
    distortions: &[(bool, Index, Distortion)],
) -> TestCaseResult {
    let request = mutating(sample);
    let (Some(mut object), mut old) =
        (parsed(request.object.as_deref()), parsed(request.old_object.as_deref()))
    else {
        return Ok(());
    };
    for (in_old, place, distortion) in distortions {
        match (&mut old, in_old) {
            (Some(old), true) => distort(old, place, distortion),
            _ => distort(&mut object, place, distortion),
        }
    }
    let request = about(&request, &object, old.as_ref());
    let broken = laws::lawful(&request, &|request| ask(sample, request)).err();
    prop_assert_eq!(broken, None, "{}: {} was {}", &sample.name, object, old.unwrap_or_default());
    Ok(())
}

/// Other settings under which the laws hold as well.
fn settings() -> impl Strategy<Value = String> {
    let one = |values: &'static [&'static str]| prop::sample::select(values);
    (
        one(&["Enforce", "Warn"]),
        one(&["ReadWriteMany", "Always", "Never"]),
        one(&["Isolate", "Deny", "Warn"]),
        one(&["Warn", "Isolate"]),
        (one(&["Deny", "Warn"]), one(&["Deny", "Warn"]), one(&["Deny", "Warn"])),
        (one(&["Warn", "Deny", "Allow"]), one(&["Warn", "Deny"]), one(&["Warn", "Deny", "Off"])),
    )
        .prop_map(
            |(mode, templates, named, single, (fixed, growth, equal), (nested, dynamic, classes))| {
                json!({
                    "mode": mode,
                    "isolation": {
                        "claimTemplates": templates, "namedVolumes": named, "singleReplica": single,
                        "fixedSubPath": fixed, "growth": growth,
                    },
                    "exports": {"equal": equal, "nested": nested, "dynamic": dynamic},
                    "storageClasses": classes,
                })
                .to_string()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_field_that_nobody_knows_changes_no_verdict_and_stays(sample in request(), fields in fields()) {
        unknown_fields_survive(sample, &fields)?;
    }

    #[test]
    fn a_distorted_object_gets_a_lawful_verdict(
        sample in request(),
        distortions in prop::collection::vec((any::<bool>(), any::<Index>(), distortion()), 1..4),
    ) {
        distorted_verdicts_are_lawful(sample, &distortions)?;
    }

    #[test]
    fn verdicts_are_lawful_under_all_settings(sample in request(), settings in settings()) {
        let sample = Sample { settings, ..sample.clone() };
        let broken = laws::lawful(&mutating(&sample), &|request| ask(&sample, request)).err();
        prop_assert_eq!(broken, None, "{}: {}", &sample.name, &sample.settings);
    }
}
