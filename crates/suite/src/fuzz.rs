//! Changes the objects of cases at random, and checks the policy's answers. What fails is made as small as possible.

mod case_file;
mod mutation;

use crate::policy::TestedPolicy;
use crate::problem::{CaseProblem, FoundBy};
use crate::run::check_case;
use fastrand::Rng;
use mutation::{mutate, reductions};
use ordinance_case::{Case, CheckName};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use case_file::write_case;

/// The most changes of one object.
const CHANGES: usize = 4;

/// The most reductions that are tried of a failing object.
const REDUCTIONS: usize = 2_000;

/// How long and how to change objects.
#[derive(Clone, Copy, Debug)]
pub struct FuzzOptions {
    /// How long.
    pub time: Duration,
    /// Where the random numbers start: the same seed changes the same objects.
    pub seed: u64,
    /// The most fuel of one review.
    pub fuel: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct FuzzReport {
    /// The number of changed objects that were checked.
    pub objects: u64,
    /// The first failure, if there is one.
    pub failure: Option<FuzzFailure>,
}

/// A changed object on which the policy fails, made small.
#[derive(Clone, Debug)]
pub struct FuzzFailure {
    /// The file of the case from which it was made.
    pub origin: PathBuf,
    /// The smallest case that fails in the same way.
    pub case: Case,
    /// What is wrong.
    pub problem: CaseProblem,
}

/// Changes the objects of the cases in these files until the time is over or something fails. Files that are no cases are passed
/// over: running them has told of them.
pub fn fuzz(policy: &dyn TestedPolicy, files: &[PathBuf], options: FuzzOptions) -> FuzzReport {
    let seeds: Vec<(&Path, Case)> =
        files.iter().filter_map(|file| Some((&**file, seed_case(file)?))).collect();
    let (mut random, end) = (Rng::with_seed(options.seed), Instant::now() + options.time);
    let mut objects = 0;
    while !seeds.is_empty() && Instant::now() < end {
        let Some((origin, case)) = seeds.get(random.usize(..seeds.len())) else { break };
        let Some(changed) = changed(case, &mut random) else { continue };
        objects += 1;
        if let Some(problem) = problem_of(policy, &changed, options.fuel) {
            let (case, problem) = shrunk(policy, changed, problem, options.fuel);
            let failure = FuzzFailure { origin: origin.to_path_buf(), case, problem };
            return FuzzReport { objects, failure: Some(failure) };
        }
    }
    FuzzReport { objects, failure: None }
}

/// Reads a case that has an object to change.
fn seed_case(file: &Path) -> Option<Case> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut case = Case::parse(&text).ok()?;
    if case.skip.is_some() || !case.race.is_empty() || case.request.object.is_none() {
        return None;
    }
    // Keys are those of stored objects, which the API server has checked. It would refuse most changed ones.
    case.skip_checks.entry(CheckName::Keys).or_insert_with(|| "not of a stored object".to_owned());
    Some(case)
}

/// Returns the case with a changed object; `None` if its object is not JSON.
fn changed(case: &Case, random: &mut Rng) -> Option<Case> {
    let mut object: Value = serde_json::from_str(case.request.object.as_deref()?).ok()?;
    for _ in 0..random.usize(1..=CHANGES) {
        mutate(&mut object, random);
    }
    Some(with_object(case, &object))
}

fn with_object(case: &Case, object: &Value) -> Case {
    let mut changed = case.clone();
    changed.request.object = Some(object.to_string().into());
    changed
}

/// Returns the first problem of a case's answers.
fn problem_of(policy: &dyn TestedPolicy, case: &Case, fuel: u64) -> Option<CaseProblem> {
    check_case(policy, case, fuel).into_iter().next()
}

/// Makes a failing case smaller as long as it fails in the same way.
fn shrunk(policy: &dyn TestedPolicy, case: Case, problem: CaseProblem, fuel: u64) -> (Case, CaseProblem) {
    let (mut case, mut problem) = (case, problem);
    let mut tried = 0;
    if !case.state.is_empty() {
        let without = Case { state: Vec::new(), ..case.clone() };
        if let Some(found) = problem_of(policy, &without, fuel).filter(|found| is_same(found, &problem)) {
            (case, problem) = (without, found);
        }
    }
    'smaller: loop {
        let object = case.request.object.as_deref().and_then(|object| serde_json::from_str(object).ok());
        let Some(object): Option<Value> = object else { break };
        for smaller in reductions(&object) {
            tried += 1;
            if tried > REDUCTIONS {
                break 'smaller;
            }
            let reduced = with_object(&case, &smaller);
            if let Some(found) = problem_of(policy, &reduced, fuel).filter(|found| is_same(found, &problem)) {
                (case, problem) = (reduced, found);
                continue 'smaller;
            }
        }
        break;
    }
    (case, problem)
}

/// Returns whether two problems are of one kind: found by the same check, or errors that begin with the same words.
fn is_same(one: &CaseProblem, other: &CaseProblem) -> bool {
    let kind = |problem: &CaseProblem| match problem.found_by {
        FoundBy::Error => problem.message.split(':').take(2).collect::<Vec<_>>().join(":"),
        _ => String::new(),
    };
    one.found_by == other.found_by && kind(one) == kind(other)
}
