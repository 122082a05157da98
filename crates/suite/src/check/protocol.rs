//! The two calls of a review agree with the one call, and with `keys`.

use crate::check::{ObjectOrigin, is_mutated};
use crate::policy::ReviewTrace;
use crate::problem::CaseProblem;
use crate::world::World;
use ordinance_case::{Case, CheckName, Evidence, ExpectedVerdict};
use ordinance_contract::{Key, Operation, Phase, Request, Verdict};

/// A review that gets the holdings at once gives the verdict of one that asks for them.
pub(super) fn resume(case: &Case, world: &World<'_>) -> Result<Option<CaseProblem>, String> {
    for phase in &case.phases {
        let request = Request { phase: *phase, ..case.request.clone() };
        let ReviewTrace { asked, verdict, .. } = world.trace(&request)?;
        let (holdings, first) = match &asked {
            Some((_, holdings)) => (&**holdings, "resume"),
            None => (&[][..], "review without holdings"),
        };
        let at_once = world.review(&request, holdings)?;
        if at_once != verdict {
            let message = format!(
                "in the phase {}, {first} gives another verdict than review with the same holdings",
                phase.word()
            );
            let problem = CaseProblem::check(CheckName::Resume, message);
            return Ok(Some(problem.with_difference(&readable(verdict)?, &readable(at_once)?)));
        }
    }
    Ok(None)
}

fn readable(verdict: Verdict) -> Result<ExpectedVerdict, String> {
    ExpectedVerdict::try_from(verdict)
}

/// The keys of the object that a review admits are among those that it asks for. `keys` may refuse to read an object of fuzzing: it
/// gets only objects that the API server has stored.
pub(super) fn keys(
    case: &Case,
    world: &World<'_>,
    origin: ObjectOrigin,
) -> Result<Option<CaseProblem>, String> {
    let request = &case.request;
    if request.operation == Operation::Delete || !is_mutated(case) || !world.watches(&request.scope) {
        return Ok(None);
    }
    let Some(mutated) = world.mutated(request)? else { return Ok(None) };
    let object = Some((&*mutated.object).into());
    let admitting = Request { phase: Phase::Validate, object, ..request.clone() };
    let ReviewTrace { asked, verdict, .. } = world.trace(&admitting)?;
    if !verdict.is_allowed() {
        return Ok(None);
    }
    // A review that decides at once does not depend on other objects, and then the host asks for the keys itself.
    let Some((needs, _)) = asked else { return Ok(None) };
    let own = match world.keys(&request.scope, &mutated.object)? {
        Ok(own) => own,
        Err(_) if origin == ObjectOrigin::Fuzz => return Ok(None),
        Err(reason) => {
            let message = format!("review asks for keys of the object, but keys can't read it: {reason}");
            return Ok(Some(CaseProblem::check(CheckName::Keys, message)));
        }
    };
    let unasked: Vec<&Key> = own.iter().filter(|key| !needs.contains(key)).collect();
    if unasked.is_empty() {
        return Ok(None);
    }
    let message =
        "keys returns what review does not ask for, so the host indexes other keys at admission than later";
    let problem = CaseProblem::check(CheckName::Keys, message);
    Ok(Some(CaseProblem { evidence: Evidence::value(&unasked), ..problem }))
}
