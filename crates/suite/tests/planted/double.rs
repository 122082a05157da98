//! Policies that are written in Rust.

use ordinance_case::PolicyFunctions;
use ordinance_contract::{
    Description, FailurePolicy, Holding, Key, Operation, Outcome, Phase, Request, ReviewScope, Scope,
    Verdict, Watch,
};
use ordinance_suite::{ConfiguredPolicy, Lookup, ReviewTrace, TestedPolicy};
use std::sync::Arc;

/// A policy that watches `v1` `things`. Settings do not matter.
pub struct Double<P> {
    pub description: Description,
    functions: Arc<CostedFunctions<P>>,
}

/// Functions whose reviews burn this fuel.
struct CostedFunctions<P> {
    functions: P,
    fuel: u64,
}

/// Returns the policy with these functions.
pub fn double<P: PolicyFunctions>(functions: P) -> Double<P> {
    of_fuel(functions, 1_000)
}

/// Returns the policy with these functions, whose reviews burn this fuel.
pub fn of_fuel<P: PolicyFunctions>(functions: P, fuel: u64) -> Double<P> {
    let watch = Watch {
        group: String::new(),
        version: "v1".to_owned(),
        resource: "things".to_owned(),
        metadata_only: false,
        precedes: false,
    };
    let review = ReviewScope {
        name: "things".to_owned(),
        group: String::new(),
        version: "v1".to_owned(),
        resource: "things".to_owned(),
        subresource: String::new(),
        namespaced: true,
        operations: vec![Operation::Create, Operation::Update, Operation::Delete],
        phases: vec![Phase::Mutate, Phase::Validate],
        failure_policy: FailurePolicy::Fail,
        match_conditions: Vec::new(),
    };
    let description = Description {
        name: "double".to_owned(),
        version: "1.0.0".to_owned(),
        watches: vec![watch],
        reviews: vec![review],
        rules: Vec::new(),
        settings_schema: "{}".to_owned(),
    };
    Double { description, functions: Arc::new(CostedFunctions { functions, fuel }) }
}

impl<P: PolicyFunctions + Send + Sync + 'static> TestedPolicy for Double<P> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn with_settings(&self, _: &str) -> Result<Arc<dyn ConfiguredPolicy>, String> {
        Ok(Arc::clone(&self.functions) as Arc<dyn ConfiguredPolicy>)
    }
}

impl<P: PolicyFunctions + Send + Sync> ConfiguredPolicy for CostedFunctions<P> {
    fn keys(&self, scope: &Scope<'_>, object: &str) -> Result<Result<Vec<Key>, String>, String> {
        Ok(self.functions.keys(scope, object, ""))
    }

    fn review(&self, request: &Request<'_>, holdings: &[Holding]) -> Result<Verdict, String> {
        match self.functions.review(request, "", Some(holdings))? {
            Outcome::Decided(verdict) => Ok(verdict),
            Outcome::Needs(_) => Err("asked twice".to_owned()),
        }
    }

    fn ask(&self, request: &Request<'_>, lookup: Lookup<'_>) -> Result<ReviewTrace, String> {
        let fuel = Some(self.fuel);
        match self.functions.review(request, "", None)? {
            Outcome::Decided(verdict) => Ok(ReviewTrace { asked: None, verdict, fuel }),
            Outcome::Needs(keys) => {
                let holdings = lookup(&keys)?;
                let verdict = self.review(request, &holdings)?;
                Ok(ReviewTrace { asked: Some((keys, holdings)), verdict, fuel })
            }
        }
    }
}
