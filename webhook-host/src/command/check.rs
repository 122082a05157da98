//! `ordinance check`: reviews manifests as one cluster, before they reach a real one.
//!
//! Each object is a CREATE, in the order of the input: the mutating review, then the validating review of the patched
//! object, both by the server's own code. An admitted object is indexed for those after it. `--fix` writes patches and
//! fixes into the files.

mod fix;
mod input;
mod notes;
mod progress;
mod report;
mod reviewer;
mod stored;

pub(super) use input::{Input, InputFile};
pub(super) use progress::Progress;
pub(super) use report::{exit_code, read_paths, style, with_report};
pub(super) use reviewer::{Explanations, RULES_PAGE};
pub(super) use stored::{StoredObjects, other_version};

use super::exit::Exit;
use super::manifest_args::ManifestArgs;
use super::output::{CommonArgs, print};
use anyhow::Result;
use clap::Args;
use clap::builder::BoolishValueParser;
use fix::{FixMode, FixOptions};
use report::{ReportFormat, read_input};

/// Check manifests as the webhooks would
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance check deploy/
  ordinance check . --exclude 'test/' --exclude '*.local.yaml'
  ordinance check . --render --include deploy/overlays/live/
  helm template shop ./chart | ordinance check -
  kustomize build overlays/live | ordinance check - --settings settings.yaml
  kubectl get statefulsets,pvc,pv,storageclasses -A -o yaml | ordinance check -
  ordinance check web.yaml --state cluster.yaml --output sarif > ordinance.sarif
  ordinance check --diff deploy/
  ordinance check --fix deploy/
  helm template shop ./chart | ordinance check --state cluster.yaml --fix - | kubectl apply -f -

Each object is reviewed as a new one, in the order given, and as an update if --state has one of
the same kind, namespace and name. Objects of kinds that the policy does not review are counted
and skipped. Directories are searched for *.yaml, *.yml and *.json, except what .gitignore names;
files that are no Kubernetes objects are counted and passed over (-v names them). Helm charts and
kustomizations are named; --render runs helm and kubectl and checks what they print.

--fix writes the patch of each admitted object, and the first fix of each denial; every other
byte stays. Input from stdin is written to stdout, and the report to stderr. An object that
exists already (--state has it, or it has metadata.uid) is not changed: --fix prints how to
migrate it. With --fix and --diff the exit code is that of the remaining findings.

Exit codes: 0 nothing denied, 1 something denied, 2 something could not be read or judged.")]
pub(super) struct CheckArgs {
    /// The format of the report
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: ReportFormat,
    /// Write patches and fixes into the files
    #[arg(long, env = "ORDINANCE_FIX", hide_env = true, value_parser = BoolishValueParser::new())]
    fix: bool,
    /// Show what --fix would write, as a unified diff, and write nothing
    #[arg(long, env = "ORDINANCE_DIFF", hide_env = true, value_parser = BoolishValueParser::new())]
    diff: bool,
    /// Print to stderr how the policy comes to each verdict: keys, holdings, the deciding step, time, fuel and memory;
    /// the time is longer than without, since fuel is counted
    #[arg(long, env = "ORDINANCE_EXPLAIN", hide_env = true, value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with_all = ["fix", "diff"])]
    explain: bool,
    #[command(flatten)]
    manifests: ManifestArgs,
}

pub(super) fn run(args: &CheckArgs, common: CommonArgs) -> Result<Exit> {
    let explanations = if args.explain { Explanations::Printed } else { Explanations::Omitted };
    let load = match explanations {
        Explanations::Printed => ManifestArgs::load_metered,
        Explanations::Omitted => ManifestArgs::load,
    };
    let (state, policy) = load(&args.manifests)?;
    if let Some(options) = args.fix_options(common) {
        let (progress, input) = read_input(&args.manifests, &policy, common);
        return fix::run(&options, &policy, &state, progress, input);
    }
    let stored = StoredObjects::new(&state, &policy);
    with_report(&args.manifests, &policy, &stored, explanations, common, |report| {
        print(args.output.format(report, common).as_bytes())?;
        Ok(exit_code(report))
    })
}

// === impl CheckArgs ===

impl CheckArgs {
    /// Returns why these arguments can't be combined.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        if let Some(why) = self.manifests.conflict() {
            return Some(why);
        }
        match (self.output, self.reserves_stdout()) {
            (ReportFormat::Text, _) | (_, false) => None,
            _ if self.diff => Some("--diff writes to stdout; leave out --output, or run again for it"),
            _ => Some("--fix writes what is piped in to stdout; leave out --output, or give a file"),
        }
    }

    /// Returns whether stdout is reserved for manifests or a diff, so that the report goes to stderr.
    fn reserves_stdout(&self) -> bool {
        self.diff || self.fix && self.manifests.reads_stdin()
    }

    /// Returns how to fix the manifests, or `None` without `--fix` and `--diff`.
    fn fix_options(&self, common: CommonArgs) -> Option<FixOptions<'_>> {
        let mode = match (self.diff, self.fix) {
            (true, _) => FixMode::Diff,
            (false, true) => FixMode::Write,
            (false, false) => return None,
        };
        Some(FixOptions {
            mode,
            format: self.output,
            namespace: &self.manifests.namespace,
            reserves_stdout: self.reserves_stdout(),
            has_state: self.manifests.has_state(),
            is_built_in: self.manifests.is_built_in(),
            common,
        })
    }
}
