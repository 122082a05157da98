//! Test cases as files: what a policy must answer, and a runner for any build of it.
//!
//! A case is a YAML file: settings, the stored objects, an admission request, and what is expected of the mutating and of the
//! validating review. [`Case`] is a parsed file, [`run()`] gets the verdicts from a [`Build`] of a policy, [`mismatches`] compares
//! them with what is expected, and [`check_file`] does both, or writes the verdicts into the file. [`corpus`] checks whole
//! manifests, and [`check_recorded`] checks recorded reviews.

mod bless;
mod case;
pub mod corpus;
mod expectation;
mod file;
mod json;
mod race;
mod recorded_reviews;
mod run;
mod yaml;

pub use bless::bless;
pub use case::{
    Case, CheckName, ExpectedAnnotation, ExpectedFinding, ExpectedFix, ExpectedKey, ExpectedVerdict,
    ExpectedVerdicts, PartialExpectation, schema,
};
pub use expectation::{Evidence, Mismatch, mismatches};
pub use file::{Bless, check_file, files};
pub use race::race_request_name;
pub use recorded_reviews::{RecordedReview, check_recorded, recorded_reviews, recording_directories};
pub use run::{Build, Indexed, PolicyFunctions, run};
pub use yaml::to_text;
