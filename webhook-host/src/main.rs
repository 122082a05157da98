//! The binary `ordinance`, a thin shell around the library.

use ordinance::command;
use std::process::ExitCode;

fn main() -> ExitCode {
    // This fails only if a provider is installed already, and this is the first statement of the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match command::parse(std::env::args_os()) {
        Ok(invocation) => command::run(&invocation).into(),
        Err(usage) => usage.print().into(),
    }
}
