//! `cargo xtask manifest`: renders the chart with its default values into `deploy/ordinance.yaml`, and with `mode: Enforce`
//! into `deploy/ordinance-enforce.yaml`.
//!
//! Labels and comments that only Helm needs are removed, and the namespace is added at the top. With `--check` it
//! writes nothing: it compares the files, and lints and renders the chart with each set of values in `ci/`.

use crate::build;
use crate::checkout;
use anyhow::{Context, Result, bail};
use clap::Args;
use ordinance_tools::Tool;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The namespace of the manifest, as in `deploy/namespace.yaml`.
const NAMESPACE: &str = "ordinance-system";

/// The manifests in `deploy/`, each with its first line and the values that differ from the defaults.
const MANIFESTS: [Manifest; 2] = [
    Manifest { file: "ordinance.yaml", content: "with its default values", values: None },
    Manifest {
        file: "ordinance-enforce.yaml",
        content: "with mode: Enforce",
        values: Some("deploy/chart/ordinance/ci/enforce-values.yaml"),
    },
];

/// A manifest for users without Helm.
struct Manifest {
    file: &'static str,
    /// What its first line says of the chart.
    content: &'static str,
    /// The file of values that it is rendered with.
    values: Option<&'static str>,
}

/// Whether to write or to check the manifests.
#[derive(Args)]
pub struct Arguments {
    /// Write nothing; fail if a manifest is not up to date, or if the chart is invalid with a set of values.
    #[arg(long)]
    check: bool,
}

/// Writes or checks the manifests.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let helm = HelmChart::find()?;
    for manifest in &MANIFESTS {
        let text = manifest.render(&helm)?;
        let path = checkout::root().join("deploy").join(manifest.file);
        if !arguments.check {
            std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&*text) {
            bail!("{} is out of date; run: cargo xtask manifest", path.display());
        }
    }
    if arguments.check {
        let sets = helm.check_values()?;
        anstream::println!("the manifests are up to date, and the chart is valid with {sets} sets of values");
    }
    Ok(ExitCode::SUCCESS)
}

// === impl Manifest ===

impl Manifest {
    /// Returns the current text.
    fn render(&self, helm: &HelmChart) -> Result<String> {
        let namespace = std::fs::read_to_string(checkout::root().join("deploy/namespace.yaml"))
            .context("can't read deploy/namespace.yaml")?;
        let values = self.values.map(|file| checkout::root().join(file));
        let rendered = helm.template(values.as_deref())?;
        let ours = rendered.lines().filter(|line| !is_bookkeeping(line)).collect::<Vec<_>>().join("\n");
        Ok(format!(
            "# The chart {}, for those who do without Helm. Made by `cargo xtask manifest`: don't edit.\n\
             {namespace}{ours}\n",
            self.content
        ))
    }
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
