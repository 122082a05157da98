//! Cases as files: what a policy must answer, and a runner for any build of it.
//!
//! A case is a YAML file: settings, the objects that exist, a request, and the whole verdict that is expected of the
//! mutating and of the validating call. [`Case`] is such a file read, [`run()`] asks a [`Build`] of a policy, and [`bless()`]
//! writes what it answered into the file. [`corpus`] is the same for whole manifests.

mod bless;
pub mod corpus;
mod file;
mod format;
mod json;
mod recorded;
mod run;
mod yaml;

pub use bless::bless;
pub use file::{Bless, check_file, files};
pub use format::{Answer, Case, Expect, ExpectedAnnotation, ExpectedFinding, ExpectedFix, schema};
pub use recorded::{Recorded, check_recorded, recorded, recordings};
pub use run::{Build, Indexed, Policy, run};
