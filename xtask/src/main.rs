//! The project's own commands: `cargo xtask demo` shows what Ordinance does, `cargo xtask test` runs every test.
//!
//! Each command is a module; this file only parses the command line and calls the command.

mod bench;
mod build;
mod checkout;
mod cluster;
mod demo;
mod drawing;
mod e2e;
mod fuzz;
mod javascript;
mod manifest;
#[cfg(feature = "npm")]
mod npm;
mod papers;
mod prove;
mod test;
mod wait;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show the founding story on a real TLS server on a loopback port, or with kubectl on a real API server.
    Demo(demo::Arguments),
    /// Run every test: native, as a component, in Node, and over real sockets.
    Test,
    /// Run the end-to-end scenarios: Ordinance behind a real API server, with kubectl and real controllers.
    E2e(e2e::Arguments),
    /// Start or stop a real control plane with Ordinance behind it, to try things by hand.
    #[command(subcommand)]
    Cluster(cluster::Action),
    /// Measure speed and memory, and compare the figures with the goals and with the stored baseline.
    Bench(bench::Arguments),
    /// Run long trials of properties that must always hold.
    #[command(subcommand)]
    Prove(prove::ProvenProperty),
    /// Create a policy in JavaScript, build it, run its cases, and let it deny a request, by a release build of `ordinance`.
    Javascript(javascript::Arguments),
    /// Fuzz one parser of foreign input for some seconds.
    Fuzz(fuzz::Arguments),
    /// Draw the founding story's map into `docs/founding-story.svg`.
    Drawing(drawing::Arguments),
    /// Render the chart into the manifests in `deploy/`.
    Manifest(manifest::Arguments),
    /// Build the npm package of the policy into `policy/js/pkg`.
    Npm,
    /// Run every command that README and docs show, and check the drawing.
    Papers,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test => test::run(),
        Task::E2e(arguments) => e2e::run(&arguments),
        Task::Cluster(action) => cluster::run(&action),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Prove(subject) => prove::run(&subject),
        Task::Javascript(arguments) => javascript::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Drawing(arguments) => drawing::run(&arguments),
        Task::Manifest(arguments) => manifest::run(&arguments),
        #[cfg(feature = "npm")]
        Task::Npm => npm::run(),
        #[cfg(not(feature = "npm"))]
        Task::Npm => build::rerun_with("npm"),
        Task::Papers => papers::run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
