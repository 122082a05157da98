//! A policy that is a plain library, under test.

use crate::policy::{ConfiguredPolicy, Lookup, ReviewTrace, TestedPolicy};
use ordinance_case::PolicyFunctions;
use ordinance_contract::{Description, Holding, Key, Outcome, Request, Scope, Verdict};
use std::sync::Arc;

/// The functions of a policy with its description. No fuel is counted.
#[derive(Clone, Debug)]
pub struct LibraryPolicy<P> {
    description: Description,
    functions: P,
}

/// A library with the settings of a case.
struct ConfiguredLibrary<P> {
    functions: P,
    settings: String,
}

// === impl LibraryPolicy ===

impl<P> LibraryPolicy<P> {
    /// Returns the policy with these functions.
    pub fn new(description: Description, functions: P) -> Self {
        Self { description, functions }
    }
}

impl<P: PolicyFunctions + Clone + Send + Sync + 'static> TestedPolicy for LibraryPolicy<P> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn with_settings(&self, settings: &str) -> Result<Arc<dyn ConfiguredPolicy>, String> {
        Ok(Arc::new(ConfiguredLibrary { functions: self.functions.clone(), settings: settings.to_owned() }))
    }
}

// === impl ConfiguredLibrary ===

impl<P: PolicyFunctions + Send + Sync> ConfiguredPolicy for ConfiguredLibrary<P> {
    fn keys(&self, scope: &Scope<'_>, object: &str) -> Result<Result<Vec<Key>, String>, String> {
        Ok(self.functions.keys(scope, object, &self.settings))
    }

    fn review(&self, request: &Request<'_>, holdings: &[Holding]) -> Result<Verdict, String> {
        match self.functions.review(request, &self.settings, Some(holdings))? {
            Outcome::Decided(verdict) => Ok(verdict),
            Outcome::Needs(_) => Err("the policy asked for keys although it had the holdings".to_owned()),
        }
    }

    fn ask(&self, request: &Request<'_>, lookup: Lookup<'_>) -> Result<ReviewTrace, String> {
        let keys = match self.functions.review(request, &self.settings, None)? {
            Outcome::Decided(verdict) => return Ok(ReviewTrace { asked: None, verdict, fuel: None }),
            Outcome::Needs(keys) => keys,
        };
        let holdings = lookup(&keys)?;
        let verdict = self.review(request, &holdings)?;
        Ok(ReviewTrace { asked: Some((keys, holdings)), verdict, fuel: None })
    }
}
