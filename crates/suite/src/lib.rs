//! Runs suites of cases against a policy.
//!
//! A suite is a folder of cases in the format of `ordinance-case`. A case passes if the policy answers as the case expects, and
//! if the answers pass the checks that every policy must pass, unless the case opts out with a reason. The cases of a race are
//! explored in every order. A [`TestedPolicy`] is a policy of an engine, or a library ([`LibraryPolicy`]).

mod budget;
mod check;
mod fuzz;
mod junit;
mod library;
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
pub use library::LibraryPolicy;
pub use policy::{ConfiguredPolicy, Lookup, ReviewTrace, TestedPolicy};
pub use problem::{CaseProblem, FoundBy};
pub use run::{CaseReport, CaseResult, RunOptions, read_case, run_file};
pub use suite::{SuiteCounts, SuiteFile, SuiteReport, run_suite, suite_files};
pub use text::{SuiteTextStyle, case_text, summary_text};
