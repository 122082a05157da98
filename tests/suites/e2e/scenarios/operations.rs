//! The commands of `docs/operations.md`, run as they are printed there.

use anyhow::{Context, Result, ensure};
use ordinance_cluster::{Cluster, ClusterOptions, Shell};
use ordinance_e2e::{Scenario, TestClusters, foreign_kinds};
use std::os::unix::fs::symlink;
use tempfile::TempDir;

/// The text of the page.
const PAGE: &str = include_str!("../../../../docs/operations.md");

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("operations::every_installation_command_installs", installs),
        Scenario::with_own_clusters("operations::every_other_command_works_on_an_installation", others),
    ]
}

/// A block of commands on the page.
struct CommandBlock {
    section: String,
    script: String,
}

async fn installs(clusters: &TestClusters) -> Result<()> {
    let blocks: Vec<CommandBlock> = blocks().into_iter().filter(CommandBlock::installs).collect();
    ensure!(blocks.len() >= 3, "only {} blocks install", blocks.len());
    for block in &blocks {
        let cluster = PageCluster::new(clusters).await?;
        cluster.run(block).await?;
        cluster.is_installed(true).await.with_context(|| block.script.clone())?;
    }
    Ok(())
}

async fn others(clusters: &TestClusters) -> Result<()> {
    let (installs, others): (Vec<CommandBlock>, Vec<CommandBlock>) =
        blocks().into_iter().partition(CommandBlock::installs);
    let release = installs.iter().rfind(|block| block.script.contains("helm install"));
    let release = release.context("the page installs no release")?;
    ensure!(others.len() >= 2, "only {} other blocks", others.len());
    for block in &others {
        let cluster = PageCluster::new(clusters).await?;
        cluster.run(release).await?;
        cluster.run(block).await?;
        let removes = block.script.contains("kubectl delete") || block.script.contains("helm uninstall");
        cluster.is_installed(!removes).await.with_context(|| block.script.clone())?;
    }
    Ok(())
}

/// Returns the blocks of the page, each with its section heading.
fn blocks() -> Vec<CommandBlock> {
    let (mut blocks, mut section, mut lines) = (Vec::new(), "", PAGE.lines());
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        }
        if line == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(CommandBlock { section: section.to_owned(), script: script(&block) });
        }
    }
    blocks
}

/// Returns the commands of a block: the lines after a prompt, with their continuation lines.
fn script(block: &[&str]) -> String {
    let mut typed = Vec::new();
    let mut continues = false;
    for line in block {
        let command = line.strip_prefix("$ ").or(continues.then_some(*line));
        continues = command.is_some_and(|command| command.ends_with('\\'));
        typed.extend(command);
    }
    typed.join("\n")
}

// === impl CommandBlock ===

impl CommandBlock {
    fn installs(&self) -> bool {
        self.section == "Install"
    }
}

/// A cluster, and a folder with the files that the page refers to.
struct PageCluster {
    cluster: Cluster,
    folder: TempDir,
}

// === impl PageCluster ===

impl PageCluster {
    async fn new(clusters: &TestClusters) -> Result<Self> {
        let (cluster, folder) = (clusters.cluster(&ClusterOptions::default()).await?, tempfile::tempdir()?);
        let name = "ordinance.ordinance-system.svc";
        let pair = cluster.authority().server(name, &[name.to_owned()])?;
        symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy"), folder.path().join("deploy"))?;
        let authority = cluster.authority().certificate();
        for (file, text) in [("ca.crt", authority), ("tls.crt", &*pair.certificate), ("tls.key", &*pair.key)]
        {
            std::fs::write(folder.path().join(file), text)?;
        }
        foreign_kinds(cluster.access().kubectl()).await?;
        Ok(Self { cluster, folder })
    }

    async fn run(&self, block: &CommandBlock) -> Result<()> {
        let ran = Shell::new(&self.cluster, self.folder.path()).run(&block.script).await?;
        ran.ok().with_context(|| block.script.clone()).map(|_| ())
    }

    /// Checks that both webhook configurations exist, or neither.
    async fn is_installed(&self, expected: bool) -> Result<()> {
        let line = "get mutatingwebhookconfigurations,validatingwebhookconfigurations --output=name";
        let found = self.cluster.access().kubectl().ok(line).await?;
        let count = found.lines().filter(|line| line.ends_with("/ordinance")).count();
        ensure!(count == if expected { 2 } else { 0 }, "{found}");
        Ok(())
    }
}
