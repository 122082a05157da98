//! The checks that every case passes through unless it opts out.

mod asked;
mod phases;
mod protocol;
mod reinvocation;
mod repetition;
mod unknown_fields;

pub(crate) use asked::{asked_contrary_to_case, asked_phases, unasked_request};

use crate::problem::CaseProblem;
use crate::world::World;
use ordinance_case::{Case, CheckName};
use ordinance_contract::{Operation, Phase, Request};

/// Where the object of a case comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectOrigin {
    /// It is that of the file.
    File,
    /// It was changed at random, so that the API server might refuse it.
    Fuzz,
}

/// Makes all checks that the case does not skip, and returns what they find. `fuel` is the budget of one review.
pub(crate) fn check(
    case: &Case,
    world: &World<'_>,
    fuel: u64,
    origin: ObjectOrigin,
) -> Result<Vec<CaseProblem>, String> {
    let mut problems = Vec::new();
    for check in CheckName::ALL.into_iter().filter(|check| !case.skip_checks.contains_key(check)) {
        let found = match check {
            // Fuzzing changes no request to another kind: the case itself has failed already.
            CheckName::Asked if origin == ObjectOrigin::Fuzz => None,
            CheckName::Asked => asked::unasked_request(case, world.description),
            CheckName::Resume => protocol::resume(case, world)?,
            CheckName::Keys => protocol::keys(case, world, origin)?,
            CheckName::Phases => phases::agreement(case, world)?,
            CheckName::Idempotency => repetition::idempotency(case, world)?,
            CheckName::Reinvocation => reinvocation::reinvocation(case, world)?,
            CheckName::UnknownFields => unknown_fields::survival(case, world)?,
            CheckName::Fuel => consumption(world, fuel),
        };
        problems.extend(found);
    }
    Ok(problems)
}

fn consumption(world: &World<'_>, budget: u64) -> Option<CaseProblem> {
    let used = world.fuel().filter(|used| *used > budget)?;
    let message = format!("a review burns {used} fuel, more than the budget of {budget}; see --fuel");
    Some(CaseProblem::check(CheckName::Fuel, message))
}

/// Returns whether a case is about a write that the mutating webhook may get.
fn is_mutated(case: &Case) -> bool {
    let is_write = matches!(case.request.operation, Operation::Create | Operation::Update);
    is_write && case.request.object.is_some() && !case.phases.contains(&Phase::Audit)
}

/// Returns the request for another object.
fn with_object(request: &Request<'static>, object: &str) -> Request<'static> {
    Request { object: Some(object.to_owned().into()), ..request.clone() }
}
