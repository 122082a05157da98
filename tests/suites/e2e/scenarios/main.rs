//! Scenarios with Ordinance behind a real API server. `cargo xtask e2e [FILTER]` finds or builds the programs and runs
//! them.

mod audit;
mod callers;
mod certificates;
mod conformance;
mod helm;
mod load;
mod node;
mod operations;
mod outage;
mod replicas;
mod reports;
mod reservations;
mod storage;
mod story;
mod updates;

use std::process::ExitCode;

fn main() -> ExitCode {
    let all = [
        story::scenarios(),
        updates::scenarios(),
        replicas::scenarios(),
        reservations::scenarios(),
        outage::scenarios(),
        helm::scenarios(),
        node::scenarios(),
        conformance::scenarios(),
        operations::scenarios(),
        storage::scenarios(),
        callers::scenarios(),
        certificates::scenarios(),
        audit::scenarios(),
        reports::scenarios(),
    ];
    ordinance_e2e::run(all.into_iter().flatten().collect())
}
