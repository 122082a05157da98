//! Runs scenarios as tests that are selected by name.

use crate::clusters::TestClusters;
use crate::namespace::TestNamespace;
use crate::node_cluster::{self, NodeCluster};
use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// The time that a scenario may take.
const LIMIT: Duration = Duration::from_secs(300);

/// A named test on a cluster.
pub struct Scenario {
    name: String,
    needs: Needs,
    body: Body,
}

/// The code of a scenario. It gets a runtime, so that its future need not be `Send`.
type Body = Box<dyn FnOnce(&Runtime, &TestClusters) -> Result<()> + Send>;

/// The environment that a scenario needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// A namespace on the shared cluster.
    SharedCluster,
    /// Clusters of its own, parts of which it stops.
    OwnClusters,
    /// Linux namespaces of its own, for a cluster with a node.
    LinuxNamespaces,
    /// The programs of a node. The scenario makes the Linux namespaces itself.
    NodePrograms,
}

// === impl Scenario ===

impl Scenario {
    /// Returns a scenario that runs in a namespace of its own on the shared cluster.
    pub fn in_shared_cluster(
        name: &str,
        body: impl AsyncFnOnce(&TestNamespace) -> Result<()> + Send + 'static,
    ) -> Self {
        let body = move |runtime: &Runtime, clusters: &TestClusters| {
            runtime.block_on(bounded(async {
                let test = TestNamespace::create(clusters).await?;
                let outcome = body(&test).await;
                test.clean_up(clusters).await.and(outcome)
            }))
        };
        Self { name: name.to_owned(), needs: Needs::SharedCluster, body: Box::new(body) }
    }

    /// Returns a scenario that starts clusters of its own.
    pub fn with_own_clusters(
        name: &str,
        body: impl AsyncFnOnce(&TestClusters) -> Result<()> + Send + 'static,
    ) -> Self {
        let body =
            move |runtime: &Runtime, clusters: &TestClusters| runtime.block_on(bounded(body(clusters)));
        Self { name: name.to_owned(), needs: Needs::OwnClusters, body: Box::new(body) }
    }

    /// Returns a scenario on a cluster of its own with a node that runs pods. This program runs it by starting itself again
    /// in new Linux namespaces.
    pub fn on_node(
        name: &str,
        body: impl AsyncFnOnce(&mut NodeCluster) -> Result<()> + Send + 'static,
    ) -> Self {
        let own_name = name.to_owned();
        let body = move |runtime: &Runtime, clusters: &TestClusters| {
            runtime.block_on(bounded(async { NodeCluster::run(&own_name, clusters, body).await }))
        };
        Self { name: name.to_owned(), needs: Needs::LinuxNamespaces, body: Box::new(body) }
    }

    /// Returns a scenario about such namespaces that runs outside of them.
    pub fn with_node_programs(name: &str, body: impl AsyncFnOnce() -> Result<()> + Send + 'static) -> Self {
        let body = move |runtime: &Runtime, _: &TestClusters| runtime.block_on(bounded(body()));
        Self { name: name.to_owned(), needs: Needs::NodePrograms, body: Box::new(body) }
    }
}

async fn bounded(body: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(LIMIT, body)
        .await
        .with_context(|| format!("the scenario took longer than {} s", LIMIT.as_secs()))?
}

/// Runs the scenarios that the command line selects. Returns 0 if all succeed, and 2 if none could run.
#[must_use]
pub fn run(scenarios: Vec<Scenario>) -> ExitCode {
    if let Some(code) = ordinance_cluster::run_as_init() {
        return code;
    }
    match prepare() {
        Ok((runtime, clusters)) => match node_cluster::inner_scenario() {
            Some(name) => run_inside(&name, scenarios, &runtime, &clusters),
            None => run_all(&Arguments::from_args(), scenarios, &runtime, &clusters),
        },
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn prepare() -> Result<(Arc<Runtime>, Arc<TestClusters>)> {
    Ok((Arc::new(Runtime::new()?), Arc::new(TestClusters::open()?)))
}

fn run_all(
    arguments: &Arguments,
    scenarios: Vec<Scenario>,
    runtime: &Arc<Runtime>,
    clusters: &Arc<TestClusters>,
) -> ExitCode {
    let trials: Vec<Trial> =
        scenarios.into_iter().map(|scenario| trial(scenario, runtime, clusters)).collect();
    let skipped = trials.iter().filter(|trial| trial.has_ignored_flag()).count();
    let conclusion = libtest_mimic::run(arguments, trials);
    if let Some(obstacle) = clusters.known_node_obstacle() {
        println!("Skipped the scenarios that run real pods: {obstacle}");
    }
    if skipped > 0 {
        println!(
            "Skipped {skipped} scenarios that stop parts of a cluster: this cluster existed before the run"
        );
    }
    conclusion.exit_code()
}

/// Runs one scenario in the Linux namespaces that were made for it.
fn run_inside(name: &str, scenarios: Vec<Scenario>, runtime: &Runtime, clusters: &TestClusters) -> ExitCode {
    let scenario = scenarios.into_iter().find(|scenario| scenario.name == name);
    match scenario.map(|scenario| (scenario.body)(runtime, clusters)) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
        None => ExitCode::from(2),
    }
}

fn trial(scenario: Scenario, runtime: &Arc<Runtime>, clusters: &Arc<TestClusters>) -> Trial {
    let is_skipped = scenario.needs != Needs::SharedCluster && !clusters.makes_clusters();
    let (runtime, clusters) = (Arc::clone(runtime), Arc::clone(clusters));
    let trial = Trial::ignorable_test(scenario.name.clone(), move || {
        run_one(scenario, &runtime, &clusters).map_err(|error| Failed::from(format!("{error:#}")))
    });
    trial.with_ignored_flag(is_skipped)
}

/// Runs a scenario, in new Linux namespaces if it needs them, or skips it with the reason why this machine can't run it.
fn run_one(scenario: Scenario, runtime: &Runtime, clusters: &TestClusters) -> Result<Completion> {
    if matches!(scenario.needs, Needs::LinuxNamespaces | Needs::NodePrograms)
        && let Some(obstacle) = runtime.block_on(clusters.node_obstacle())?
    {
        return Ok(Completion::ignored_with(obstacle));
    }
    let outcome = match scenario.needs {
        Needs::LinuxNamespaces => runtime.block_on(bounded(node_cluster::run_in_namespaces(&scenario.name))),
        _ => (scenario.body)(runtime, clusters),
    };
    outcome.map(|()| Completion::Completed)
}
