//! Ordinance beside another admission webhook, which a command line starts: both answer the same review, measured in turn.

use crate::effort::Effort;
use crate::load;
use crate::process::{Program, ServerIdentity, ServerProcess};
use crate::server::{REVIEW, Rounds, ratios};
use anyhow::Result;
use bytes::Bytes;
use ordinance_testkit::figures::{Better, Figure, Figures, median};
use std::path::Path;
use std::time::Duration;

/// The other server.
#[derive(clap::Args)]
pub struct Arguments {
    /// The path at which it reviews StatefulSets.
    #[arg(long, default_value = "/validate/storage")]
    path: String,
    /// The command that starts it, on 127.0.0.1 with TLS; {port}, {cert} and {key} are replaced by its port and by the files of a
    /// certificate for `localhost` and its key.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// The measurements of one server.
#[derive(Default)]
struct Measured {
    rounds: Rounds,
    start: f64,
    idle: f64,
    loaded: f64,
}

/// Measures both servers.
pub fn measure(figures: &mut Figures, effort: Effort, ordinance: &Path, arguments: &Arguments) -> Result<()> {
    let other = Program::Other { command: &arguments.command, path: &arguments.path };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let [ours, others] = runtime.block_on(measured(effort, [Program::Ordinance(ordinance), other]))?;
    add(figures, &ours, &others);
    Ok(())
}

/// Starts both servers, and measures them in turn, at the same rate for the latency: half of what the slower one can do.
async fn measured(effort: Effort, programs: [Program<'_>; 2]) -> Result<[Measured; 2]> {
    let identity = ServerIdentity::new()?;
    let mut servers = Vec::new();
    for program in &programs {
        let server = ServerProcess::start(program, &identity, &Bytes::from_static(REVIEW)).await?;
        let (start, idle) = (1e3 * server.first_verdict.as_secs_f64(), server.resident()?);
        servers.push((server, Measured { start, idle, ..Measured::default() }));
    }
    for (server, _) in &servers {
        load::closed_loop(&server.target, Duration::from_millis(500)).await?;
    }
    for _ in 0..effort.rounds {
        for (server, measured) in &mut servers {
            measured.rounds.closed_loop(server, effort.time).await?;
        }
    }
    let rates = servers.iter().map(|(_, measured)| median(&measured.rounds.rate));
    let half = rates.fold(f64::INFINITY, f64::min) / 2.0;
    for _ in 0..effort.rounds {
        for (server, measured) in &mut servers {
            measured.rounds.open_loop(&server.target, half, effort.time).await?;
        }
    }
    let finish = |(server, measured): (ServerProcess, Measured)| {
        Ok(Measured { loaded: server.resident()?, ..measured })
    };
    let measured = servers.into_iter().map(finish).collect::<Result<Vec<_>>>()?;
    measured.try_into().map_err(|_| anyhow::anyhow!("two servers were measured"))
}

fn add(figures: &mut Figures, ours: &Measured, others: &Measured) {
    use Better::{Higher, Lower};
    let mut compare = |name: &str, unit, better, ours: &[f64], others: &[f64]| {
        let add = |figures: &mut Figures, whose: &str, unit, rounds: &[f64]| {
            figures.add(Figure::measured(&format!("{name}, {whose}"), unit, better, None, rounds));
        };
        add(figures, "Ordinance", unit, ours);
        add(figures, "the other", unit, others);
        add(figures, "Ordinance / the other", "ratio", &ratios(ours, others));
    };
    compare("throughput", "1/s", Higher, &ours.rounds.rate, &others.rounds.rate);
    compare("server CPU per request", "us", Lower, &ours.rounds.cpu, &others.rounds.cpu);
    compare("p99 at one rate", "ms", Lower, &ours.rounds.p99, &others.rounds.p99);
    compare("start to first verdict", "ms", Lower, &[ours.start], &[others.start]);
    compare("resident memory, idle", "MB", Lower, &[ours.idle], &[others.idle]);
    compare("resident memory, after the load", "MB", Lower, &[ours.loaded], &[others.loaded]);
}
