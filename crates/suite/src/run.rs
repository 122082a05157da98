//! Runs the file of a case.

use crate::budget::RecordedFuel;
use crate::check::{ObjectOrigin, asked_contrary_to_case, asked_phases, check, unasked_request};
use crate::policy::TestedPolicy;
use crate::problem::{CaseProblem, FoundBy};
use crate::race;
use crate::world::World;
use ordinance_case::{Case, CheckName, ExpectedVerdicts, bless, mismatches, run, to_text};
use ordinance_contract::{Phase, Request};
use ordinance_files::{FilePlace, read_regular, save};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The largest file of a case, in bytes: an admission review has at most 3 MiB.
const CASE_BYTES: usize = 16 * 1024 * 1024;

/// The lines of an object that a report shows.
const EXCERPT_LINES: usize = 14;

/// How to run cases.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// Whether to write the verdicts into files that expect other whole verdicts, or nothing.
    pub bless: bool,
    /// The most fuel of one review.
    pub fuel: u64,
    /// The fuel of each case as it was recorded, if it was.
    pub recorded: Option<&'a RecordedFuel>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseResult {
    /// Everything is as expected.
    Passed,
    /// The verdicts were written into the file.
    Blessed,
    /// The case does not run, for this reason.
    Skipped(String),
    /// Something is wrong.
    Failed(Vec<CaseProblem>),
}

/// A file of a suite with its result.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// The file.
    pub path: PathBuf,
    /// The path in the suite's folder: the name of the case.
    pub name: String,
    /// Why the verdict is what it is; empty if the file can't be read.
    pub why: String,
    /// What became of it.
    pub result: CaseResult,
    /// The first lines of the object, as YAML.
    pub excerpt: String,
    /// The rules with a finding.
    pub fired: BTreeSet<String>,
    /// The most fuel of one of the case's own reviews.
    pub fuel: Option<u64>,
    /// The number of interleavings' states, for a race.
    pub states: usize,
    /// How long it took.
    pub time: Duration,
}

/// Runs the file of a case.
pub fn run_file(policy: &dyn TestedPolicy, path: &Path, name: &str, options: RunOptions<'_>) -> CaseReport {
    let start = Instant::now();
    let mut report = CaseReport {
        path: path.to_owned(),
        name: name.to_owned(),
        why: String::new(),
        result: CaseResult::Passed,
        excerpt: String::new(),
        fired: BTreeSet::new(),
        fuel: None,
        states: 0,
        time: Duration::ZERO,
    };
    report.result = match read(path) {
        Ok((text, case)) => {
            report.why.clone_from(&case.why);
            report.excerpt = excerpt(&case.request);
            run_text(policy, path, &text, &case, options, &mut report)
        }
        Err(problem) => CaseResult::Failed(vec![problem]),
    };
    report.time = start.elapsed();
    report
}

/// Reads the case of a file.
///
/// # Errors
///
/// The file can't be read or is no case.
pub fn read_case(path: &Path) -> Result<Case, CaseProblem> {
    read(path).map(|(_, case)| case)
}

/// Reads a case. A file of another name is not part of a suite.
fn read(path: &Path) -> Result<(String, Case), CaseProblem> {
    if path.extension().is_none_or(|extension| extension != "yaml") {
        let message = "is not a case: the name of a case ends in .yaml; move the file elsewhere";
        return Err(CaseProblem::suite(message));
    }
    let bytes = read_regular(path, CASE_BYTES).map_err(|error| CaseProblem::error(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| CaseProblem::error("the file is not UTF-8 text"))?;
    let case = Case::parse(&text).map_err(|error| CaseProblem::error(error.to_string()))?;
    Ok((text, case))
}

fn run_text(
    policy: &dyn TestedPolicy,
    path: &Path,
    text: &str,
    case: &Case,
    options: RunOptions<'_>,
    report: &mut CaseReport,
) -> CaseResult {
    if let Some(reason) = &case.skip {
        return CaseResult::Skipped(reason.clone());
    }
    match run_case(policy, case, options, report) {
        Ok((Some(answered), problems)) if options.bless && is_blessable(case, &problems) => {
            let others = problems.into_iter().filter(|problem| problem.found_by != FoundBy::Expectation);
            let written = write_verdicts(path, text, &answered).map_err(CaseProblem::error);
            let problems: Vec<CaseProblem> = written.err().into_iter().chain(others).collect();
            if problems.is_empty() { CaseResult::Blessed } else { CaseResult::Failed(problems) }
        }
        Ok((_, problems)) if problems.is_empty() => CaseResult::Passed,
        Ok((_, problems)) => CaseResult::Failed(problems),
        Err(message) => CaseResult::Failed(vec![CaseProblem::error(message)]),
    }
}

/// Returns whether blessing may write the whole verdicts: an expectation of less is written by hand.
fn is_blessable(case: &Case, problems: &[CaseProblem]) -> bool {
    case.partial.is_empty() && problems.iter().any(|problem| problem.found_by == FoundBy::Expectation)
}

fn write_verdicts(path: &Path, text: &str, verdicts: &ExpectedVerdicts) -> Result<(), String> {
    save(&FilePlace::of(path), text, &bless(text, verdicts)?).map_err(|error| format!("the file {error}"))
}

/// Returns the verdicts of a case, and its problems; a race has no verdicts.
fn run_case(
    policy: &dyn TestedPolicy,
    case: &Case,
    options: RunOptions<'_>,
    report: &mut CaseReport,
) -> Result<(Option<ExpectedVerdicts>, Vec<CaseProblem>), String> {
    if case.partial.asked == Some(false) {
        return Ok((None, asked_contrary_to_case(case, policy.description()).into_iter().collect()));
    }
    let world = World::new(policy, case)?;
    if !case.race.is_empty() {
        let unasked = unasked_request(case, world.description);
        if let Some(problem) = unasked.filter(|_| !case.skip_checks.contains_key(&CheckName::Asked)) {
            return Ok((None, vec![problem]));
        }
        let explored = race::explore(case, &world)?;
        report.states = explored.states;
        report.fired = explored.fired;
        return Ok((None, explored.problem.into_iter().collect()));
    }
    let answered = run(case, &world)?;
    let findings = answered.all().flat_map(|verdict| &verdict.findings);
    report.fired = findings.map(|finding| finding.rule.clone()).collect();
    report.fuel = world.fuel();
    let found = mismatches(case, &world, &answered)?;
    let asked = asked_phases(case, world.description);
    let mut problems: Vec<CaseProblem> = found.into_iter().map(CaseProblem::from).collect();
    problems.extend(missing_verdict(case, &asked));
    problems.extend(check(case, &world, options.fuel, ObjectOrigin::File)?);
    if let (Some(recorded), Some(fuel)) = (options.recorded, report.fuel)
        && !case.skip_checks.contains_key(&CheckName::Fuel)
    {
        problems.extend(recorded.compare(&report.name, fuel));
    }
    // A verdict that no API server asks for is never written into a file.
    let written = answered.only(|phase| asked.contains(&phase));
    Ok(((!asked.is_empty()).then_some(written), problems))
}

/// Returns a problem if a case with whole verdicts lacks that of a phase in which the policy is asked.
fn missing_verdict(case: &Case, asked: &[Phase]) -> Option<CaseProblem> {
    let expected = case.expect.as_ref()?;
    let missing = asked.iter().find(|phase| !expected.has(**phase))?;
    Some(CaseProblem::expectation(format!("{} is missing; --bless writes the verdict", missing.word())))
}

/// Checks a case without its expectations, as fuzzing does.
pub(crate) fn check_case(policy: &dyn TestedPolicy, case: &Case, fuel: u64) -> Vec<CaseProblem> {
    let checked = World::new(policy, case).and_then(|world| {
        run(case, &world)?;
        check(case, &world, fuel, ObjectOrigin::Fuzz)
    });
    checked.unwrap_or_else(|message| vec![CaseProblem::error(message)])
}

/// Returns the first lines of the object of a request, as YAML.
fn excerpt(request: &Request<'_>) -> String {
    let object = request.object.as_deref().or(request.old_object.as_deref()).unwrap_or_default();
    let object: Value = serde_json::from_str(object).unwrap_or_default();
    let text = to_text(&object);
    let mut lines: Vec<&str> = text.lines().take(EXCERPT_LINES).collect();
    if text.lines().count() > EXCERPT_LINES {
        lines.push("…");
    }
    lines.join("\n")
}

// === impl CaseReport ===

impl CaseReport {
    /// Returns the problems of a failed case.
    pub fn problems(&self) -> &[CaseProblem] {
        match &self.result {
            CaseResult::Failed(problems) => problems,
            _ => &[],
        }
    }

    /// Returns whether there was no answer to compare.
    pub fn has_error(&self) -> bool {
        self.problems().iter().any(|problem| problem.found_by == FoundBy::Error)
    }
}
