//! Counts the instructions of each part of a review. Unlike times, they do not depend on the speed or the load of a machine.
//!
//! Each step is repeated in two processes under valgrind, in the second one more often. The difference of the two counts, divided by the
//! difference of the repetitions, is what one step executes in user space. Only the first thread of a process counts: it repeats the
//! step, or serves the requests.

use crate::repeat::{ReviewKind, StepKind};
use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// The stored counts, from the root of the checkout.
const BASELINE: &str = "docs/instruction-baseline.json";

/// The repetitions of the two runs.
const FEW: u32 = 20;
const MANY: u32 = 60;

/// The difference from the baseline that fails a run, as a fraction. The counts of two runs differ by some tenths of a per cent at most,
/// since hash tables are seeded at random.
const TOLERANCE: f64 = 0.01;

/// The same for whole requests: how their bytes arrive at a server differs from run to run.
const REQUEST_TOLERANCE: f64 = 0.03;

/// The difference that no run fails for, in instructions: it is large against the shortest parts.
const NOISE: u64 = 1_000;

/// Settings of glibc, by which it copies and fills memory in loops of its own: of an instruction that repeats itself, valgrind
/// counts each byte, although the processor moves many at once.
const GLIBC: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.cpu.x86_rep_stosb_threshold=1000000000:glibc.cpu.x86_rep_movsb_threshold=1000000000",
);

/// The instructions of the parts of reviews, by name.
type Counts = BTreeMap<String, u64>;

/// Counts the instructions of all parts, and returns exit code 1 if one differs from the baseline. `keep` stores the counts instead.
pub fn run(keep: bool) -> Result<ExitCode> {
    let counts = counts()?;
    let kept: Counts = match fs::read_to_string(BASELINE) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{BASELINE} is not a baseline"))?,
        Err(_) => Counts::new(),
    };
    anstream::println!("{}", table(&counts, &kept));
    if keep {
        fs::write(BASELINE, serde_json::to_string_pretty(&counts)? + "\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let differing: Vec<&String> = counts
        .iter()
        .filter(|(name, count)| differs(name, **count, kept.get(*name)))
        .map(|(name, _)| name)
        .collect();
    for name in &differing {
        anstream::println!("{name} differs from {BASELINE} by more than the tolerance");
    }
    if !differing.is_empty() {
        anstream::println!("if that is meant, store the counts: cargo xtask bench instructions --keep");
    }
    Ok(ExitCode::from(u8::from(!differing.is_empty())))
}

fn differs(name: &str, count: u64, kept: Option<&u64>) -> bool {
    let is_request = name.contains("request") || name.contains("connection");
    let tolerance = if is_request { REQUEST_TOLERANCE } else { TOLERANCE };
    kept.is_none_or(|kept| count.abs_diff(*kept) > NOISE && change(count, *kept).abs() > tolerance)
}

/// Returns the growth over a stored count, as a fraction.
fn change(count: u64, kept: u64) -> f64 {
    count as f64 / kept as f64 - 1.0
}

/// Counts the instructions of the parts of all reviews.
fn counts() -> Result<Counts> {
    let mut counts = Counts::new();
    let connection = step(StepKind::Connection, ReviewKind::Scale)?;
    for review in ReviewKind::value_variants() {
        let review = *review;
        let name = word(&review);
        let mut add = |part: &str, count: u64| {
            anstream::eprintln!("{name}, {part}: {count}");
            counts.insert(format!("{name}, {part}"), count);
        };
        let allowed = step(StepKind::AllowedRequest, review)?;
        let envelope = step(StepKind::Envelope, review)?;
        let instance = step(StepKind::Instance, review)?;
        let guest = step(StepKind::Guest, review)?;
        let judgement = step(StepKind::Judgement, review)?;
        let answer = step(StepKind::Answer, review)?;
        let parse = step(StepKind::Parse, review)?;
        add("1 envelope", envelope);
        add("2 instance", instance);
        add("3 guest", guest);
        add("4 look-up", judgement.saturating_sub(guest));
        add("5 answer", answer.saturating_sub(judgement + envelope));
        add("native code, reading the objects", parse);
        add("request without a policy", allowed);
        add("request with the policy", allowed + answer.saturating_sub(envelope));
        if review == ReviewKind::Scale {
            counts.insert("connection and handshake".to_owned(), connection.saturating_sub(allowed));
        }
    }
    Ok(counts)
}

/// Returns the instructions of one repetition of a step.
fn step(step: StepKind, review: ReviewKind) -> Result<u64> {
    let (few, many) = (count(step, review, FEW)?, count(step, review, MANY)?);
    Ok(many.saturating_sub(few) / u64::from(MANY - FEW))
}

/// Returns the instructions of the first thread of a process that repeats a step.
fn count(step: StepKind, review: ReviewKind, times: u32) -> Result<u64> {
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("counts");
    let mut valgrind = Command::new("valgrind");
    valgrind.envs([GLIBC]);
    valgrind.args(["--tool=callgrind", "--separate-threads=yes"]);
    valgrind.arg(format!("--callgrind-out-file={}", output.display())).arg(std::env::current_exe()?);
    valgrind.args(["repeat", &word(&step), &word(&review), &times.to_string()]);
    let ended = valgrind.stdin(Stdio::null()).output();
    let ended = ended.context("valgrind can't be run; install it, e.g. by `apt-get install valgrind`")?;
    ensure!(ended.status.success(), "valgrind failed: {}", String::from_utf8_lossy(&ended.stderr));
    total(&directory.path().join("counts-01"))
}

/// Returns the count of a file of callgrind.
fn total(file: &Path) -> Result<u64> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let Some(total) = text.lines().find_map(|line| line.strip_prefix("totals: ")) else {
        bail!("{}: has no totals", file.display());
    };
    Ok(total.trim().parse()?)
}

/// Returns the word of the command line for a value.
fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn table(counts: &Counts, kept: &Counts) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["part", "instructions", "against the baseline"]);
    for (name, count) in counts {
        let against = kept
            .get(name)
            .map_or_else(|| "new".to_owned(), |kept| format!("{:+.2} %", 100.0 * change(*count, *kept)));
        table.add_row([name.clone(), count.to_string(), against]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}
