//! One run of the cases: finds them, runs them, reports.

use super::TestArgs;
use super::case_explanation::case_explanation;
use super::engine_policy::EnginePolicy;
use crate::command::check::Progress;
use crate::command::exit::Exit;
use crate::command::output::{self, CommonArgs, print};
use crate::config::InputError;
use crate::limits::Limits;
use anyhow::{Result, anyhow};
use ordinance_engine::Policy;
use ordinance_files::{OutputFile, is_within};
use ordinance_report::printable;
use ordinance_suite::{
    CaseReport, CaseResult, FoundBy, FuzzOptions, RecordedFuel, RunOptions, SuiteFile, SuiteReport,
    SuiteTextStyle, case_text, fuzz, junit, run_suite, suite_files, summary_text, write_case,
};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

/// The stack of a thread, in bytes: the parser of cases recurses as deep as a case is nested.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// A run of suites.
pub(super) struct Session<'a> {
    args: &'a TestArgs,
    common: CommonArgs,
    policy: EnginePolicy,
    threads: ThreadPool,
    /// The command that runs cases, without their paths.
    command: String,
}

// === impl Session ===

impl<'a> Session<'a> {
    /// Begins a run with a policy, which is in the file `component` unless it is the built-in one.
    pub(super) fn new(
        args: &'a TestArgs,
        common: CommonArgs,
        policy: Policy,
        component: Option<&Path>,
    ) -> Result<Self> {
        let threads =
            ThreadPoolBuilder::new().num_threads(threads(args.jobs)).stack_size(STACK_BYTES).build()?;
        let of_policy = component.map(|path| format!(" --policy {}", path.display())).unwrap_or_default();
        let command = format!("ordinance test{of_policy}");
        Ok(Self { args, common, policy: EnginePolicy::new(policy), threads, command })
    }

    /// Runs all suites, and returns the worst exit code.
    pub(super) fn run(&self) -> Result<Exit> {
        let mut all = SuiteReport { allows_skipped: self.args.allow_skipped, ..SuiteReport::default() };
        for path in self.args.paths() {
            let mut report = self.run_suite(path)?;
            all.cases.append(&mut report.cases);
            all.errors.append(&mut report.errors);
        }
        if !self.args.is_partial() && !self.args.allow_unfired {
            all.find_unfired(&self.policy);
        }
        print(summary_text(&all, self.style()).as_bytes())?;
        let fuzzed = self.fuzz_all()?;
        if let Some(file) = &self.args.junit {
            let name =
                self.args.paths().iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
            let written = junit_file(file).write(junit(&all, &name).as_bytes());
            written.map_err(|error| InputError::of_file(file, error))?;
        }
        Ok(if exit_code(&all) == Exit::Success { fuzzed } else { exit_code(&all) })
    }

    /// Runs the cases of a folder, or one case.
    fn run_suite(&self, path: &Path) -> Result<SuiteReport> {
        let files = self.files(path)?;
        let recorded = if path.is_dir() && !self.args.record_fuel { self.recorded(path)? } else { None };
        let options =
            RunOptions { bless: self.args.bless, fuel: self.args.fuel, recorded: recorded.as_ref() };
        let report = self.run_files(&files, options);
        if let (Some(recorded), false) = (&recorded, self.args.is_partial()) {
            for name in recorded.without_case(&report.cases) {
                output::warn(&format!("fuel.json: there is no case {name}; --record-fuel removes it"));
            }
        }
        if self.args.record_fuel {
            let count = report.record_fuel(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
            let plural = if count == 1 { "" } else { "s" };
            output::print_to_stderr(&format!("recorded the fuel of {count} case{plural}\n"));
        }
        Ok(report)
    }

    fn files(&self, path: &Path) -> Result<Vec<SuiteFile>> {
        let mut files = suite_files(path).map_err(|error| {
            InputError::of_file(path, format_args!("{error}; name a folder of cases, or a case"))
        })?;
        if let Some(filter) = &self.args.filter {
            files.retain(|file| file.path.to_string_lossy().contains(filter.as_str()));
        }
        if files.is_empty() {
            let reason = match &self.args.filter {
                Some(filter) => format!("no case has {filter:?} in its path"),
                None => "there are no cases".to_owned(),
            };
            return Err(InputError::of_file(path, reason).into());
        }
        Ok(files)
    }

    fn recorded(&self, path: &Path) -> Result<Option<RecordedFuel>> {
        let tolerance = (self.args.fuel_tolerance * 10.0).round() as u64;
        RecordedFuel::read(path, tolerance).map_err(|error| anyhow!("{}: {error}", path.display()))
    }

    /// Runs files, and prints what is to be said of each as soon as it ends.
    fn run_files(&self, files: &[SuiteFile], options: RunOptions<'_>) -> SuiteReport {
        let mut progress = Progress::start(!self.common.quiet);
        progress.add_found(files.len());
        let shown = Mutex::new(&mut progress);
        let done = |case: &CaseReport| {
            let text = self.text(case);
            // A panic of another thread leaves nothing half done.
            let mut shown = shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            shown.add_reviewed();
            if !text.is_empty() {
                // A report that can't be written is missed at the end, when the summary can't be written either.
                shown.pause(|| drop(print(text.as_bytes())));
            }
        };
        let report = self.threads.install(|| run_suite(&self.policy, files, options, &done));
        progress.end();
        report
    }

    /// Changes the objects of all cases at random, if asked. Writes a failing case beside the case that it was made from.
    fn fuzz_all(&self) -> Result<Exit> {
        let Some(seconds) = self.args.fuzz else { return Ok(Exit::Success) };
        let seed = self.args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
        if !self.common.quiet {
            output::print_to_stderr(&format!(
                "changing objects for {seconds} s; --seed {seed} repeats this\n"
            ));
        }
        let mut files = Vec::new();
        for path in self.args.paths() {
            files.extend(self.files(path)?.into_iter().map(|file| file.path));
        }
        let options = FuzzOptions { time: Duration::from_secs(seconds), seed, fuel: self.args.fuel };
        let report = self.threads.install(|| fuzz(&self.policy, &files, options));
        let Some(failure) = report.failure else {
            print(format!("fuzz: {} changed objects, no failure\n", report.objects).as_bytes())?;
            return Ok(Exit::Success);
        };
        let folder = failure.origin.parent().unwrap_or(Path::new("."));
        let file = write_case(folder, &failure).map_err(|error| InputError::of_file(folder, error))?;
        let problem = printable(&failure.problem.message);
        let text = format!(
            "fuzz: after {} changed objects, {}: {problem}\n  made from {}, seed {seed}\n  run it alone: {} {}\n",
            report.objects,
            failure.problem.found_by.word(),
            printable(&failure.origin.display().to_string()),
            self.command,
            printable(&file.display().to_string()),
        );
        print(text.as_bytes())?;
        Ok(if failure.problem.found_by == FoundBy::Error { Exit::Error } else { Exit::Refused })
    }

    /// Returns what is printed of a case; empty if it passed and is not to be named.
    fn text(&self, case: &CaseReport) -> String {
        let text = case_text(case, self.style());
        let explanation =
            if self.explains(case) { case_explanation(&self.policy, &case.path) } else { String::new() };
        match (text.is_empty(), explanation.is_empty()) {
            (true, true) if self.common.verbose == 0 => text,
            (true, _) => passed(case) + &explanation,
            (false, true) => text,
            (false, false) => format!("{}\n{explanation}\n", text.trim_end()),
        }
    }

    /// Returns whether the reviews of a case are explained: it failed, or it was selected.
    fn explains(&self, case: &CaseReport) -> bool {
        let is_selected = match case.result {
            CaseResult::Failed(_) => true,
            CaseResult::Passed | CaseResult::Blessed => self.args.is_partial(),
            CaseResult::Skipped(_) => false,
        };
        self.args.explain && is_selected
    }

    fn style(&self) -> SuiteTextStyle<'_> {
        SuiteTextStyle { color: self.common.color.on_stdout(), command: Some(&self.command) }
    }
}

/// Returns the file of a report as JUnit XML.
pub(super) fn junit_file(path: &Path) -> OutputFile<'_> {
    OutputFile::new(path, |head| head.starts_with(b"<?xml") && is_within(head, b"?>\n<testsuite"))
}

/// Returns the line about a case that passed; of a race with the number of states that its orders reach.
fn passed(case: &CaseReport) -> String {
    let states = if case.states > 0 { format!(" ({} states)", case.states) } else { String::new() };
    format!("passed {}{states}\n", printable(&case.name))
}

/// Returns the number of threads. Each needs an instance of the engine's pool.
fn threads(jobs: Option<u16>) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let instances = Limits::default().policy_instances as usize;
    jobs.map_or(processors, usize::from).min(instances)
}

fn exit_code(report: &SuiteReport) -> Exit {
    match (report.has_errors(), report.is_good()) {
        (true, _) => Exit::Error,
        (false, true) => Exit::Success,
        (false, false) => Exit::Refused,
    }
}
