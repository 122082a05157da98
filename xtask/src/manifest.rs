//! `cargo xtask manifest`: renders the chart with its default values into `deploy/ordinance.yaml`.
//!
//! Labels and comments that only Helm needs are removed, and the namespace is added at the top. With `--check` it
//! writes nothing: it compares the file, and lints and renders the chart with each set of values in `ci/`.

use crate::build;
use crate::checkout;
use anyhow::{Context, Result, bail};
use clap::Args;
use ordinance_tools::Tool;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The namespace of the manifest, as in `deploy/namespace.yaml`.
const NAMESPACE: &str = "ordinance-system";

/// Whether to write or to check the manifest.
#[derive(Args)]
pub struct Arguments {
    /// Write nothing; fail if the manifest is not up to date, or if the chart is invalid with a set of values.
    #[arg(long)]
    check: bool,
}

/// Writes or checks the manifest.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let helm = HelmChart::find()?;
    let manifest = manifest(&helm)?;
    let path = checkout::root().join("deploy/ordinance.yaml");
    if !arguments.check {
        std::fs::write(&path, manifest).with_context(|| format!("can't write {}", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if std::fs::read_to_string(&path).ok().as_deref() != Some(&*manifest) {
        bail!("{} is out of date; run: cargo xtask manifest", path.display());
    }
    let sets = helm.check_values()?;
    anstream::println!("the manifest is up to date, and the chart is valid with {sets} sets of values");
    Ok(ExitCode::SUCCESS)
}

/// Returns the current manifest.
fn manifest(helm: &HelmChart) -> Result<String> {
    let namespace = std::fs::read_to_string(checkout::root().join("deploy/namespace.yaml"))
        .context("can't read deploy/namespace.yaml")?;
    let rendered = helm.template(None)?;
    let ours = rendered.lines().filter(|line| !is_bookkeeping(line)).collect::<Vec<_>>().join("\n");
    Ok(format!(
        "# The chart with its default values, for those who do without Helm. Made by `cargo xtask manifest`: don't edit.\n\
         {namespace}{ours}\n"
    ))
}

/// Whether a line is there for Helm alone.
fn is_bookkeeping(line: &str) -> bool {
    let line = line.trim_start();
    ["# Source: ", "helm.sh/chart: ", "app.kubernetes.io/managed-by: "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// The Helm program and the chart.
struct HelmChart {
    program: PathBuf,
    chart: PathBuf,
}

// === impl HelmChart ===

impl HelmChart {
    fn find() -> Result<Self> {
        let tools = ordinance_tools::find(&[Tool::Helm], &mut |line| anstream::eprintln!("{line}"))?;
        let program = tools.path(Tool::Helm).to_path_buf();
        Ok(Self { program, chart: checkout::root().join("deploy/chart/ordinance") })
    }

    fn command(&self, verb: &str) -> Command {
        let mut helm = Command::new(&self.program);
        helm.arg(verb).stdin(Stdio::null());
        helm
    }

    /// Renders the chart, with a file of values if there is one.
    fn template(&self, values: Option<&Path>) -> Result<String> {
        let mut helm = self.command("template");
        helm.arg("ordinance").arg(&self.chart).args(["--namespace", NAMESPACE]);
        helm.args(values.map(|path| format!("--values={}", path.display())));
        let output = helm.stderr(Stdio::inherit()).output().context("can't start helm")?;
        if !output.status.success() {
            bail!("{helm:?} failed: {}", output.status);
        }
        String::from_utf8(output.stdout).context("helm did not print text")
    }

    /// Lints and renders the chart with each set of values, and returns their number.
    fn check_values(&self) -> Result<usize> {
        let mut sets = 0;
        for entry in std::fs::read_dir(self.chart.join("ci")).context("the chart has no ci/")? {
            let values = entry?.path();
            let mut lint = self.command("lint");
            lint.args(["--strict", "--quiet"]).arg("--values").arg(&values).arg(&self.chart);
            build::run(&mut lint)?;
            self.template(Some(&values))?;
            sets += 1;
        }
        Ok(sets)
    }
}
