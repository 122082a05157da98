//! Runs suites of cases against a policy.
//!
//! A suite is a folder of cases in the format of `ordinance-case`. A case passes if the policy answers as the case expects, and
//! if the answers pass the checks that every policy must pass, unless the case opts out with a reason. The cases of a race are
//! explored in every order. [`EnginePolicy`] is a policy of the engine; tests use doubles.

mod budget;
mod check;
mod expectation;
mod fuzz;
mod junit;
mod policy;
mod problem;
mod race;
mod run;
mod suite;
mod text;
mod world;

pub use budget::{FUEL_FILE, RecordedFuel};
pub use fuzz::{FuzzFailure, FuzzOptions, FuzzReport, fuzz, write_case};
pub use junit::junit;
pub use policy::{ConfiguredPolicy, EnginePolicy, Lookup, ReviewTrace, TestedPolicy};
pub use problem::{CaseProblem, Evidence, FoundBy};
pub use run::{CaseReport, CaseResult, RunOptions, run_file};
pub use suite::{SuiteCounts, SuiteFile, SuiteReport, run_suite, suite_files};
pub use text::{SuiteTextStyle, case_text, summary_text};
