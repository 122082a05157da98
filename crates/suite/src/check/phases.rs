//! The validating review admits what the mutating review admits, with its patch.

use crate::check::{is_mutated, with_object};
use crate::problem::CaseProblem;
use crate::world::World;
use ordinance_case::{Case, CheckName, ExpectedVerdict};
use ordinance_contract::Phase;

pub(super) fn agreement(case: &Case, world: &World<'_>) -> Result<Option<CaseProblem>, String> {
    if !is_mutated(case) {
        return Ok(None);
    }
    let Some(mutated) = world.mutated(&case.request)? else { return Ok(None) };
    let patched = with_object(&case.request, &mutated.object);
    let verdict = world.verdict_in(Phase::Validate, &patched)?;
    if verdict.is_allowed() {
        return Ok(None);
    }
    let message =
        "the mutating review admits the request, but the validating review denies it with the patch";
    let verdict = ExpectedVerdict::try_from(verdict)?;
    Ok(Some(CaseProblem::check(CheckName::Phases, message).with_value(&verdict.findings)))
}
