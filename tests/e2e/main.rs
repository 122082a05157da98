//! Ordinance on a real API server. `cargo xtask e2e [FILTER]` runs this with all that it needs.

mod story;
mod updates;

use std::process::ExitCode;

fn main() -> ExitCode {
    ordinance_e2e::run([story::scenarios(), updates::scenarios()].into_iter().flatten().collect())
}
