//! The patched object needs no further patch: not when it is reviewed again, and not in an update that changes nothing.

use crate::check::{is_mutated, with_object};
use crate::problem::CaseProblem;
use crate::world::{MutatedObject, World, mutated};
use ordinance_case::{Case, CheckName};
use ordinance_contract::{Operation, Phase, Request};

/// Reviews of one object after the first one. The API server may call a mutating webhook twice per request; further requests
/// follow.
pub(super) const ROUNDS: usize = 3;

/// The review after the one that patches.
const SECOND: usize = 2;

pub(super) fn idempotency(case: &Case, world: &World<'_>) -> Result<Option<CaseProblem>, String> {
    if !is_mutated(case) {
        return Ok(None);
    }
    let Some(first) = world.mutated(&case.request)? else { return Ok(None) };
    let again = with_object(&case.request, &first.object);
    let what = "the patched object";
    if let Some(problem) = stays(CheckName::Idempotency, world, &again, SECOND, what)? {
        return Ok(Some(problem));
    }
    if !case.request.scope.subresource.is_empty() {
        return Ok(None);
    }
    let update = Request { operation: Operation::Update, old_object: again.object.clone(), ..again };
    let what = "an update of the patched object that changes nothing";
    stays(CheckName::Idempotency, world, &update, SECOND, what)
}

/// Reviews a request whose object should need no patch, and its result, several times. `first` is the number of the first of these
/// reviews, in messages.
pub(super) fn stays(
    check: CheckName,
    world: &World<'_>,
    request: &Request<'static>,
    first: usize,
    what: &str,
) -> Result<Option<CaseProblem>, String> {
    let mut request = request.clone();
    for round in first..first + ROUNDS {
        let verdict = world.verdict_in(Phase::Mutate, &request)?;
        let object = request.object.clone().unwrap_or_default();
        if !verdict.is_allowed() {
            let rules: Vec<&str> = verdict.findings.iter().map(|finding| &*finding.rule).collect();
            let message = format!("review {round} denies {what}: {}", rules.join(", "));
            return Ok(Some(CaseProblem::check(check, message)));
        }
        let MutatedObject { patch, object } = mutated(&object, &verdict)?;
        if !patch.is_empty() {
            let message = format!("review {round} patches {what} again");
            return Ok(Some(CaseProblem::check(check, message).with_value(&patch)));
        }
        if request.operation == Operation::Update {
            request.old_object = Some(object.clone().into());
        }
        request.object = Some(object.into());
    }
    Ok(None)
}
