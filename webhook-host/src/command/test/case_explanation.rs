//! `--explain`: how the policy comes to its verdicts on a case, in the words of `ordinance review --explain`.

use super::engine_policy::EnginePolicy;
use crate::admission::Admission;
use crate::command::explanation::explanation;
use crate::limits::Limits;
use ordinance_case::{Build, Case, run};
use ordinance_contract::{Key, Request, Scope, Verdict};
use ordinance_manifests::Manifest;
use ordinance_suite::read_case;
use std::cell::RefCell;
use std::path::Path;
use std::time::Instant;

/// A policy that writes an explanation of each of its reviews.
struct ExplainedPolicy<'a> {
    policy: &'a EnginePolicy,
    limits: Limits,
    text: RefCell<String>,
}

/// Returns the explanations of a case's reviews, indented: in each phase, the validating one with the patch. The requests of a race are
/// reviewed one by one, on the objects that exist before the race. Empty if the file is no case, its settings are refused, or the
/// policy is not asked.
pub(super) fn case_explanation(policy: &EnginePolicy, path: &Path) -> String {
    let Ok(case) = read_case(path) else { return String::new() };
    if case.partial.asked == Some(false) {
        return String::new();
    }
    let explained = ExplainedPolicy { policy, limits: Limits::default(), text: RefCell::default() };
    for case in alone(case) {
        // The explanation of the last review says why there is no verdict.
        let _ = run(&case, &explained);
    }
    explained.text.into_inner().lines().map(|line| format!("  {line}\n")).collect()
}

/// Returns a case for each request.
fn alone(case: Case) -> Vec<Case> {
    if case.race.is_empty() {
        return vec![case];
    }
    case.race.iter().map(|request| case.alone(request)).collect()
}

impl Build for ExplainedPolicy<'_> {
    fn verdict(&self, settings: &str, state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String> {
        let policy = self.policy.loaded(settings)?;
        let admission = Admission::new(policy, &self.limits);
        let objects = state.iter().map(|object| (object.scope.clone(), object.json.as_str()));
        admission.fill(objects).map_err(|failure| failure.to_string())?;
        let trace = admission.trace(request, Instant::now() + self.limits.deadline);
        self.text.borrow_mut().push_str(&explanation(request, &trace));
        trace.outcome.map_err(|failure| failure.to_string())
    }

    fn keys(
        &self,
        settings: &str,
        scope: &Scope<'_>,
        object: &str,
    ) -> Result<Result<Vec<Key>, String>, String> {
        self.policy.loaded(settings)?.keys(scope, object).map_err(|failure| failure.to_string())
    }
}
