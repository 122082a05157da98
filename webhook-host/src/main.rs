//! The binary `ordinance`: everything it does is in the library.

use ordinance::command;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Fails only if a provider is installed already, and nothing ran before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match command::parse(std::env::args_os()) {
        Ok(invocation) => command::run(&invocation).into(),
        Err(usage) => usage.print().into(),
    }
}
