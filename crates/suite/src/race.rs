//! Requests that arrive together: every order of what happens to them at two replicas, over the reservation protocol.
//!
//! A replica reviews a request on what its watches have reported, reserves the keys that the object is about to hold, judges it
//! again on the reservations before its own, and answers; the API server stores what is admitted. Each of these steps may happen
//! at any time, and so does each report of a watch. No step fails: that the protocol survives faults is proven elsewhere, and
//! here the policy is on trial.

mod cluster;
mod reviews;

use crate::problem::CaseProblem;
use crate::world::World;
use cluster::{Progress, RaceState, RaceStep};
use ordinance_case::Case;
use reviews::RaceReviews;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

/// The most states of one race. Two requests have some hundreds, three some ten thousands.
const STATES: usize = 400_000;

/// The result of an exploration.
pub(crate) struct Explored {
    /// The number of states that can be reached.
    pub(crate) states: usize,
    /// The rules with a finding in any state.
    pub(crate) fired: BTreeSet<String>,
    /// What is wrong, with the shortest interleaving that shows it.
    pub(crate) problem: Option<CaseProblem>,
}

/// How a state was reached: from which one, and by what.
type Origins = HashMap<Rc<RaceState>, Option<(Rc<RaceState>, RaceStep)>>;

/// Explores every interleaving of a race, the shortest first.
pub(crate) fn explore(case: &Case, world: &World<'_>) -> Result<Explored, String> {
    let reviews = RaceReviews::new(case, world)?;
    let limit = case.partial.admitted.unwrap_or(1);
    let start = Rc::new(RaceState::new(case.race.len()));
    let mut origins: Origins = HashMap::from([(Rc::clone(&start), None)]);
    let mut queue = VecDeque::from([start]);
    let (mut most, mut ever) = (0, BTreeSet::new());
    while let Some(state) = queue.pop_front() {
        let admitted = state.admitted();
        if admitted.len() > limit {
            let problem = too_many(&reviews, limit, &admitted, events(&origins, &state, &reviews)?);
            return Ok(reviews.explored(origins.len(), Some(problem)));
        }
        most = most.max(admitted.len());
        ever.extend(admitted);
        for step in state.steps() {
            let next = Rc::new(state.after(&step, &reviews)?.0);
            if !origins.contains_key(&next) {
                origins.insert(Rc::clone(&next), Some((Rc::clone(&state), step)));
                queue.push_back(next);
            }
        }
        if origins.len() > STATES {
            return Err(format!("the race has more than {STATES} states; use fewer requests or keys"));
        }
    }
    let unseen = (0..reviews.len()).find(|request| !ever.contains(request));
    let problem = match unseen {
        Some(request) => Some(never_admitted(&origins, &reviews, request)?),
        None => (most < limit).then(|| too_few(limit, most)),
    };
    Ok(reviews.explored(origins.len(), problem))
}

fn too_many(
    reviews: &RaceReviews<'_>,
    limit: usize,
    admitted: &BTreeSet<usize>,
    steps: Vec<String>,
) -> CaseProblem {
    let names: Vec<String> = admitted.iter().map(|request| reviews.name(*request)).collect();
    let message = format!(
        "{} are all admitted, at most {limit} may be; this happens in the following order",
        names.join(" and ")
    );
    CaseProblem::race(message, steps)
}

fn too_few(limit: usize, most: usize) -> CaseProblem {
    let message =
        format!("at most {most} of the requests are admitted in any order, and {limit} are expected");
    CaseProblem::race(message, Vec::new())
}

/// Returns the problem of a request that is admitted in no order: then the race shows nothing.
fn never_admitted(
    origins: &Origins,
    reviews: &RaceReviews<'_>,
    request: usize,
) -> Result<CaseProblem, String> {
    let is_denied = |state: &&Rc<RaceState>| state.progress(request) == Some(&Progress::Denied);
    let orders = origins.keys().filter(is_denied).map(|state| events(origins, state, reviews));
    let orders = orders.collect::<Result<Vec<_>, _>>()?;
    let shortest = orders.into_iter().min_by_key(|events| (events.len(), events.join("\n")));
    let message = format!("{} is admitted in no order, so the race shows nothing", reviews.name(request));
    Ok(CaseProblem::race(message, shortest.unwrap_or_default()))
}

/// Returns what happened up to a state.
fn events(origins: &Origins, state: &RaceState, reviews: &RaceReviews<'_>) -> Result<Vec<String>, String> {
    let mut events = Vec::new();
    let mut at = state;
    while let Some(Some((before, step))) = origins.get(at) {
        events.push(before.after(step, reviews)?.1);
        at = before;
    }
    events.reverse();
    Ok(events)
}
