//! The API server asks the policy about the request: otherwise an answer to it means nothing.

use crate::problem::CaseProblem;
use ordinance_case::{Case, CheckName};
use ordinance_contract::{Description, Phase, Request};
use ordinance_report::{asked_about, asked_requests, unasked};
use std::slice;

/// Returns the phases of a case in which the policy is asked. A case that skips the check is about all its phases.
pub(crate) fn asked_phases(case: &Case, description: &Description) -> Vec<Phase> {
    match case.skip_checks.contains_key(&CheckName::Asked) {
        true => case.phases.clone(),
        false => described_phases(case, description),
    }
}

/// Returns the phases of a case in which the policy's description says that it is asked.
fn described_phases(case: &Case, description: &Description) -> Vec<Phase> {
    let Request { scope, operation, .. } = &case.request;
    let is_asked = |phase: &Phase| description.is_asked(scope, *operation, *phase);
    case.phases.iter().copied().filter(is_asked).collect()
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
    let asked = described_phases(case, description);
    if asked.is_empty() {
        return None;
    }
    let phases: Vec<&str> = asked.iter().map(|phase| phase.word()).collect();
    Some(CaseProblem::expectation(format!(
        "asked: the API server asks the policy about {} in the phase {}",
        asked_about(&case.request),
        phases.join(" and ")
    )))
}

/// Returns the requests of a case.
fn requests(case: &Case) -> &[Request<'static>] {
    if case.race.is_empty() { slice::from_ref(&case.request) } else { &case.race }
}
