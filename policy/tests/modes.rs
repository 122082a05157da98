//! What the settings `mode: Isolate` and `mode: Warn` change, over every request of the cases and recordings.

#![expect(clippy::disallowed_types, reason = "the policy holds no global, its test does")]

use ordinance_case::{Build, Indexed};
use ordinance_contract::{Finding, Phase, Request, Severity, Verdict};
use ordinance_testkit::Native;
use ordinance_testkit::corpus::{Sample, samples};
use serde_json::{Value, json};
use std::sync::LazyLock;

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| samples().expect("cases and reviews can be read"));

/// The verdicts on one request, by mode.
#[derive(Debug)]
struct Verdicts {
    enforce: Verdict,
    isolate: Verdict,
    warn: Verdict,
}

impl Verdicts {
    /// Returns the verdicts in a phase.
    fn of(sample: &Sample, phase: Phase) -> Self {
        let request = Request { phase, ..sample.request.clone() };
        let verdict = |mode| {
            let settings = with_mode(&sample.settings, mode);
            Indexed(Native).verdict(&settings, &sample.state, &request).expect("a verdict")
        };
        Self { enforce: verdict("Enforce"), isolate: verdict("Isolate"), warn: verdict("Warn") }
    }
}

fn with_mode(settings: &str, mode: &str) -> String {
    let mut settings = match settings {
        "" => json!({}),
        text => serde_json::from_str::<Value>(text).expect("settings"),
    };
    settings["mode"] = json!(mode);
    settings.to_string()
}

/// Returns the names of the requests, with their phases, whose verdicts break a law.
fn broken(phases: &[Phase], holds: impl Fn(&Verdicts) -> bool) -> Vec<String> {
    assert!(SAMPLES.len() > 500, "{} requests", SAMPLES.len());
    let all = SAMPLES.iter().flat_map(|sample| phases.iter().map(move |phase| (sample, *phase)));
    let is_broken = |(sample, phase): &(&Sample, Phase)| !holds(&Verdicts::of(sample, *phase));
    all.filter(is_broken).map(|(sample, phase)| format!("{} ({})", sample.name, phase.word())).collect()
}

const NONE: [&str; 0] = [];
const PHASES: [Phase; 3] = [Phase::Mutate, Phase::Validate, Phase::Audit];

fn denials(verdict: &Verdict) -> Vec<&Finding> {
    verdict.findings.iter().filter(|finding| finding.severity == Severity::Deny).collect()
}

fn postponed(verdict: &Verdict) -> Vec<&Finding> {
    verdict.findings.iter().filter(|finding| finding.would_deny).collect()
}

#[test]
fn only_enforce_denies_and_only_the_other_modes_put_denials_off() {
    let broken = broken(&PHASES, |verdicts| {
        verdicts.isolate.is_allowed() && verdicts.warn.is_allowed() && postponed(&verdicts.enforce).is_empty()
    });
    assert_eq!(broken, NONE);
}

#[test]
fn isolate_patches_as_enforce_does_wherever_enforce_admits() {
    let broken = broken(&PHASES, |Verdicts { enforce, isolate, .. }| {
        let kind = |finding: &Finding| (finding.rule.clone(), finding.severity, finding.field.clone());
        let kinds = |verdict: &Verdict| verdict.findings.iter().map(kind).collect::<Vec<_>>();
        !enforce.is_allowed()
            || enforce.patch == isolate.patch
                && enforce.audit == isolate.audit
                && kinds(enforce) == kinds(isolate)
    });
    assert_eq!(broken, NONE);
}

#[test]
fn the_other_modes_mark_exactly_the_requests_that_enforce_denies() {
    let isolate = broken(&PHASES, |verdicts| verdicts.isolate.would_deny() != verdicts.enforce.is_allowed());
    // The validating call of `Enforce` denies a set that the mutating call would have patched; that of `Warn` does not.
    let warn = broken(&[Phase::Mutate, Phase::Audit], |verdicts| {
        verdicts.warn.would_deny() != verdicts.enforce.is_allowed()
    });
    assert_eq!((isolate, warn), (Vec::new(), Vec::new()));
}

#[test]
fn isolate_reports_every_denial_of_enforce_first_and_with_its_text() {
    let broken = broken(&PHASES, |Verdicts { enforce, isolate, .. }| {
        let (denials, postponed) = (denials(enforce), postponed(isolate));
        let is_same = |(denial, postponed): (&&Finding, &&Finding)| {
            (&denial.rule, &denial.fact, &denial.remedy)
                == (&postponed.rule, &postponed.fact, &postponed.remedy)
        };
        denials.len() <= postponed.len() && denials.iter().zip(&postponed).all(is_same)
    });
    assert_eq!(broken, NONE);
}
