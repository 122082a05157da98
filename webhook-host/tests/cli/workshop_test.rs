//! `ordinance test`.

use crate::files::{directory, write};
use crate::run::{Ended, ordinance, run, run_in};
use ordinance_testkit::guest::component;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// The project's own cases.
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cases");

/// A thing that the policy of the tests admits.
const ADMITTED: &str = "why: everything is admitted\n\
    request: {object: {apiVersion: v1, kind: Thing, metadata: {name: a}}}\n\
    expect: {allowed: true, rules: []}\n";

/// Instructions that make `review` find something that denies.
const DENY: &str = "(i32.store (i32.const 260) (i32.const 768)) (i32.store (i32.const 264) (i32.const 1))";

/// Instructions that make `review` count to a number first.
fn counting(to: u32) -> String {
    format!(
        "(local $i i32) (loop $again (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const {to}))))"
    )
}

/// Returns a folder with a policy whose `review` runs these instructions, and with the folder `tests` of these cases.
fn workshop(review: &str, cases: &[(&str, &str)]) -> TempDir {
    let folder = directory(&[]);
    fs::write(folder.path().join("mine.wasm"), component(review, "")).unwrap();
    for (name, text) in cases {
        write(folder.path(), &format!("tests/{name}"), text);
    }
    folder
}

fn test_in(folder: &TempDir, arguments: &[&str]) -> Ended {
    run_in(folder.path(), &[&["test", "--policy", "mine.wasm"], arguments].concat())
}

#[test]
fn the_projects_own_cases_pass_as_in_its_own_tests() {
    let files = ordinance_case::files(Path::new(CASES)).unwrap().len();
    let ended = run_in(Path::new("."), &["test", CASES, "--allow-unfired"]);
    assert!(ended.stdout.starts_with(&format!("{files} cases: {files} passed; ")), "{ended:?}");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
}

#[test]
fn passes_a_suite_and_says_which_rules_have_no_case() {
    let folder = workshop("", &[("a.yaml", ADMITTED), ("README.md", "not a case")]);
    let ended = test_in(&folder, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("FAILED no case has a finding of a-rule; write one"), "{ended:?}");
    let ended = test_in(&folder, &["--allow-unfired"]);
    assert!(ended.code == 0 && ended.stdout.starts_with("1 case: 1 passed; "), "{ended:?}");
    assert_eq!(test_in(&folder, &["tests/a.yaml"]).code, 0, "a single case is no suite");
}

#[test]
fn shows_a_failing_case_with_its_diff_its_object_and_the_command_that_runs_it() {
    let whole = ADMITTED
        .replace("{allowed: true, rules: []}", "{mutate: {allowed: true}, validate: {allowed: true}}");
    let folder = workshop(DENY, &[("a.yaml", &whole)]);
    let ended = test_in(&folder, &["--color", "always"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in [
        "FAILED\x1b[0m \x1b[1ma.yaml",
        "everything is admitted",
        "\x1b[31m-  allowed: true\x1b[0m",
        "\x1b[32m+  allowed: false\x1b[0m",
        "apiVersion: v1",
        "run it alone: ordinance test --policy mine.wasm tests/a.yaml",
        "1 case: 0 passed, 1 failed",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} in {}", ended.stdout);
    }
    let found = run_in(folder.path(), &["test"]);
    let alone = "run it alone: ordinance test --policy mine.wasm tests/a.yaml";
    assert!(found.stdout.contains(alone), "the only component is named, too: {found:?}");
    let alone = run_in(folder.path(), &["test", "--policy", "mine.wasm", "tests/a.yaml"]);
    assert!(alone.code == 1 && !alone.stdout.contains('\x1b'), "{alone:?}");
}

#[test]
fn explains_a_failing_case_and_the_functions_of_a_trap() {
    let denied = ADMITTED.replace("true", "false");
    let folder = workshop("", &[("a.yaml", ADMITTED), ("b.yaml", &denied)]);
    let ended = test_in(&folder, &["--allow-unfired", "--explain"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""), "{ended:?}");
    assert!(!ended.stdout.contains("a.yaml"), "{}", ended.stdout);
    let (_, explanation) = ended.stdout.split_once("run it alone: ").unwrap();
    for phase in ["mutate", "validate"] {
        let part = format!("\n  CREATE Thing default/a, phase {phase}:\n    verdict   allowed\n");
        assert!(explanation.contains(&part), "{part}: {explanation}");
    }
    assert_eq!(explanation.matches("    review  ").count(), 2, "{explanation}");
    assert_eq!(explanation.matches(" fuel\n    memory ").count(), 2, "{explanation}");
    assert!(explanation.contains(" KiB of linear memory\n\n2 cases: 1 passed, 1 failed; "), "{explanation}");

    let selected = test_in(&folder, &["--filter", "a.yaml", "--explain"]);
    let (named, explained) = selected.stdout.split_once('\n').unwrap();
    assert!(named == "passed a.yaml" && explained.starts_with("  CREATE Thing default/a, "), "{selected:?}");
    assert_eq!(test_in(&folder, &["--filter", "a.yaml"]).stdout.lines().count(), 1);

    let trapping = component("call $outer", "(func $inner unreachable) (func $outer call $inner)");
    fs::write(folder.path().join("mine.wasm"), trapping).unwrap();
    let ended = test_in(&folder, &["tests/a.yaml", "--explain"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stdout.contains("    trap in   inner\n    called by outer\n"), "{}", ended.stdout);
}

#[test]
fn explains_each_request_of_a_race_of_the_built_in_policy() {
    let case = format!("{CASES}/shared-export/race-of-two-volumes.yaml");
    let ended = run_in(Path::new("."), &["test", &case, "--explain", "-v"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for volume in ["pv-a", "pv-b"] {
        let part = format!(
            "  CREATE PersistentVolume {volume}, phase validate:\n    verdict   allowed\n    \
             decided   by resume: no other object overlaps the keys\n    \
             key       holds nfs://nas.example.com /srv/www"
        );
        assert!(ended.stdout.contains(&part), "{part}: {}", ended.stdout);
    }
}

#[test]
fn blesses_a_new_case_and_then_passes_it() {
    let folder = workshop(DENY, &[("a.yaml", ADMITTED.split("expect").next().unwrap())]);
    let ended = test_in(&folder, &[]);
    assert!(ended.code == 1 && ended.stdout.contains("--bless writes the verdicts"), "{ended:?}");
    let ended = test_in(&folder, &["--bless"]);
    assert!(ended.code == 0 && ended.stdout.contains("blessed a.yaml"), "{ended:?}");
    assert!(fs::read_to_string(folder.path().join("tests/a.yaml")).unwrap().contains("rule: a-rule"));
    assert_eq!(test_in(&folder, &[]).code, 0);
}

#[test]
fn filters_cases_and_reports_junit() {
    let denied = ADMITTED.replace("true", "false");
    let folder = workshop("", &[("good/a.yaml", ADMITTED), ("bad/b.yaml", &denied)]);
    let ended = test_in(&folder, &["--filter", "good/", "--jobs", "1", "--junit", "report.xml"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = test_in(&folder, &["--allow-unfired", "--junit", "report.xml"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let report = fs::read_to_string(folder.path().join("report.xml")).unwrap();
    let report = roxmltree::Document::parse(&report).unwrap();
    let suite = report.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    assert_eq!((suite.attribute("tests"), suite.attribute("failures")), (Some("2"), Some("1")));
    let failure = report.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert_eq!(failure.parent().unwrap().attribute("name"), Some("bad/b.yaml"));
    let ended = test_in(&folder, &["--filter", "nothing"]);
    assert!(ended.code == 2 && ended.stderr.contains("no case has \"nothing\" in its path"), "{ended:?}");
}

#[test]
fn finds_a_policy_that_got_seven_percent_dearer() {
    let folder = workshop(&counting(100_000), &[("a.yaml", ADMITTED)]);
    let ended = test_in(&folder, &["--record-fuel", "--allow-unfired"]);
    assert!(ended.code == 0 && ended.stderr.contains("recorded the fuel of 1 case\n"), "{ended:?}");
    fs::write(folder.path().join("mine.wasm"), component(&counting(104_000), "")).unwrap();
    assert_eq!(test_in(&folder, &["--allow-unfired"]).code, 0);
    fs::write(folder.path().join("mine.wasm"), component(&counting(107_000), "")).unwrap();
    let ended = test_in(&folder, &["--allow-unfired"]);
    assert!(ended.code == 1 && ended.stdout.contains("7.0 % more than the recorded"), "{ended:?}");
    assert_eq!(test_in(&folder, &["--allow-unfired", "--fuel-tolerance", "8%"]).code, 0);
    let ended = test_in(&folder, &["--allow-unfired", "--fuel", "1000"]);
    assert!(ended.code == 1 && ended.stdout.contains("more than the budget of 1000"), "{ended:?}");
}

#[test]
fn tells_what_can_not_be_judged_in_one_line_each() {
    let deep = &format!("why: x\nsettings: {}1{}\n", "{a: ".repeat(10_000), "}".repeat(10_000));
    let cases = [
        ("unknown.yaml", "why: x\nwhat: y\nrequest: {}\n", "line 2, column 1: unknown field `what`"),
        (
            "two.yaml",
            "why: x\nrequest: {}\n---\nwhy: y\n",
            "only single YAML document expected but multiple found",
        ),
        (
            "cycle.yaml",
            "why: x\nsettings: &a {b: *a}\n",
            "line 2, column 18: Recursive reference not allowed here",
        ),
        ("empty.yaml", "", "line 1, column 1: unexpected end of file"),
        ("deep.yaml", deep, "YAML document too large or too complex"),
        ("neither.yaml", "why: x\n", "request: is missing; give a request or a race"),
    ];
    let texts: Vec<(&str, &str)> = cases.iter().map(|(name, text, _)| (*name, *text)).collect();
    let folder = workshop("", &texts);
    fs::write(folder.path().join("tests/binary.yaml"), [0xff, 0xfe, 0, 1]).unwrap();
    fs::write(folder.path().join("tests/notes.txt"), "stray").unwrap();
    let ended = test_in(&folder, &["--allow-unfired"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    for (.., part) in cases {
        assert!(ended.stdout.contains(part), "{part:?} in {}", ended.stdout);
    }
    assert!(ended.stdout.contains("error: the file is not UTF-8 text"), "{}", ended.stdout);
    assert!(ended.stdout.contains("suite: is not a case"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("tests/notes.txt"), "a stray file can't be run alone: {}", ended.stdout);
    assert!(ended.stdout.ends_with("8 cases: 0 passed, 8 failed\n"), "{}", ended.stdout);
}

#[test]
fn tests_the_component_of_the_working_directory() {
    let folder = workshop("", &[("a.yaml", ADMITTED)]);
    for arguments in [&[][..], &["tests"], &["tests/a.yaml"]] {
        let ended = run_in(folder.path(), &[&["test", "--allow-unfired"], arguments].concat());
        assert!(ended.code == 0 && ended.stdout.starts_with("1 case: 1 passed; "), "{ended:?}");
    }
    fs::copy(folder.path().join("mine.wasm"), folder.path().join("other.wasm")).unwrap();
    let ended = run_in(folder.path(), &["test", "tests"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    let message = "error: --policy: this directory has several components: mine.wasm, other.wasm; give one\n";
    assert_eq!(ended.stderr, message);
}

#[test]
fn tells_that_a_policy_traps_or_never_ends() {
    for (review, reason) in [
        ("unreachable", "error: the policy trapped"),
        ("(loop $on (br $on))", "error: the policy ran longer than"),
    ] {
        let folder = workshop(review, &[("a.yaml", ADMITTED)]);
        let ended = test_in(&folder, &["--allow-unfired"]);
        assert!(ended.code == 2 && ended.stdout.contains(reason), "{ended:?}");
    }
}

#[test]
fn fuzzing_writes_the_smallest_failing_object_as_a_case() {
    // Traps if the object has more than 90 bytes: its length is at 80 of the arguments.
    let review = "(if (i32.gt_u (i32.load offset=80 (local.get 0)) (i32.const 90)) (then unreachable))";
    let case = "why: x\nskipChecks: {unknownFields: too long, reinvocation: too long}\n\
        request: {object: {apiVersion: v1, kind: Thing, metadata: {name: a}, spec: {a: [xxxxxxxx]}}}\n\
        expect: {allowed: true}\n";
    let folder = workshop(review, &[("a.yaml", case)]);
    let ended = test_in(&folder, &["--allow-unfired", "--fuzz", "20", "--seed", "1"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stdout.contains("tests/fuzz-1.yaml"), "{ended:?}");
    let case = fs::read_to_string(folder.path().join("tests/fuzz-1.yaml")).unwrap();
    assert!(case.starts_with("why: ") && case.contains("kind: Thing"), "{case}");
    assert_eq!(test_in(&folder, &["tests/fuzz-1.yaml"]).code, 2);
    for jobs in ["1", "3"] {
        fs::remove_file(folder.path().join("tests/fuzz-1.yaml")).unwrap();
        let again = ["--allow-unfired", "--fuzz", "20", "--seed", "1", "--jobs", jobs];
        assert_eq!(test_in(&folder, &again).stdout, ended.stdout, "{jobs} threads");
        assert_eq!(fs::read_to_string(folder.path().join("tests/fuzz-1.yaml")).unwrap(), case);
    }
    let sound = workshop("", &[("a.yaml", ADMITTED)]);
    let ended = test_in(&sound, &["--allow-unfired", "--fuzz", "1"]);
    assert!(ended.code == 0 && ended.stdout.contains("changed objects, no failure"), "{ended:?}");
}

#[test]
fn a_case_about_a_kind_that_the_policy_never_reviews_fails_and_says_what_it_reviews() {
    let other = ADMITTED.replace("kind: Thing", "kind: ConfigMap");
    let unasked = other.replace("{allowed: true, rules: []}", "{asked: false}");
    let folder = workshop("", &[("other.yaml", &other), ("unasked.yaml", &unasked)]);
    let ended = test_in(&folder, &["--allow-unfired"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in [
        "FAILED other.yaml",
        "asked: the API server does not ask the policy about CREATE of configmaps (v1)",
        "CREATE of things (v1), phase mutate, validate",
        "2 cases: 1 passed, 1 failed",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} in {}", ended.stdout);
    }
}

#[test]
fn warns_of_a_component_that_is_older_than_a_source() {
    let folder = workshop("", &[("a.yaml", ADMITTED)]);
    write(folder.path(), "Cargo.toml", "");
    write(folder.path(), "src/lib.rs", "");
    let later = SystemTime::now() + Duration::from_secs(60);
    fs::File::options()
        .write(true)
        .open(folder.path().join("src/lib.rs"))
        .and_then(|file| file.set_modified(later))
        .unwrap();
    let warning = "warning: mine.wasm is older than src/lib.rs; run `ordinance build`\n";
    let ended = test_in(&folder, &["--allow-unfired"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, warning));
    write(folder.path(), "thing.yaml", "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\n");
    let ended = run_in(folder.path(), &["review", "--policy", "mine.wasm", "thing.yaml"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, warning));
    fs::remove_file(folder.path().join("Cargo.toml")).unwrap();
    assert_eq!(test_in(&folder, &["--allow-unfired"]).stderr, "", "the folder has no sources of a policy");
}

#[test]
fn watching_runs_again_after_a_change() {
    let folder = workshop("", &[("a.yaml", ADMITTED)]);
    let output = fs::File::create(folder.path().join("output")).unwrap();
    let mut watching = ordinance(&["test", "--policy", "mine.wasm", "--allow-unfired", "--watch"])
        .current_dir(folder.path())
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let shows = |text: &str| {
        let end = Instant::now() + Duration::from_secs(60);
        let is_there = || fs::read_to_string(folder.path().join("output")).unwrap().contains(text);
        while !is_there() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        is_there()
    };
    let first = shows("1 case: 1 passed");
    write(folder.path(), "tests/b.yaml", ADMITTED);
    let second = shows("2 cases: 2 passed");
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert!(first && second);
}

#[test]
fn refuses_flags_that_do_not_fit_together() {
    for arguments in [
        &["test", "--seed", "1"][..],
        &["test", "--fuzz", "1", "--watch"],
        &["test", "--filter", "a", "--record-fuel"],
        &["test", "--fuel-tolerance", "many"],
        &["test", "--jobs", "0"],
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{arguments:?}");
    }
    let missing = run(&["test", "no-such-folder"]);
    assert!(missing.code == 2 && missing.stderr.contains("no-such-folder"), "{missing:?}");
}
