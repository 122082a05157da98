//! Runs the requests of a race one after the other, in every order, as every build of a policy can.
//!
//! What happens when they overlap in time is a matter of the reservation protocol, and `ordinance-suite` explores it.

use crate::case::Case;
use crate::expectation::{Evidence, Mismatch};
use crate::recorded_reviews::store;
use crate::run::{Build, run_to_end};
use ordinance_contract::Scope;
use std::collections::BTreeSet;

/// Returns what is wrong with the answers to a race: more requests are admitted than may be, or fewer, or one never is.
pub(crate) fn in_turn(case: &Case, build: &dyn Build) -> Result<Vec<Mismatch>, String> {
    let limit = case.partial.admitted.unwrap_or(1);
    let (mut most, mut ever) = (0, BTreeSet::new());
    for order in orders(case.race.len()) {
        let admitted = admitted_in(case, build, &order)?;
        if admitted.len() > limit {
            return Ok(vec![too_many(case, limit, &order, &admitted)]);
        }
        most = most.max(admitted.len());
        ever.extend(admitted);
    }
    if let Some(never) = (0..case.race.len()).find(|request| !ever.contains(request)) {
        let message = format!("{} is admitted in no order, so the race shows nothing", name(case, never));
        return Ok(vec![Mismatch::new(message)]);
    }
    let message =
        format!("at most {most} of the requests are admitted in any order, and {limit} are expected");
    Ok((most < limit).then(|| Mismatch::new(message)).into_iter().collect())
}

fn too_many(case: &Case, limit: usize, order: &[usize], admitted: &BTreeSet<usize>) -> Mismatch {
    let steps = order.iter().map(|request| {
        let word = if admitted.contains(request) { "admitted" } else { "denied" };
        format!("{} is {word}", name(case, *request))
    });
    let message =
        format!("{} requests are admitted one after the other, at most {limit} may be", admitted.len());
    Mismatch { evidence: Evidence::Steps(steps.collect()), ..Mismatch::new(message) }
}

fn name(case: &Case, request: usize) -> String {
    let scope = case.race.get(request).map(|request| request.scope.borrowed());
    race_request_name(request, &scope.unwrap_or_default())
}

/// Returns a request of a race as reports name it, e.g. `request 1 (ingresses shop/web)`.
pub fn race_request_name(position: usize, scope: &Scope<'_>) -> String {
    let namespace = if scope.namespace.is_empty() { String::new() } else { format!("{}/", scope.namespace) };
    format!("request {} ({} {namespace}{})", position + 1, scope.resource, scope.name)
}

/// Returns the requests that are admitted in this order; each object that is admitted is stored for those after it.
fn admitted_in(case: &Case, build: &dyn Build, order: &[usize]) -> Result<BTreeSet<usize>, String> {
    let mut state = case.state.clone();
    let mut admitted = BTreeSet::new();
    for position in order {
        let Some(request) = case.race.get(*position) else { continue };
        let alone = Case { state: state.clone(), ..case.alone(request) };
        let (verdicts, validated) = run_to_end(&alone, build)?;
        if verdicts.all().all(|verdict| verdict.allowed) {
            store(&mut state, &validated);
            admitted.insert(*position);
        }
    }
    Ok(admitted)
}

/// Returns every order of some requests.
fn orders(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![Vec::new()], |orders, next| {
        let inserted = |order: &Vec<usize>| -> Vec<Vec<usize>> {
            let at = |position| [&order[..position], &[next], &order[position..]].concat();
            (0..=order.len()).map(at).collect()
        };
        orders.iter().flat_map(inserted).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_three_requests_is_tried_once() {
        let orders = orders(3);
        assert_eq!(orders.iter().collect::<BTreeSet<_>>().len(), 6);
        assert!(orders.iter().all(|order| order.iter().copied().collect::<BTreeSet<_>>().len() == 3));
    }
}
