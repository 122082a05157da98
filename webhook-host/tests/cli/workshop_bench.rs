//! `ordinance bench`: figures, comparisons and drawings.

use crate::files::directory;
use crate::run::{Ended, run, run_in};
use ordinance_testkit::guest::component;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// The shortest measurement: 30 runs of each review.
const SHORT: [&str; 3] = ["--time", "1ms", "-q"];

/// Instructions that count to this number.
fn counting(number: u32) -> Vec<u8> {
    let review = format!(
        "(local $n i32) (loop $again (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $n) (i32.const {number}))))"
    );
    component(&review, "")
}

/// Returns a directory with policies of different cost.
fn policies() -> TempDir {
    let files = directory(&[("thing.yaml", "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\n")]);
    for (name, bytes) in [
        ("old.wasm", counting(10_000)),
        ("dearer.wasm", counting(10_700)),
        ("trap.wasm", component("unreachable", "")),
    ] {
        std::fs::write(files.path().join(name), bytes).unwrap();
    }
    files
}

fn bench(files: &Path, arguments: &[&str]) -> Ended {
    run_in(files, &[&["bench"], arguments, &SHORT].concat())
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn measures_samples_of_what_the_built_in_policy_reviews() {
    let ended = run(&[&["bench", "--output", "json"][..], &SHORT].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let report = json(&ended);
    assert_eq!(report["policy"]["name"], "storage");
    let workloads = report["workloads"].as_array().unwrap();
    let names: Vec<&str> = workloads.iter().map(|workload| workload["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"CREATE statefulsets.apps sample, mutate"), "{names:?}");
    assert!(names.contains(&"CREATE persistentvolumes sample, validate"), "{names:?}");
    for workload in workloads {
        let median = &workload["evaluation"]["median"];
        let [low, value, high] = ["low", "value", "high"].map(|field| median[field].as_u64().unwrap());
        assert!(0 < low && low <= value && value <= high, "{workload}");
        assert!(workload["evaluation"]["samples"].as_u64() >= Some(30), "{workload}");
        assert!(
            workload["fuel"].as_u64() > Some(1000) && workload["memory"].as_u64() > Some(0),
            "{workload}"
        );
    }
}

#[test]
fn finds_that_a_policy_got_seven_percent_dearer_by_its_fuel() {
    let files = policies();
    let saved = bench(files.path(), &["old.wasm", "thing.yaml", "--save", "old.json"]);
    assert_eq!(saved.code, 0, "{saved:?}");
    let compare = ["dearer.wasm", "thing.yaml", "--compare", "old.json", "--exact"];
    let dearer = bench(files.path(), &compare);
    assert_eq!(dearer.code, 1, "{dearer:?}");
    let line = dearer.stdout.lines().find(|line| line.trim_start().starts_with("dearer")).unwrap();
    assert!(line.contains("fuel of CREATE things a, mutate: ") && line.contains("(+7.0 %)"), "{line}");
    let within = bench(files.path(), &[&compare[..], &["--threshold", "8%"]].concat());
    assert_eq!(within.code, 0, "{within:?}");
    let report = json(&bench(files.path(), &[&compare[..], &["--output", "json"]].concat()));
    assert_eq!(report["comparison"]["dearer"], true);
}

#[test]
fn the_same_policy_is_never_dearer_and_burns_the_same_fuel() {
    let files = policies();
    bench(files.path(), &["old.wasm", "thing.yaml", "--save", "old.json"]);
    let same = ["old.wasm", "thing.yaml", "--compare", "old.json", "--threshold", "0", "--output", "json"];
    let ended = bench(files.path(), &same);
    let report = json(&ended);
    assert_eq!((ended.code, &report["comparison"]["dearer"]), (0, &false.into()), "{ended:?}");
    let changes = report["comparison"]["changes"].as_array().unwrap();
    let fuel: Vec<&Value> = changes.iter().filter(|change| change["figure"] == "fuel").collect();
    assert_eq!(fuel.len(), 2, "{changes:?}");
    assert!(fuel.iter().all(|change| change["before"] == change["after"]), "{fuel:?}");
}

#[test]
fn measures_given_reviews_and_draws_them() {
    let files = policies();
    let review = run_in(files.path(), &["request", "thing.yaml", "--delete"]).stdout;
    std::fs::write(files.path().join("review.json"), review).unwrap();
    let ended = bench(files.path(), &["old.wasm", "review.json", "--plot", "times.svg", "--save", "f.json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("\nDELETE things a, validate\n  evaluation     median "), "{ended:?}");
    let again = ["old.wasm", "review.json", "--compare", "f.json", "--plot", "again.svg"];
    assert_eq!(bench(files.path(), &again).code, 0);
    for (file, lines) in [("times.svg", 0), ("again.svg", 1)] {
        let text = std::fs::read_to_string(files.path().join(file)).unwrap();
        let drawing = roxmltree::Document::parse(&text).unwrap();
        let with_class = |class| {
            let of_class = move |node: &roxmltree::Node<'_, '_>| node.attribute("class") == Some(class);
            drawing.descendants().filter(of_class).count()
        };
        assert!(with_class("bar") > 0, "{text}");
        assert_eq!((with_class("median"), with_class("old")), (1, lines), "{file}");
    }
}

#[test]
fn a_review_that_fails_and_unusable_files_are_errors() {
    let files = policies();
    std::fs::write(files.path().join("notes.json"), "{}").unwrap();
    for (arguments, why) in [
        (&["trap.wasm"][..], "error: CREATE things sample, mutate: policy \"hostile\" trapped: "),
        (&["none.wasm"], "error: --policy: policy none.wasm: can't be read"),
        (&["old.wasm", "none.yaml"], "error: none.yaml: No such file or directory"),
        (&["old.wasm", "--compare", "none.json"], "error: none.json: No such file or directory"),
        (&["old.wasm", "--compare", "notes.json"], "error: notes.json: has no figures; give a file that"),
        (&["old.wasm", "--save", "none/figures.json"], "error: none/figures.json: can't be written"),
    ] {
        let ended = bench(files.path(), arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.starts_with(why), "{arguments:?}: {}", ended.stderr);
    }
    for arguments in [["--threshold", "much"], ["--threshold", "-5%"], ["--time", "0s"], ["--time", "11m"]] {
        assert_eq!(run(&[&["bench"][..], &arguments].concat()).code, 64, "{arguments:?}");
    }
    let first = run(&["bench", "web.yaml"]);
    assert!(first.code == 64 && first.stderr.contains("ordinance bench storage review.json"), "{first:?}");
}
