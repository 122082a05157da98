//! Changes the objects of cases at random, and checks the policy's answers. What fails is made as small as possible.

mod case_file;
mod mutation;

use crate::policy::TestedPolicy;
use crate::problem::{CaseProblem, FoundBy};
use crate::run::{check_case, read_case};
use fastrand::Rng;
use mutation::{mutate, reductions, without};
use ordinance_case::Case;
use rayon::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use case_file::write_case;

/// The most changes of one object.
const CHANGES: usize = 4;

/// The most reductions that are tried of a failing object.
const REDUCTIONS: usize = 2_000;

/// Spreads the seeds of consecutive objects: the fraction of the golden ratio, as in SplitMix64.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// How long and how to change objects.
#[derive(Clone, Copy, Debug)]
pub struct FuzzOptions {
    /// How long.
    pub time: Duration,
    /// Where the random numbers start: the same seed changes the same objects, on any number of threads.
    pub seed: u64,
    /// The most fuel of one review.
    pub fuel: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct FuzzReport {
    /// The number of changed objects that were checked, up to the first failing one.
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

/// A search for a changed object on which the policy fails, by several threads.
struct FuzzSearch<'a> {
    policy: &'a dyn TestedPolicy,
    seeds: Vec<(&'a Path, Case)>,
    options: FuzzOptions,
    /// The number of the next changed object.
    next: AtomicU64,
    /// The lowest number of a failing object; the largest number if there is none.
    failed: AtomicU64,
    /// The failing object with the lowest number.
    first: Mutex<Option<FailingObject<'a>>>,
}

/// A changed object on which the policy fails.
struct FailingObject<'a> {
    number: u64,
    /// The file of the case from which it was made.
    origin: &'a Path,
    case: Case,
    problem: CaseProblem,
}

/// Changes the objects of the cases in these files until the time is over or something fails, on all threads of the current pool of
/// rayon. Files that are no cases are passed over: running them has told of them.
pub fn fuzz(policy: &dyn TestedPolicy, files: &[PathBuf], options: FuzzOptions) -> FuzzReport {
    let seeds: Vec<(&Path, Case)> =
        files.iter().filter_map(|file| Some((&**file, seed_case(file)?))).collect();
    let search = FuzzSearch {
        policy,
        seeds,
        options,
        next: AtomicU64::new(0),
        failed: AtomicU64::new(u64::MAX),
        first: Mutex::new(None),
    };
    let end = Instant::now() + options.time;
    rayon::broadcast(|_| search.run_until(end));
    let objects = search.next.into_inner();
    let Some(first) = search.first.into_inner().unwrap_or_else(PoisonError::into_inner) else {
        return FuzzReport { objects, failure: None };
    };
    let (case, problem) = shrunk(policy, first.case, first.problem, options.fuel);
    let failure = FuzzFailure { origin: first.origin.to_path_buf(), case, problem };
    FuzzReport { objects: first.number + 1, failure: Some(failure) }
}

// === impl FuzzSearch ===

impl<'a> FuzzSearch<'a> {
    /// Checks one changed object after the other until the time is over or one has failed. The objects before that one have been
    /// taken by some thread, and it finishes them.
    fn run_until(&self, end: Instant) {
        while !self.seeds.is_empty() && Instant::now() < end {
            // A thread that stops here has taken no number.
            if self.failed.load(Ordering::Relaxed) != u64::MAX {
                return;
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if let Some(failing) = self.failing(number) {
                self.report(failing);
            }
        }
    }

    /// Changes and checks the object of this number. Its random numbers depend on nothing else, so that neither the threads nor their
    /// number matter.
    fn failing(&self, number: u64) -> Option<FailingObject<'a>> {
        let mut random = Rng::with_seed(self.options.seed.wrapping_add(number.wrapping_mul(GOLDEN_RATIO)));
        let (origin, case) = self.seeds.get(random.usize(..self.seeds.len()))?;
        let case = changed(case, &mut random)?;
        let problem = problem_of(self.policy, &case, self.options.fuel)?;
        Some(FailingObject { number, origin, case, problem })
    }

    /// Keeps the failing object with the lowest number.
    fn report(&self, failing: FailingObject<'a>) {
        self.failed.fetch_min(failing.number, Ordering::Relaxed);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|first| failing.number < first.number) {
            *first = Some(failing);
        }
    }
}

/// Reads a case that has an object to change.
fn seed_case(file: &Path) -> Option<Case> {
    let case = read_case(file).ok()?;
    let is_called = case.skip.is_none() && case.partial.asked != Some(false);
    if !is_called || !case.race.is_empty() || case.request.object.is_none() {
        return None;
    }
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
    loop {
        let object = case.request.object.as_deref().and_then(|object| serde_json::from_str(object).ok());
        let Some(object): Option<Value> = object else { break };
        let mut pointers = reductions(&object);
        pointers.truncate(REDUCTIONS - tried);
        let reduced = pointers.par_iter().enumerate().find_map_first(|(position, pointer)| {
            let reduced = with_object(&case, &without(&object, pointer));
            let found = problem_of(policy, &reduced, fuel).filter(|found| is_same(found, &problem))?;
            Some((position, reduced, found))
        });
        let Some((position, smaller, found)) = reduced else { break };
        (case, problem) = (smaller, found);
        tried += position + 1;
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
