//! All builds answer alike, also to requests without an expected answer.

use ordinance_case::Build;
use ordinance_testkit::corpus::{Sample, samples};
use ordinance_testkit::distortion::{Distortion, Objects};
use ordinance_tests::builds;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use std::sync::LazyLock;

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| samples().expect("cases and reviews can be read"));

static BUILDS: LazyLock<Vec<(&'static str, Box<dyn Build + Send + Sync>)>> =
    LazyLock::new(|| builds().expect("every build can be run"));

fn distortion() -> impl Strategy<Value = Distortion> {
    let values = vec![Value::Null, json!(2), json!("web"), json!([{"name": "é"}]), json!({"x": [1.5]})];
    prop_oneof![
        prop::sample::select(values).prop_map(Distortion::Replace),
        Just(Distortion::Remove),
        Just(Distortion::Double),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_builds_answer_alike_about_distorted_objects(
        sample in any::<Index>(),
        distortions in prop::collection::vec((any::<bool>(), any::<usize>(), distortion()), 0..4),
    ) {
        let sample = sample.get(&SAMPLES);
        let mut request = sample.request.clone();
        if let Some(mut objects) = Objects::of(&request) {
            distortions.iter().for_each(|(in_old, place, how)| objects.distort(*in_old, *place, how));
            request = objects.request(&request);
        }
        let mut answers = BUILDS.iter().map(|(name, build)| (name, build.verdict(&sample.settings, &sample.state, &request)));
        let (_, first) = answers.next().expect("a build");
        for (name, answer) in answers {
            prop_assert_eq!(&answer, &first, "{}, by {}: {:?}", &sample.name, name, &request);
        }
    }
}
