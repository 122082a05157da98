//! `cargo xtask demo`: the founding story on a real host over TLS.
//!
//! The manifests are those of `deploy/examples/founding-story`. Each is sent as the API server would send it, first to
//! the mutating and then to the validating webhook. With `--cluster` kubectl sends them to a real API server.

mod host;
mod kubectl;
mod requests;
mod show;
mod story;

use crate::build::{self, Profile};
use anyhow::{Context, Result};
use std::path::{PathBuf, absolute};
use std::process::ExitCode;

/// How to show the story.
#[derive(clap::Args)]
pub struct Arguments {
    /// Use kubectl and a real API server with real controllers. Go builds them once, which takes some minutes.
    #[arg(long)]
    cluster: bool,
    /// The program to run; by default it is built from this checkout.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_BINARY")]
    binary: Option<PathBuf>,
}

/// Shows the story.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let binary = match &arguments.binary {
        Some(binary) => absolute(binary).context("the program to run")?,
        None => {
            build::wasm_target()?;
            build::binary("ordinance", Profile::Dev)?
        }
    };
    if arguments.cluster {
        kubectl::run(&binary)?
    } else {
        requests::run(&binary)?
    }
    Ok(ExitCode::SUCCESS)
}
