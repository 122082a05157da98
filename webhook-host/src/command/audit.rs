//! `ordinance audit`: what is wrong with the objects that a cluster stores, and whether it is safe to enforce.
//!
//! The objects come from an API server or from a dump. All of them enter the index first, and then each is audited against it, in
//! parallel. Filters choose which findings are shown, and change nothing else.

mod audit_map;
mod cluster;
mod filter_args;
mod stored_input;

use super::check::{self, Progress, StoredObjects};
use super::cluster_args::ReadClusterArgs;
use super::drawing;
use super::exit::Exit;
use super::explain;
use super::output::{self, CommonArgs, print};
use super::policies::{self, Enforcing, ServedPolicy};
use crate::audit::Auditor;
use crate::config::{NAMESPACE, PolicyArgs, State};
use crate::limits::Limits;
use anyhow::Result;
use clap::{Args, ValueEnum};
use filter_args::FilterArgs;
use ordinance_audit::{
    AuditReport, AuditedObject, CreationTimes, EnforcedSettings, Enforcement, FindingFilter, TableStyle,
    enforcement_text, json, summary_text, table,
};
use ordinance_contract::Rule;
use ordinance_report::{junit, printable, sarif, text};
use rayon::prelude::*;
use std::path::PathBuf;
use stored_input::{StoredInput, StoredObject};

/// Audit what a cluster stores: what is wrong now, and whether it is safe to enforce
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance audit
  ordinance audit --context production --namespace shop --output json
  kubectl get statefulsets,pvc,pv,storageclasses -A -o yaml > cluster.yaml
  ordinance audit cluster.yaml
  ordinance audit cluster.yaml --rule shared-export --rule nested-export
  ordinance audit cluster.yaml --since 7d --output sarif > audit.sarif
  ordinance audit cluster.yaml --namespace shop --output map
  ordinance explain shared-export

Without files, the command lists the StatefulSets, PersistentVolumes, claims and StorageClasses of
the cluster, and changes nothing. With files, all of them together are one cluster, and each object
is taken as it is stored. A dump must be complete: an object that is missing overlaps nothing.

--namespace, --rule and --since choose the findings that are shown and that count for the exit
code. The answer whether it is safe to enforce is always drawn from all objects.

Exit codes: 0 nothing denied, 1 a finding that is shown denies its object, 2 something could not be
read, listed or judged, 64 bad usage.")]
pub(super) struct AuditArgs {
    /// Files, directories, or `-` for stdin, with what a cluster stores [default: the cluster itself]
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// The format of the report
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: AuditFormat,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    cluster: ReadClusterArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// The format of an audit.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum AuditFormat {
    /// A row for each finding, with the way out
    #[default]
    Table,
    /// The lines with findings, what is wrong, and how to fix it
    Text,
    /// For scripts: one object with findings, errors, a summary and the answer whether it is safe to enforce
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For continuous integration: a suite per file, a case per object with a finding
    Junit,
    /// A drawing for a terminal: which ordinal writes where now, and if its set were created again
    Map,
    /// The same drawing as SVG
    Svg,
}

/// The policies of an audit.
struct AuditPolicies {
    configured: ServedPolicy,
    enforcing: Enforcing,
}

pub(super) fn run(args: &AuditArgs, common: CommonArgs) -> Result<Exit> {
    let state = State::read(&args.policy.state, NAMESPACE);
    let policies = AuditPolicies::load(&args.policy, &state)?;
    let mut report = policies.empty_report();
    if let Some(unknown) = args.filter.unknown_rule(&report.rules) {
        return Ok(unknown_rule(&unknown, &report.rules, &args.policy));
    }
    let mut progress = Progress::start(!common.quiet);
    let input = args.read(&policies.configured, &mut progress, common)?;
    policies.audit(&input, &progress, &mut report)?;
    let stored = StoredObjects::new(&state, &policies.configured);
    report.errors.extend(stored.errors());
    let filter = args.filter.filter();
    report.left_out = filter.apply(&mut report.objects, &creation_times(&input, &filter));
    let exit = exit_code(&report);
    let drawing = args.drawing(&policies, &input, &report, common)?;
    drop(progress);
    args.print(report, &drawing, common)?;
    Ok(exit)
}

/// Reads when the objects were created, if the filter asks for it.
fn creation_times<'a>(input: &'a StoredInput, filter: &FindingFilter) -> CreationTimes<'a> {
    match filter.since {
        None => CreationTimes::default(),
        Some(_) => CreationTimes::of(input.objects.iter().map(|stored| input.manifest(*stored))),
    }
}

/// Prints which rules are like an unknown one.
fn unknown_rule(id: &str, rules: &[Rule], policy: &PolicyArgs) -> Exit {
    let suggestion = explain::suggestion(rules, id, policy.component.policy.as_deref());
    output::print_to_stderr(
        &(printable(&format!("error: --rule: there is no rule {id:?}{suggestion}")) + "\n"),
    );
    Exit::Usage
}

/// Returns the exit code of a report. Errors count whatever the filters show.
fn exit_code(report: &AuditReport<'_>) -> Exit {
    if report.is_incomplete() {
        Exit::Error
    } else if report.has_denials() {
        Exit::Refused
    } else {
        Exit::Success
    }
}

// === impl AuditArgs ===

impl AuditArgs {
    /// Returns why these arguments can't be combined.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        if self.cluster.is_given() && !self.paths.is_empty() {
            return Some("--kubeconfig and --context name a cluster, and files are a dump of one: give one");
        }
        if self.output.is_drawing() && self.filter.chooses_findings() {
            return Some(
                "--rule and --since choose findings, and a drawing shows the writers of all sets: leave them out",
            );
        }
        let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
        let twice = self.paths.iter().any(is_stdin) && self.policy.state.iter().any(is_stdin);
        twice.then_some("stdin can be read once: as a dump, or as --state")
    }

    /// Reads the dump, or the objects of the cluster.
    fn read(
        &self,
        policy: &ServedPolicy,
        progress: &mut Progress,
        common: CommonArgs,
    ) -> Result<StoredInput> {
        if self.paths.is_empty() {
            return Ok(StoredInput::of_cluster(cluster::lists(&self.cluster, policy, progress)?, policy));
        }
        Ok(StoredInput::of_dump(check::read_paths(&self.paths, policy, progress, common), policy))
    }

    /// Draws the map of the objects; nothing in any other format.
    fn drawing(
        &self,
        policies: &AuditPolicies,
        input: &StoredInput,
        report: &AuditReport<'_>,
        common: CommonArgs,
    ) -> Result<Vec<u8>> {
        let map = || {
            let is_shown = |namespace: &str| self.filter.shows_namespace(namespace);
            audit_map::map(input, &policies.auditor(), report, is_shown)
        };
        Ok(match self.output {
            AuditFormat::Map => drawing::text(&map()?, drawing::options(None, false, common.color)),
            AuditFormat::Svg => ordinance_map::svg(&map()?)?,
            _ => Vec::new(),
        })
    }

    fn print(&self, report: AuditReport<'_>, drawing: &[u8], common: CommonArgs) -> Result<()> {
        let (is_coloured, is_quiet) = (common.color.on_stdout(), common.quiet);
        let summary = summary_text(&report, &self.filter.names());
        let enforcement = enforcement_text(&report);
        let below = if is_quiet { String::new() } else { format!("{summary}\n{enforcement}") };
        match self.output {
            AuditFormat::Table => {
                let errors = errors_text(&report);
                let style = TableStyle { width: output::columns(), is_coloured, is_quiet };
                let table = table(&report, style);
                let space = if table.is_empty() || below.is_empty() { "" } else { "\n" };
                output::print_to_stderr(&errors);
                print(format!("{table}{space}{below}").as_bytes())?;
            }
            AuditFormat::Json => print(json(&report).as_bytes())?,
            AuditFormat::Text => {
                let text = text(&report.into_check_report(), check::style(common, is_coloured));
                let enforcement = if is_quiet { String::new() } else { format!("\n{enforcement}") };
                print(format!("{text}{enforcement}").as_bytes())?;
            }
            AuditFormat::Sarif => {
                print(sarif(&report.into_check_report()).as_bytes())?;
                output::print_to_stderr(&below);
            }
            AuditFormat::Junit => {
                print(junit(&report.into_check_report()).as_bytes())?;
                output::print_to_stderr(&below);
            }
            AuditFormat::Map | AuditFormat::Svg => {
                output::print_to_stderr(&errors_text(&report));
                print(drawing)?;
                output::print_to_stderr(&below);
            }
        }
        Ok(())
    }
}

/// Returns a line for each input that could not be read, and each object without a verdict.
fn errors_text(report: &AuditReport<'_>) -> String {
    let errors = report.errors.iter().map(|error| (error.place(), error.message.clone()));
    let failed = report.objects.iter().filter_map(|audited| {
        let reason = audited.audit.reason_without_answer()?;
        let scope = &audited.object.scope;
        let place = format!("{}: {} {}/{}", audited.file, audited.object.kind, scope.namespace, scope.name);
        Some((place, reason.to_owned()))
    });
    errors
        .chain(failed)
        .map(|(place, message)| printable(&format!("error: {place}: {message}")) + "\n")
        .collect()
}

// === impl AuditFormat ===

impl AuditFormat {
    const fn is_drawing(self) -> bool {
        matches!(self, Self::Map | Self::Svg)
    }
}

// === impl AuditPolicies ===

impl AuditPolicies {
    /// Loads the policy as it is configured, and as it enforces, each with the objects of `--state` in its index.
    fn load(args: &PolicyArgs, state: &State) -> Result<Self> {
        // A dump may have more objects than a server remembers. `limits.indexBytes` still bounds the index.
        let limits = Limits { remembered_objects: usize::MAX, ..Limits::default() };
        let configured = policies::for_audit(args, &limits, &state.objects)?;
        let enforcing = policies::enforcing(args, &limits, &configured, &state.objects)?;
        Ok(Self { configured, enforcing })
    }

    fn empty_report(&self) -> AuditReport<'static> {
        let policy = self.configured.admission.policy();
        let page = policy.is_built_in().then_some(check::RULES_PAGE);
        let report = AuditReport::new(&self.configured.name, policy.description(), page);
        let enforced_settings = match self.enforcing {
            Enforcing::Unknown => EnforcedSettings::AsConfigured,
            Enforcing::AsConfigured | Enforcing::With(_) => EnforcedSettings::EnforceMode,
        };
        AuditReport { enforced_settings, ..report }
    }

    fn auditor(&self) -> Auditor<'_> {
        Auditor {
            admission: &self.configured.admission,
            enforcing: match &self.enforcing {
                Enforcing::With(policy) => &policy.admission,
                Enforcing::AsConfigured | Enforcing::Unknown => &self.configured.admission,
            },
            deadline: Limits::default().deadline,
        }
    }

    /// Enters all objects into the indexes, audits each, and adds what is found to the report.
    fn audit<'i>(
        &self,
        input: &'i StoredInput,
        progress: &Progress,
        report: &mut AuditReport<'i>,
    ) -> Result<()> {
        let unreadable = input.fill(&self.configured.admission)?;
        if let Enforcing::With(policy) = &self.enforcing {
            input.fill(&policy.admission)?;
        }
        let auditor = self.auditor();
        let audit = |stored: &StoredObject| {
            let audited = input.audited(*stored, &auditor);
            progress.add_reviewed();
            audited
        };
        let audited: Collected<'_> = input
            .objects
            .par_iter()
            .map(audit)
            .fold(Collected::default, Collected::with)
            .reduce(Collected::default, Collected::merged);
        report.objects = audited.objects;
        report.enforcement = audited.enforcement;
        report.skipped = input.skipped();
        report.source = input.source;
        report.errors = input.errors(&unreadable);
        Ok(())
    }
}

/// The audits of some objects: those with findings, and the counts of all.
#[derive(Default)]
struct Collected<'i> {
    objects: Vec<AuditedObject<'i>>,
    enforcement: Enforcement,
}

// === impl Collected ===

impl<'i> Collected<'i> {
    fn with(mut self, audited: AuditedObject<'i>) -> Self {
        self.enforcement.add(&audited.audit, || audited.namespace());
        if !audited.audit.is_clean() {
            self.objects.push(audited);
        }
        self
    }

    fn merged(mut self, other: Self) -> Self {
        self.objects.extend(other.objects);
        Self { objects: self.objects, enforcement: self.enforcement.merged(other.enforcement) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_indexes_of_an_audit_have_no_limit_in_objects() {
        let policies = AuditPolicies::load(&PolicyArgs::default(), &State::default()).expect("a policy");
        assert!(matches!(policies.enforcing, Enforcing::AsConfigured));
    }
}
