//! The invariants of verdicts on every request of the cases and recordings: unchanged, with unknown fields, and
//! distorted.

use ordinance_case::{Build, Indexed};
use ordinance_contract::{Phase, Request, Verdict};
use ordinance_testkit::corpus::{Sample, samples};
use ordinance_testkit::distortion::{Distortion, Objects, pointers};
use ordinance_testkit::{Native, laws};
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
fn every_verdict_is_lawful_and_every_patch_is_complete() {
    let broken: Vec<String> = SAMPLES
        .iter()
        .filter_map(|sample| {
            let error = laws::lawful(&mutating(sample), &|request| ask(sample, request)).err()?;
            Some(format!("{}: {error}", sample.name))
        })
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

/// Returns one of the requests that have an object.
fn request() -> impl Strategy<Value = &'static Sample> {
    any::<Index>()
        .prop_map(|index| index.get(&SAMPLES))
        .prop_filter("an object", |sample| sample.request.object.is_some())
}

/// Returns a value that no rule reads.
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

/// Whether an object is a map of strings, in which every key has a meaning.
fn is_string_map(pointer: &str) -> bool {
    const MAPS: [&str; 6] =
        ["annotations", "labels", "matchLabels", "nodeSelector", "parameters", "volumeAttributes"];
    MAPS.iter().any(|map| pointer.ends_with(&format!("/{map}")))
}

/// Whether a patch may copy the object as it is, with unknown fields: the source of a variable.
fn is_copied(pointer: &str) -> bool {
    pointer.contains("/valueFrom")
}

/// Adds a field at a place of the object, and at the same place of the old one.
fn grow(objects: &mut Objects, place: &Index, name: &str, value: &Value) {
    let places = pointers(&objects.object, |node| node.is_object());
    let place = place.get(&places);
    if is_string_map(place) || is_copied(place) {
        return;
    }
    for root in [Some(&mut objects.object), objects.old.as_mut()].into_iter().flatten() {
        if let Some(Value::Object(members)) = root.pointer_mut(place) {
            members.insert(name.to_owned(), value.clone());
        }
    }
}

/// Returns unknown fields: a place, a name, and a value.
fn fields() -> impl Strategy<Value = Vec<(Index, String, Value)>> {
    prop::collection::vec((any::<Index>(), "x[A-Z][a-z]{2,6}", stray()), 1..6)
}

fn unknown_fields_survive(sample: &Sample, fields: &[(Index, String, Value)]) -> TestCaseResult {
    let request = mutating(sample);
    let Some(mut objects) = Objects::of(&request) else { return Ok(()) };
    let plain = ask(sample, &objects.request(&request));
    for (place, name, value) in fields {
        grow(&mut objects, place, name, value);
    }
    let grown = ask(sample, &objects.request(&request));
    prop_assert_eq!(grown, plain, "{}: {:?}", &sample.name, objects);
    Ok(())
}

fn distortion() -> impl Strategy<Value = Distortion> {
    prop_oneof![
        2 => stray().prop_map(Distortion::Replace),
        2 => Just(Distortion::Remove),
        1 => Just(Distortion::Double),
    ]
}

fn distorted_verdicts_are_lawful(
    sample: &Sample,
    distortions: &[(bool, usize, Distortion)],
) -> TestCaseResult {
    let request = mutating(sample);
    let Some(mut objects) = Objects::of(&request) else { return Ok(()) };
    for (in_old, place, distortion) in distortions {
        objects.distort(*in_old, *place, distortion);
    }
    let request = objects.request(&request);
    let broken = laws::lawful(&request, &|request| ask(sample, request)).err();
    prop_assert_eq!(broken, None, "{}: {:?}", &sample.name, objects);
    Ok(())
}

/// Returns other settings under which the laws must hold too.
fn settings() -> impl Strategy<Value = String> {
    let one = |values: &'static [&'static str]| prop::sample::select(values);
    (
        one(&["Enforce", "Isolate", "Warn"]),
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
    fn an_unknown_field_changes_no_verdict_and_is_kept(sample in request(), fields in fields()) {
        unknown_fields_survive(sample, &fields)?;
    }

    #[test]
    fn a_distorted_object_gets_a_lawful_verdict(
        sample in request(),
        distortions in prop::collection::vec((any::<bool>(), any::<usize>(), distortion()), 1..4),
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
