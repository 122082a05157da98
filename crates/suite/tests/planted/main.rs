//! Policies with planted faults: each check finds the fault that it is for, and nothing in a sound policy.

mod double;

use double::{double, of_fuel};
use ordinance_case::{Bless, Evidence, Indexed, PolicyFunctions, check_file};
use ordinance_contract::{
    Finding, Holding, Key, Operation, Outcome, Phase, Request, Rule, Scope, Severity, Stance, Verdict,
};
use ordinance_suite::{
    CaseProblem, CaseResult, FuzzFailure, FuzzOptions, FuzzReport, RecordedFuel, RunOptions, SuiteReport,
    SuiteTextStyle, TestedPolicy, case_text, fuzz, junit, run_suite, suite_files, summary_text, write_case,
};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const OPTIONS: RunOptions<'static> = RunOptions { bless: false, fuel: 10_000, recorded: None };

const THING: &str = "{apiVersion: v1, kind: Thing, metadata: {name: a}, spec: {containers: [{name: main}]}}";

/// A policy that is one function of the request, and asks for no keys.
struct Rules<F>(F);

impl<F: Fn(&Request<'_>, &Value) -> Result<Verdict, String>> PolicyFunctions for Rules<F> {
    fn keys(&self, _: &Scope<'_>, _: &str, _: &str) -> Result<Vec<Key>, String> {
        Ok(Vec::new())
    }

    fn review(&self, request: &Request<'_>, _: &str, _: Option<&[Holding]>) -> Result<Outcome, String> {
        let object = serde_json::from_str(request.object.as_deref().unwrap_or("null"));
        (self.0)(request, &object.map_err(|error| error.to_string())?).map(Outcome::Decided)
    }
}

fn patch(operations: Vec<Value>) -> Verdict {
    let patch = (!operations.is_empty()).then(|| Value::Array(operations).to_string());
    Verdict { patch, ..Verdict::allow() }
}

fn denial(rule: &str) -> Verdict {
    Verdict { findings: vec![Finding::new(rule, Severity::Deny, "it is so")], ..Verdict::allow() }
}

/// Returns the operations that give each container without `managed` this member.
fn manage(object: &Value) -> Vec<Value> {
    let containers =
        object.pointer("/spec/containers").and_then(Value::as_array).cloned().unwrap_or_default();
    let lacks = containers.iter().enumerate().filter(|(_, container)| container.get("managed").is_none());
    let add = |(at, _)| json!({"op": "add", "path": format!("/spec/containers/{at}/managed"), "value": true});
    lacks.map(add).collect()
}

fn suite(cases: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in cases {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn run_in(folder: &Path, policy: &dyn TestedPolicy, options: RunOptions<'_>) -> SuiteReport {
    run_suite(policy, &suite_files(folder).expect("files"), options, &|_| {})
}

/// Runs one case and returns its problems as `check: message`.
fn problems(policy: &dyn TestedPolicy, case: &str) -> Vec<String> {
    let folder = suite(&[("case.yaml", case)]);
    let report = run_in(folder.path(), policy, OPTIONS);
    report.cases[0].problems().iter().map(line).collect()
}

fn line(problem: &CaseProblem) -> String {
    format!("{}: {}", problem.found_by.word(), problem.message)
}

/// A case that expects that the policy admits a thing.
fn admitted() -> String {
    format!("why: it is so\nrequest: {{object: {THING}}}\nexpect: {{allowed: true}}\n")
}

#[test]
fn a_sound_mutating_policy_passes_every_check() {
    let policy = double(Rules(|request: &Request<'_>, object: &Value| {
        let missing = manage(object);
        Ok(match request.phase {
            Phase::Mutate => patch(missing),
            _ if missing.is_empty() => Verdict::allow(),
            _ => denial("unmanaged"),
        })
    }));
    assert_eq!(problems(&policy, &admitted()), Vec::<String>::new());
}

#[test]
fn finds_a_patch_that_is_repeated_at_once() {
    let policy = double(Rules(|request: &Request<'_>, _: &Value| {
        let add = json!({"op": "add", "path": "/spec/containers/-", "value": {"name": "sidecar"}});
        Ok(if request.phase == Phase::Mutate { patch(vec![add]) } else { Verdict::allow() })
    }));
    let found = problems(&policy, &admitted());
    assert_eq!(found[0], "idempotency: review 2 patches the patched object again");
    let case = admitted()
        .replace("request:", "skipChecks: {idempotency: it counts, reinvocation: it counts}\nrequest:");
    assert_eq!(problems(&policy, &case), Vec::<String>::new());
}

#[test]
fn finds_a_patch_that_is_repeated_only_at_the_third_review() {
    // The first review manages the container of the user, the second one that of another webhook, and a third one adds a mark.
    let policy = double(Rules(|request: &Request<'_>, object: &Value| {
        let missing = manage(object);
        let count = object.pointer("/spec/containers").and_then(Value::as_array).map_or(0, Vec::len);
        let is_marked = object.pointer("/spec/marked").is_some();
        let mark = json!({"op": "add", "path": "/spec/marked", "value": true});
        Ok(match request.phase {
            Phase::Mutate if missing.is_empty() && count > 1 && !is_marked => patch(vec![mark]),
            Phase::Mutate => patch(missing),
            _ => Verdict::allow(),
        })
    }));
    let expected =
        "reinvocation: review 3 patches the object with a container at the end of another webhook again";
    assert_eq!(problems(&policy, &admitted()), [expected]);
}

#[test]
fn finds_a_patch_of_an_update_that_changes_nothing() {
    let policy = double(Rules(|request: &Request<'_>, _: &Value| {
        let add = json!({"op": "add", "path": "/metadata/labels", "value": {"a": "b"}});
        let is_update = request.operation == Operation::Update && request.phase == Phase::Mutate;
        Ok(if is_update { patch(vec![add]) } else { Verdict::allow() })
    }));
    let expected = "idempotency: review 2 patches an update of the patched object that changes nothing again";
    assert_eq!(problems(&policy, &admitted())[0], expected);
}

#[test]
fn finds_a_patch_that_undoes_what_another_webhook_did() {
    let policy = double(Rules(|request: &Request<'_>, object: &Value| {
        let only_main = json!({"op": "replace", "path": "/spec/containers", "value": [{"name": "main"}]});
        let is_other = object.pointer("/spec/containers/1").is_some();
        Ok(if request.phase == Phase::Mutate && is_other { patch(vec![only_main]) } else { Verdict::allow() })
    }));
    assert_eq!(
        problems(&policy, &admitted()),
        ["reinvocation: the second patch undoes the container of another webhook"]
    );
}

#[test]
fn finds_a_patch_that_is_repeated_because_positions_changed() {
    let policy = double(Rules(|request: &Request<'_>, object: &Value| {
        let is_there = object.pointer("/spec/containers/0/env/0/name").is_some();
        let add = json!([
            {"op": "add", "path": "/spec/containers/0/env", "value": [{"name": "A"}, {"name": "A"}]},
        ]);
        let add = add.as_array().cloned().unwrap_or_default();
        Ok(if request.phase == Phase::Mutate && !is_there { patch(add) } else { Verdict::allow() })
    }));
    let found = problems(&policy, &admitted());
    let expected =
        "reinvocation: after another webhook added a container at the beginning, the second patch repeats";
    assert!(found[0].starts_with(expected) && found[0].ends_with("env[A]"), "{found:?}");
}

#[test]
fn finds_phases_that_disagree_and_lost_fields() {
    let policy = double(Rules(|request: &Request<'_>, _: &Value| {
        Ok(if request.phase == Phase::Validate { denial("never") } else { Verdict::allow() })
    }));
    let case = admitted().replace("true", "false");
    let expected =
        "phases: the mutating review admits the request, but the validating review denies it with the patch";
    assert_eq!(problems(&policy, &case), [expected]);

    let policy = double(Rules(|request: &Request<'_>, object: &Value| {
        let container = json!({"op": "replace", "path": "/spec/containers/0", "value": {"name": "main", "managed": true}});
        let missing = !manage(object).is_empty() && object.pointer("/spec/containers/0/managed").is_none();
        Ok(if request.phase == Phase::Mutate && missing { patch(vec![container]) } else { Verdict::allow() })
    }));
    let found = problems(&policy, &admitted());
    assert!(
        found
            .iter()
            .any(|problem| problem.starts_with("unknownFields: ") && problem.contains("spec.containers[0]")),
        "{found:?}"
    );
}

/// A request of a kind that the policy does not review.
const OTHER: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}";

/// Returns a policy that admits everything, which it is asked about in some phases only.
fn asked_in(phases: &[Phase]) -> impl TestedPolicy {
    let mut policy = double(Rules(|_: &Request<'_>, _: &Value| Ok(Verdict::allow())));
    policy.description.reviews[0].phases = phases.to_vec();
    policy
}

#[test]
fn finds_a_request_about_which_no_api_server_asks() {
    let policy = asked_in(&[Phase::Validate]);
    let other = admitted().replace(THING, OTHER);
    let expected = "asked: the API server does not ask the policy about CREATE of configmaps (v1)";
    assert_eq!(problems(&policy, &other), [expected]);
    let skipped = other.replace("request:", "skipChecks: {asked: only shown}\nrequest:");
    assert_eq!(problems(&policy, &skipped), Vec::<String>::new());

    assert_eq!(problems(&policy, &admitted()), Vec::<String>::new(), "one phase is enough");
    let mutated = admitted().replace("{object", "{phases: [mutate], object");
    assert_eq!(
        problems(&policy, &mutated),
        ["asked: the API server does not ask the policy about CREATE of things (v1) in the phase mutate"]
    );

    let race = format!("why: x\nrace: [{{object: {OTHER}}}, {{object: {OTHER}}}]\nexpect: {{admitted: 2}}\n");
    assert_eq!(problems(&policy, &race), [expected]);
}

#[test]
fn a_case_may_expect_that_the_policy_is_not_asked_and_then_does_not_call_it() {
    let policy = double(Rules(|_: &Request<'_>, _: &Value| Err("was called".to_owned())));
    let unasked = |object: &str| format!("why: x\nrequest: {{object: {object}}}\nexpect: {{asked: false}}\n");
    assert_eq!(problems(&policy, &unasked(OTHER)), Vec::<String>::new());
    assert_eq!(
        problems(&policy, &unasked(THING)),
        [
            "expect: asked: the API server asks the policy about CREATE of things (v1) in the phase mutate and validate"
        ]
    );
}

#[test]
fn blessing_writes_no_verdict_that_the_api_server_never_asks_for() {
    let bless = RunOptions { bless: true, ..OPTIONS };
    let new = |object: &str| format!("why: it is so\nrequest: {{object: {object}}}\n");
    let folder = suite(&[("thing.yaml", &new(THING)), ("other.yaml", &new(OTHER))]);
    let report = run_in(folder.path(), &asked_in(&[Phase::Validate]), bless);
    assert!(matches!(report.cases[0].result, CaseResult::Failed(_)), "{report:?}");
    assert_eq!(report.cases[1].result, CaseResult::Blessed);
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).expect("read");
    assert_eq!(text("other.yaml"), new(OTHER));
    assert_eq!(text("thing.yaml"), new(THING) + "expect:\n  validate:\n    allowed: true\n");

    let policy = asked_in(&[Phase::Mutate, Phase::Validate]);
    let expected = "expect: mutate is missing; --bless writes the verdict";
    assert_eq!(problems(&policy, &text("thing.yaml")), [expected]);
    run_in(folder.path(), &policy, bless);
    assert!(text("thing.yaml").contains("mutate:"), "{}", text("thing.yaml"));
}

#[test]
fn finds_a_review_over_the_budget_of_fuel_and_one_that_got_seven_percent_dearer() {
    let allow = || Rules(|_: &Request<'_>, _: &Value| Ok(Verdict::allow()));
    let expected = "fuel: a review burns 20000 fuel, more than the budget of 10000; see --fuel";
    assert_eq!(problems(&of_fuel(allow(), 20_000), &admitted()), [expected]);

    let folder = suite(&[("case.yaml", &admitted())]);
    let first = run_in(folder.path(), &of_fuel(allow(), 1_000), OPTIONS);
    assert_eq!(first.record_fuel(folder.path()), Ok(1));
    let recorded = RecordedFuel::read(folder.path(), 50).expect("a file").expect("it was written");
    let options = RunOptions { recorded: Some(&recorded), ..OPTIONS };
    let later = |fuel| {
        let report = run_in(folder.path(), &of_fuel(allow(), fuel), options);
        report.cases[0].problems().iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(later(1_049), Vec::<String>::new());
    let expected =
        "fuel: a review burns 1070 fuel, 7.0 % more than the recorded 1000; --record-fuel accepts it";
    assert_eq!(later(1_070), [expected]);
}

/// Names are unique among things: each holds the key of its `spec.host`.
struct UniqueHosts {
    /// Whether a thing excludes another one.
    excludes: fn(own: &str, other: &str) -> bool,
    stance: Stance,
}

impl PolicyFunctions for UniqueHosts {
    fn keys(&self, _: &Scope<'_>, object: &str, _: &str) -> Result<Vec<Key>, String> {
        let object: Value = serde_json::from_str(object).map_err(|error| error.to_string())?;
        let host = object.pointer("/spec/host").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(vec![Key { realm: "host".to_owned(), path: vec![host], stance: self.stance, note: String::new() }])
    }

    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String> {
        let keys = self.keys(&request.scope, request.object.as_deref().unwrap_or_default(), settings)?;
        let Some(holdings) = holdings else { return Ok(Outcome::Needs(keys)) };
        let is_taken = holdings.iter().any(|other| (self.excludes)(&request.scope.name, &other.holder.name));
        Ok(Outcome::Decided(if is_taken { denial("taken") } else { Verdict::allow() }))
    }
}

/// A race of things with these names and hosts.
fn race(things: &[(&str, &str)], expect: &str) -> String {
    let thing = |(name, host): &(&str, &str)| {
        format!(
            "- object: {{apiVersion: v1, kind: Thing, metadata: {{name: {name}}}, spec: {{host: {host}}}}}\n"
        )
    };
    format!("why: a host stands once\nrace:\n{}{expect}", things.iter().map(thing).collect::<String>())
}

#[test]
fn a_policy_that_excludes_in_both_directions_admits_one_in_every_order() {
    let policy = double(UniqueHosts { excludes: |_, _| true, stance: Stance::Holds });
    let folder = suite(&[("case.yaml", &race(&[("a", "x"), ("b", "x")], ""))]);
    let report = run_in(folder.path(), &policy, OPTIONS);
    assert_eq!(report.cases[0].result, CaseResult::Passed);
    assert!(report.cases[0].states > 100, "{}", report.cases[0].states);
    assert!(report.cases[0].fired.contains("taken"));
    assert_eq!(problems(&policy, &race(&[("a", "x"), ("b", "x"), ("c", "x")], "")), Vec::<String>::new());
    assert_eq!(
        problems(&policy, &race(&[("a", "x"), ("b", "y")], "expect: {admitted: 2}\n")),
        Vec::<String>::new()
    );
    let found = problems(&policy, &race(&[("a", "x"), ("b", "x")], "expect: {admitted: 2}\n"));
    assert_eq!(found, ["race: at most 1 of the requests are admitted in any order, and 2 are expected"]);
}

#[test]
fn finds_a_policy_that_admits_both_in_one_order_only() {
    // A thing excludes only those after it in the alphabet: if b comes first, a is admitted, too.
    let policy = double(UniqueHosts { excludes: |own, other| own > other, stance: Stance::Holds });
    let folder = suite(&[("case.yaml", &race(&[("a", "x"), ("b", "x")], ""))]);
    let report = run_in(folder.path(), &policy, OPTIONS);
    let [problem] = report.cases[0].problems() else { panic!("{report:?}") };
    assert_eq!(
        line(problem),
        "race: request 1 (things default/a) and request 2 (things default/b) are all admitted, at most 1 may be; \
         this happens in the following order"
    );
    let Evidence::Steps(steps) = &problem.evidence else { panic!("{problem:?}") };
    let step = |text: &str| steps.iter().position(|step| step.contains(text));
    let reservation = |request: &str| step(&format!("{request} at replica 1 admits, and reserves its keys"));
    let (b, a) = (reservation("request 2 (things default/b)"), reservation("request 1 (things default/a)"));
    assert!(b.is_some() && b < a, "{steps:#?}");
}

#[test]
fn finds_a_policy_that_excludes_but_reserves_nothing() {
    let policy = double(UniqueHosts { excludes: |_, _| true, stance: Stance::Uses });
    let found = problems(&policy, &race(&[("a", "x"), ("b", "x")], ""));
    assert!(found[0].contains("are all admitted"), "{found:?}");
}

#[test]
fn a_file_is_checked_alike_by_any_build() {
    let check = |excludes: fn(&str, &str) -> bool, case: &str| {
        let folder = suite(&[("case.yaml", case)]);
        let build = Indexed(UniqueHosts { excludes, stance: Stance::Holds });
        check_file(&folder.path().join("case.yaml"), &build, Bless::No)
    };
    let thing =
        "why: x\nrequest: {object: {apiVersion: v1, kind: Thing, metadata: {name: a}, spec: {host: h}}}\n";
    let keys = format!("{thing}expect: {{allowed: true, keys: [{{realm: host, path: [h]}}]}}\n");
    assert_eq!(check(|_, _| true, &keys), Ok(()));
    let other = check(|_, _| true, &keys.replace("path: [h]", "path: [i]")).expect_err("another key");
    assert!(other.starts_with("x\nkeys: the object has other keys\n--- expected\n"), "{other}");
    let skipped = check(|_, _| true, &keys.replace("why: x", "why: x\nskip: not yet"));
    assert_eq!(skipped, Err("the case is skipped: not yet".to_owned()));

    let (same, apart) = (race(&[("a", "x"), ("b", "x")], ""), race(&[("a", "x"), ("b", "y")], ""));
    assert_eq!(check(|_, _| true, &same), Ok(()));
    assert_eq!(check(|_, _| true, &format!("{apart}expect: {{admitted: 2}}\n")), Ok(()));
    let both = check(|own, other| own > other, &same).expect_err("both are admitted");
    assert_eq!(
        both,
        "a host stands once\n2 requests are admitted one after the other, at most 1 may be\n\
         request 2 (things default/b) is admitted\nrequest 1 (things default/a) is admitted"
    );
    let one = check(|_, _| true, &format!("{same}expect: {{admitted: 2}}\n"));
    let expected =
        "a host stands once\nat most 1 of the requests are admitted in any order, and 2 are expected";
    assert_eq!(one, Err(expected.to_owned()));
}

#[test]
fn finds_that_the_calls_of_a_review_disagree() {
    struct Forgetful;
    impl PolicyFunctions for Forgetful {
        fn keys(&self, _: &Scope<'_>, _: &str, _: &str) -> Result<Vec<Key>, String> {
            Ok(vec![Key {
                realm: "r".to_owned(),
                path: Vec::new(),
                stance: Stance::Holds,
                note: "own".to_owned(),
            }])
        }

        fn review(
            &self,
            request: &Request<'_>,
            settings: &str,
            holdings: Option<&[Holding]>,
        ) -> Result<Outcome, String> {
            let mut keys = self.keys(&request.scope, "", settings)?;
            keys[0].note = "another".to_owned();
            Ok(if holdings.is_none() { Outcome::Needs(keys) } else { Outcome::Decided(Verdict::allow()) })
        }
    }
    let found = problems(&double(Forgetful), &admitted());
    assert!(found[0].starts_with("keys: keys returns what review does not ask for"), "{found:?}");

    struct Changing;
    impl PolicyFunctions for Changing {
        fn keys(&self, _: &Scope<'_>, _: &str, _: &str) -> Result<Vec<Key>, String> {
            Ok(Vec::new())
        }

        fn review(&self, _: &Request<'_>, _: &str, holdings: Option<&[Holding]>) -> Result<Outcome, String> {
            Ok(Outcome::Decided(if holdings.is_none() { Verdict::allow() } else { denial("changed") }))
        }
    }
    let found = problems(&double(Changing), &admitted());
    assert!(
        found[0].starts_with("resume: in the phase mutate, review without holdings gives another"),
        "{found:?}"
    );
}

#[test]
fn an_expectation_may_be_less_than_a_whole_verdict() {
    let policy = double(UniqueHosts { excludes: |_, _| true, stance: Stance::Holds });
    let case = |expect: &str| {
        format!(
            "why: x\nrequest: {{object: {{apiVersion: v1, kind: Thing, metadata: {{name: a}}, spec: {{host: h}}}}}}\nexpect: {{{expect}}}\n"
        )
    };
    for expect in [
        "allowed: true",
        "rules: []",
        "patched: {spec: {host: h}}",
        "keys: [{realm: host, path: [h]}]",
        "keys: [{realm: host, path: [h], stance: holds, note: ''}]",
    ] {
        assert_eq!(problems(&policy, &case(expect)), Vec::<String>::new(), "{expect}");
    }
    for (expect, problem) in [
        ("allowed: false", "expect: allowed: the request is admitted, expected: denied"),
        ("rules: [taken]", "expect: rules: other rules have findings"),
        ("messages: ['*x*']", "expect: messages: nothing matches \"*x*\"; * stands for any text"),
        ("patched: {spec: {host: i}}", "expect: patched: the object with the patch is another"),
        ("keys: []", "expect: keys: the object has other keys"),
        ("keys: [{realm: host, path: [h], stance: uses}]", "expect: keys: the object has other keys"),
    ] {
        assert_eq!(problems(&policy, &case(expect)), [problem], "{expect}");
    }
    let taken = "why: x\nstate: [{apiVersion: v1, kind: Thing, metadata: {name: b}, spec: {host: h}}]\n\
        request: {object: {apiVersion: v1, kind: Thing, metadata: {name: a}, spec: {host: h}}}\n\
        expect: {allowed: false, rules: [taken], messages: ['*is so*[taken]']}\n";
    assert_eq!(problems(&policy, taken), Vec::<String>::new());
    let found = problems(&policy, &taken.replace("*is so*", "*is not so*"));
    assert_eq!(found, ["expect: messages: nothing matches \"*is not so*[taken]\"; * stands for any text"]);
}

#[test]
fn a_suite_fails_for_stray_files_skipped_cases_and_rules_without_a_finding() {
    let mut policy = double(Rules(|_: &Request<'_>, _: &Value| Ok(Verdict::allow())));
    let rule = Rule {
        id: "never".to_owned(),
        title: "Never".to_owned(),
        severity: Severity::Deny,
        setting: String::new(),
        annotations: Vec::new(),
        explanation: String::new(),
    };
    policy.description.rules = vec![rule];
    let skipped = admitted().replace("request:", "skip: not yet\nrequest:");
    let folder = suite(&[
        ("case.yaml", &admitted()),
        ("note.txt", "x"),
        ("README.md", "x"),
        ("skipped.yaml", &skipped),
    ]);
    let mut report = run_in(folder.path(), &policy, OPTIONS);
    report.find_unfired(&policy);
    let counts = report.counts();
    assert_eq!((counts.passed, counts.skipped, counts.failed, counts.errors), (1, 1, 1, 0));
    assert_eq!(report.unfired, ["never"]);
    let style = SuiteTextStyle { color: false, command: Some("ordinance test") };
    let texts: String = report.cases.iter().map(|case| case_text(case, style)).collect();
    assert!(texts.contains("FAILED note.txt\n  suite: is not a case"), "{texts}");
    assert!(texts.contains("skipped skipped.yaml: not yet"), "{texts}");
    let summary = summary_text(&report, style);
    assert!(summary.ends_with("3 cases: 1 passed, 1 skipped, 1 failed; 1000 fuel\n"), "{summary}");
    assert!(summary.contains("no case has a finding of never; write one"), "{summary}");
    assert!(
        summary.contains("FAILED not every case ran; remove `skip`, or pass --allow-skipped"),
        "{summary}"
    );
    let only_skipped = suite(&[("skipped.yaml", &skipped)]);
    let mut skipping = run_in(only_skipped.path(), &policy, OPTIONS);
    assert!(!skipping.is_good());
    skipping.allows_skipped = true;
    assert!(skipping.is_good());
    let xml = junit(&report, "suite");
    for part in [
        "tests=\"4\" failures=\"2\" errors=\"0\" skipped=\"1\"",
        "name=\"case.yaml\"",
        "<skipped message=\"not yet\"/>",
    ] {
        assert!(xml.contains(part), "{xml}");
    }
}

#[test]
fn blessing_writes_whole_verdicts_but_no_expectation_of_less() {
    let policy = double(Rules(|_: &Request<'_>, _: &Value| Ok(denial("no"))));
    let unblessed = format!("why: x\nrequest: {{object: {THING}}}\n");
    let partial = admitted();
    let folder = suite(&[("a.yaml", &unblessed), ("b.yaml", &partial)]);
    let report = run_in(folder.path(), &policy, RunOptions { bless: true, ..OPTIONS });
    assert_eq!(report.cases[0].result, CaseResult::Blessed);
    assert!(matches!(report.cases[1].result, CaseResult::Failed(_)));
    assert_eq!(fs::read_to_string(folder.path().join("b.yaml")).expect("read"), partial);
    let again = run_in(folder.path(), &policy, OPTIONS);
    assert_eq!(again.cases[0].result, CaseResult::Passed);
}

#[test]
fn fuzzing_finds_a_failure_makes_it_small_and_writes_it_as_a_case_that_fails() {
    let policy = double(Rules(|_: &Request<'_>, object: &Value| {
        let containers = object.pointer("/spec/containers").ok_or("no containers")?;
        let is_bad = containers.as_array().is_some_and(|containers| containers.iter().any(Value::is_string));
        if is_bad { Err("the policy trapped: unreachable".to_owned()) } else { Ok(Verdict::allow()) }
    }));
    let thing = THING.replace("name: a}", "name: a, labels: {b: c}}");
    let case = format!("why: x\nrequest: {{object: {thing}}}\nexpect: {{allowed: true}}\n");
    let folder = suite(&[("case.yaml", &case)]);
    let files = vec![folder.path().join("case.yaml")];
    let options = FuzzOptions { time: Duration::from_secs(60), seed: 3, fuel: 10_000 };
    let failure = fuzz(&policy, &files, options).failure.expect("a failure");
    assert_eq!(failure.origin, files[0]);
    let object = failure.case.request.object.as_deref().expect("an object");
    assert!(!object.contains("labels"), "{object}");
    let file = write_case(folder.path(), &failure).expect("written");
    assert_eq!(file, folder.path().join("fuzz-1.yaml"));
    let report = run_in(folder.path(), &policy, OPTIONS);
    assert!(report.cases[0].problems().is_empty() && report.cases[1].has_error(), "{report:?}");
    let found = line(&report.cases[1].problems()[0]);
    assert_eq!(found, line(&failure.problem));
}

/// The keys of an object that contains `..` have a note that reviews do not ask for.
struct OddKeys;

impl PolicyFunctions for OddKeys {
    fn keys(&self, _: &Scope<'_>, object: &str, _: &str) -> Result<Vec<Key>, String> {
        let note = if object.contains("\"..\"") { "odd" } else { "" };
        let (realm, note) = ("r".to_owned(), note.to_owned());
        Ok(vec![Key { realm, path: Vec::new(), stance: Stance::Holds, note }])
    }

    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String> {
        match holdings {
            None => self.keys(&request.scope, "", settings).map(Outcome::Needs),
            Some(_) => Ok(Outcome::Decided(Verdict::allow())),
        }
    }
}

#[test]
fn fuzzing_checks_the_keys_and_finds_the_same_on_any_number_of_threads() {
    let folder = suite(&[("case.yaml", &admitted())]);
    let files = vec![folder.path().join("case.yaml")];
    let policy = double(OddKeys);
    let found = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let options = FuzzOptions { time: Duration::from_secs(60), seed, fuel: 10_000 };
        let FuzzReport { objects, failure } = pool.install(|| fuzz(&policy, &files, options));
        let FuzzFailure { case, problem, .. } = failure.expect("a failure");
        (objects, case.request.object, line(&problem))
    };
    let one = found(1, 5);
    assert!(one.2.starts_with("keys: keys returns what review does not ask for"), "{one:?}");
    assert_eq!(found(4, 5), one);
    assert_ne!(found(1, 6).0, one.0);
}
