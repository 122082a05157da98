//! What is wrong with a case: a failed expectation or check, or an error.

use ordinance_case::{CheckName, Evidence, Mismatch};
use serde::Serialize;

/// Something wrong with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseProblem {
    /// Where it was found.
    pub found_by: FoundBy,
    /// What is wrong, in one line.
    pub message: String,
    /// What shows it.
    pub evidence: Evidence,
}

/// What found a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// The policy or the file: there is no answer to compare.
    Error,
    /// The case's own expectation.
    Expectation,
    /// One of the checks.
    Check(CheckName),
    /// The exploration of a race.
    Race,
    /// The suite: the file is no case.
    Suite,
}

// === impl CaseProblem ===

impl CaseProblem {
    /// Returns an error: there is no answer.
    pub fn error(message: impl Into<String>) -> Self {
        Self { found_by: FoundBy::Error, message: message.into(), evidence: Evidence::None }
    }

    pub(crate) fn expectation(message: impl Into<String>) -> Self {
        Self { found_by: FoundBy::Expectation, ..Self::error(message) }
    }

    pub(crate) fn check(check: CheckName, message: impl Into<String>) -> Self {
        Self { found_by: FoundBy::Check(check), message: message.into(), evidence: Evidence::None }
    }

    pub(crate) fn race(message: impl Into<String>, steps: Vec<String>) -> Self {
        Self { found_by: FoundBy::Race, message: message.into(), evidence: Evidence::Steps(steps) }
    }

    pub(crate) fn suite(message: impl Into<String>) -> Self {
        Self { found_by: FoundBy::Suite, message: message.into(), evidence: Evidence::None }
    }

    /// Adds a value as evidence.
    #[must_use]
    pub(crate) fn with_value(self, value: &impl Serialize) -> Self {
        Self { evidence: Evidence::value(value), ..self }
    }

    /// Adds two values that should be equal.
    #[must_use]
    pub(crate) fn with_difference(self, expected: &impl Serialize, answered: &impl Serialize) -> Self {
        Self { evidence: Evidence::difference(expected, answered), ..self }
    }
}

impl From<Mismatch> for CaseProblem {
    fn from(Mismatch { message, evidence }: Mismatch) -> Self {
        Self { found_by: FoundBy::Expectation, message, evidence }
    }
}

// === impl FoundBy ===

impl FoundBy {
    /// Returns the name in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Expectation => "expect",
            Self::Check(check) => check.word(),
            Self::Race => "race",
            Self::Suite => "suite",
        }
    }
}
