//! The policy under test: the functions of the contract, as an engine or a library answers them.

use ordinance_contract::{Description, HOLDINGS, Holding, Key, Request, Scope, Verdict};
use ordinance_index::Index;
use std::sync::Arc;

/// A policy that cases can give any settings.
pub trait TestedPolicy: Sync {
    /// Returns the policy's description of itself.
    fn description(&self) -> &Description;

    /// Returns the policy with these settings, in JSON; empty settings are the defaults.
    ///
    /// # Errors
    ///
    /// Why the policy can't use them, in one line.
    fn with_settings(&self, settings: &str) -> Result<Arc<dyn ConfiguredPolicy>, String>;
}

/// A policy with settings. Errors say in one line why there is no answer.
pub trait ConfiguredPolicy: Send + Sync {
    /// Returns the keys of a stored object, or why the policy can't read it.
    ///
    /// # Errors
    ///
    /// The policy gave no answer.
    fn keys(&self, scope: &Scope<'_>, object: &str) -> Result<Result<Vec<Key>, String>, String>;

    /// Returns the verdict of one call with these holdings.
    ///
    /// # Errors
    ///
    /// The policy gave no verdict.
    fn review(&self, request: &Request<'_>, holdings: &[Holding]) -> Result<Verdict, String>;

    /// Reviews as a host does: without holdings first, and then, if the policy asks for keys, with those that `lookup`
    /// returns.
    ///
    /// # Errors
    ///
    /// The policy gave no verdict, or `lookup` no holdings.
    fn ask(&self, request: &Request<'_>, lookup: Lookup<'_>) -> Result<ReviewTrace, String>;
}

/// Returns the holdings that overlap keys.
pub type Lookup<'a> = &'a mut dyn FnMut(&[Key]) -> Result<Vec<Holding>, String>;

/// A review, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewTrace {
    /// The keys that the policy asked for, with the holdings that it got; `None` if it decided at once.
    pub asked: Option<(Vec<Key>, Vec<Holding>)>,
    /// The verdict.
    pub verdict: Verdict,
    /// The fuel that the review burned; `None` if it was not counted.
    pub fuel: Option<u64>,
}

/// Returns the holdings of an index that overlap the keys of an object.
pub(crate) fn overlaps(index: &Index, keys: &[Key], object: &Scope<'_>) -> Result<Vec<Holding>, String> {
    index.overlaps(keys, object, HOLDINGS).map_err(|error| error.to_string())
}
