//! Plays scenarios as tests, chosen by name.

use crate::node::{self, NodeStage};
use crate::stage::Stage;
use crate::workshop::Workshop;
use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// No scenario takes longer.
const LIMIT: Duration = Duration::from_secs(300);

/// A story that must come out as it is told.
pub struct Scenario {
    name: String,
    play: Play,
}

/// How it is played: given a runtime, so that the story itself need not be `Send`.
type Play = (Needs, Box<dyn FnOnce(&Runtime, &Workshop) -> Result<()> + Send>);

/// What a scenario needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// A namespace on the cluster that all share.
    Stage,
    /// Clusters of its own, parts of which it stops.
    Workshop,
    /// Namespaces of its own, for a cluster with a node.
    Enclosure,
    /// What a node is made of, and it makes the namespaces itself.
    Node,
}

// === impl Scenario ===

impl Scenario {
    /// A scenario in a namespace of its own, on the cluster that all share.
    pub fn shared(name: &str, story: impl AsyncFnOnce(&Stage) -> Result<()> + Send + 'static) -> Self {
        let play = move |runtime: &Runtime, workshop: &Workshop| {
            runtime.block_on(bounded(async {
                let stage = Stage::set(workshop).await?;
                let told = story(&stage).await;
                stage.clear(workshop).await.and(told)
            }))
        };
        Self { name: name.to_owned(), play: (Needs::Stage, Box::new(play)) }
    }

    /// A scenario that makes clusters of its own.
    pub fn alone(name: &str, story: impl AsyncFnOnce(&Workshop) -> Result<()> + Send + 'static) -> Self {
        let play = move |runtime: &Runtime, workshop: &Workshop| runtime.block_on(bounded(story(workshop)));
        Self { name: name.to_owned(), play: (Needs::Workshop, Box::new(play)) }
    }

    /// A scenario whose pods really run, on a cluster of its own with a node. It is played by this program, run again in
    /// namespaces that exist for that.
    pub fn on_a_node(
        name: &str,
        story: impl AsyncFnOnce(&mut NodeStage) -> Result<()> + Send + 'static,
    ) -> Self {
        let title = name.to_owned();
        let play = move |runtime: &Runtime, workshop: &Workshop| {
            runtime.block_on(bounded(async { NodeStage::play(&title, workshop, story).await }))
        };
        Self { name: name.to_owned(), play: (Needs::Enclosure, Box::new(play)) }
    }

    /// A scenario about such namespaces, played outside of them.
    pub fn around_a_node(name: &str, story: impl AsyncFnOnce() -> Result<()> + Send + 'static) -> Self {
        let play = move |runtime: &Runtime, _: &Workshop| runtime.block_on(bounded(story()));
        Self { name: name.to_owned(), play: (Needs::Node, Box::new(play)) }
    }
}

async fn bounded(story: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(LIMIT, story).await.with_context(|| format!("it took longer than {} s", LIMIT.as_secs()))?
}

/// Plays what the command line chooses, and returns 0 if all came out well, 2 if nothing could be played.
#[must_use]
pub fn run(scenarios: Vec<Scenario>) -> ExitCode {
    if let Some(code) = ordinance_cluster::first() {
        return code;
    }
    match prepared() {
        Ok((runtime, workshop)) => match node::title() {
            Some(title) => play_inside(&title, scenarios, &runtime, &workshop),
            None => play(&Arguments::from_args(), scenarios, &runtime, &workshop),
        },
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn prepared() -> Result<(Arc<Runtime>, Arc<Workshop>)> {
    Ok((Arc::new(Runtime::new()?), Arc::new(Workshop::open()?)))
}

fn play(
    arguments: &Arguments,
    scenarios: Vec<Scenario>,
    runtime: &Arc<Runtime>,
    workshop: &Arc<Workshop>,
) -> ExitCode {
    let trials: Vec<Trial> =
        scenarios.into_iter().map(|scenario| trial(scenario, runtime, workshop)).collect();
    let passed_over = trials.iter().filter(|trial| trial.has_ignored_flag()).count();
    let conclusion = libtest_mimic::run(arguments, trials);
    if let Some(obstacle) = workshop.obstacle_to_nodes() {
        println!("No pod ran for real, and the scenarios that need it were passed over: {obstacle}");
    }
    if passed_over > 0 {
        println!(
            "{passed_over} scenarios were passed over: they stop parts of a cluster, and this one exists already"
        );
    }
    conclusion.exit_code()
}

/// Plays one scenario in the namespaces that were made for it.
fn play_inside(title: &str, scenarios: Vec<Scenario>, runtime: &Runtime, workshop: &Workshop) -> ExitCode {
    let scenario = scenarios.into_iter().find(|scenario| scenario.name == title);
    match scenario.map(|scenario| scenario.play.1(runtime, workshop)) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("{title}: {error:#}");
            ExitCode::FAILURE
        }
        None => ExitCode::from(2),
    }
}

fn trial(scenario: Scenario, runtime: &Arc<Runtime>, workshop: &Arc<Workshop>) -> Trial {
    let passed_over = scenario.play.0 != Needs::Stage && !workshop.makes_clusters();
    let (runtime, workshop) = (Arc::clone(runtime), Arc::clone(workshop));
    let trial = Trial::ignorable_test(scenario.name.clone(), move || {
        played(scenario, &runtime, &workshop).map_err(|error| Failed::from(format!("{error:#}")))
    });
    trial.with_ignored_flag(passed_over)
}

/// Plays a scenario, has it played in an enclosure, or says why this machine can't have one.
fn played(scenario: Scenario, runtime: &Runtime, workshop: &Workshop) -> Result<Completion> {
    let (needs, play) = scenario.play;
    if matches!(needs, Needs::Enclosure | Needs::Node)
        && let Some(obstacle) = runtime.block_on(workshop.try_nodes())?
    {
        return Ok(Completion::ignored_with(obstacle));
    }
    let played = match needs {
        Needs::Enclosure => runtime.block_on(bounded(node::enclosed(&scenario.name))),
        _ => play(runtime, workshop),
    };
    played.map(|()| Completion::Completed)
}
