//! `cargo xtask bench`: builds the benchmark and the binary `ordinance` as the image builds them, and runs the benchmark.
//!
//! The profile `release`, which links faster, is built too: the benchmark prints how much slower its evaluation is.

use crate::build::{self, Profile};
use crate::checkout;
use anyhow::Result;
use std::process::{Command, ExitCode};

/// The command line, which is passed to the benchmark unchanged.
#[derive(clap::Args)]
pub struct Arguments {
    /// Flags of the benchmark, e.g. `--output json`; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// The part of the benchmark that counts instructions.
const INSTRUCTIONS: &str = "instructions";

/// Builds and runs the benchmark, and returns its exit code.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    build::wasm_target()?;
    if arguments.rest.iter().any(|argument| argument == INSTRUCTIONS) {
        return count_instructions(arguments);
    }
    let ordinance = build::binary("ordinance", Profile::Dist)?;
    let bench = build::binary("ordinance-bench", Profile::Dist)?;
    let release_bench = build::binary("ordinance-bench", Profile::Release)?;
    let mut bench = Command::new(bench);
    bench.arg("--ordinance").arg(ordinance).arg("--release-bench").arg(release_bench);
    build::exit_code(bench.args(&arguments.rest).current_dir(checkout::root()))
}

/// Counts instructions, of the profile that is built fast: continuous integration has built most of it already.
fn count_instructions(arguments: &Arguments) -> Result<ExitCode> {
    build::valgrind()?;
    let mut bench = Command::new(build::binary("ordinance-bench", Profile::Release)?);
    build::exit_code(bench.args(&arguments.rest).current_dir(checkout::root()))
}
