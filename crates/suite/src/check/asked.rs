//! The API server asks the policy about the request: otherwise an answer to it means nothing.

use crate::problem::{CaseProblem, FoundBy};
use ordinance_case::{Case, CheckName};
use ordinance_contract::{Description, Phase, Request};
use ordinance_report::{asked_requests, unasked};
use std::slice;

/// Returns the phases of a case in which the policy is asked. A case that skips the check is about all its phases.
pub(crate) fn asked_phases(case: &Case, description: &Description) -> Vec<Phase> {
    let Request { scope, operation, .. } = &case.request;
    let is_asked = |phase: &Phase| description.is_asked(scope, *operation, *phase);
    let skips = case.skip_checks.contains_key(&CheckName::Asked);
    case.phases.iter().copied().filter(|phase| skips || is_asked(phase)).collect()
}

/// Returns the first request of a case about which the policy is asked in no phase.
pub(crate) fn unasked_request(case: &Case, description: &Description) -> Option<CaseProblem> {
    let unasked = requests(case)
        .iter()
        .find_map(|request| unasked("the policy", description, request, &case.phases))?;
    Some(CaseProblem::check(CheckName::Asked, unasked).with_value(&asked_requests(description)))
}

/// Returns a problem if the policy is asked about the request of a case that expects that it is not.
pub(crate) fn asked_contrary_to_case(case: &Case, description: &Description) -> Option<CaseProblem> {
    let request = &case.request;
    let asked: Vec<&str> = case
        .phases
        .iter()
        .filter(|phase| description.is_asked(&request.scope, request.operation, **phase))
        .map(|phase| phase.word())
        .collect();
    let message = format!(
        "asked: the API server asks the policy about {} of {} ({}) in the phase {}",
        request.operation.word(),
        request.scope.group_resource(),
        request.scope.version,
        asked.join(" and ")
    );
    (!asked.is_empty()).then(|| CaseProblem { found_by: FoundBy::Expectation, ..CaseProblem::error(message) })
}

/// Returns the requests of a case.
fn requests(case: &Case) -> &[Request<'static>] {
    if case.race.is_empty() { slice::from_ref(&case.request) } else { &case.race }
}
