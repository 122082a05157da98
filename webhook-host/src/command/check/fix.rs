//! `--fix` and `--diff`: what the reviews would add, written where people keep it.
//!
//! What is written is judged again as a whole, since it may change what is said of other objects, until nothing more is
//! to be written. Nothing reaches a file before that. What remains is told as without a fix.

mod changes;
mod migration;
mod written;

use super::input::{File, Input};
use super::judging::Judging;
use super::progress::Progress;
use super::{CheckArgs, exit, told};
use crate::command::policies::Judged;
use crate::command::{CommonArgs, Exit, output, print};
use crate::limits::Limits;
use anyhow::{Result, bail};
use ordinance_amend::{Wanted, amend};
use ordinance_manifests::Manifest;
use ordinance_report::{Judgement, Report, text};
use std::collections::BTreeMap;
use written::Written;

/// How often all is judged again: a sub-path, then its variables, then the claims that are marked after them, and some.
const ROUNDS: usize = 8;

/// Texts of files, by the file's position in the input.
type Texts = BTreeMap<usize, String>;

/// Judges, writes or shows what is to be added, and tells what remains.
pub(super) fn run(
    args: &CheckArgs,
    common: CommonArgs,
    (policy, state): (&Judged, &[Manifest]),
    (progress, mut input): (Progress, Input),
) -> Result<Exit> {
    let mut before = Texts::new();
    for _ in 0..ROUNDS {
        let judged = policy.anew(state)?;
        let report = Judging::new(&judged, &Limits::default(), &progress).report(&input)?;
        let Amended { texts, left } = Amended::of(&input, &report);
        if texts.is_empty() {
            drop(progress);
            let written = if args.diff {
                Written::shown(&input, &before, common)
            } else {
                Written::saved(&input, &before)
            };
            return finish(args, common, &report, &left, &written?);
        }
        drop(report);
        for (position, text) in texts {
            let old = input.replace(position, text, &args.namespace, &policy.judge);
            old.map(|old| before.entry(position).or_insert(old));
        }
        progress.found(input.objects().count());
    }
    bail!("nothing is written: after {ROUNDS} times the policy still finds something to add to what it added")
}

/// Tells what remains, what was written and what is left: on stdout, unless that is for a text or for scripts.
fn finish(
    args: &CheckArgs,
    common: CommonArgs,
    report: &Report<'_>,
    left: &[String],
    written: &Written,
) -> Result<Exit> {
    let mut notes: String = left.iter().chain(&written.failed).map(|note| format!("{note}\n")).collect();
    if !common.quiet {
        notes.extend(written.summary());
    }
    if args.takes_stdout() {
        output::aside(&(text(report, common.look(common.color.on_stderr())) + &notes));
    } else {
        let (result, aside) = match args.output {
            super::Output::Text => (told(report, args.output, common) + &notes, String::new()),
            output => (told(report, output, common), notes),
        };
        print(result.as_bytes())?;
        output::aside(&aside);
    }
    Ok(if written.failed.is_empty() { exit(report) } else { Exit::Unjudged })
}

/// What can be written, and what is left as it is, with its reason.
#[derive(Default)]
struct Amended {
    texts: Texts,
    left: Vec<String>,
}

// === impl Amended ===

impl Amended {
    fn of(input: &Input, report: &Report<'_>) -> Self {
        let mut amended = Self::default();
        let mut judgements = report.judgements.iter();
        for (position, file) in input.files.iter().enumerate() {
            let judgements: Vec<_> = judgements.by_ref().take(file.objects.len()).collect();
            let text = amended.file(file, &judgements);
            amended.texts.extend(text.map(|text| (position, text)));
        }
        amended
    }

    /// A file's new text, if there is one.
    fn file(&mut self, file: &File, judgements: &[&Judgement<'_>]) -> Option<String> {
        let wanted: Vec<Wanted> = judgements.iter().filter_map(|judgement| self.wanted(judgement)).collect();
        if wanted.is_empty() {
            return None;
        }
        let amended = amend(&file.text, &wanted).map_err(|reason| self.leave(&file.name, reason)).ok()?;
        for left in amended.left {
            let object = judgements.iter().find(|judgement| judgement.object.bytes.start == left.start);
            self.leave(&object.map_or_else(|| file.name.clone(), |object| place(object)), left.reason);
        }
        (amended.text != file.text).then_some(amended.text)
    }

    /// What is to be written of an object; of one that exists already, nothing.
    fn wanted(&mut self, judgement: &Judgement<'_>) -> Option<Wanted> {
        let changes = changes::of(judgement).map_err(|reason| self.leave(&place(judgement), reason)).ok()?;
        if changes.is_empty() {
            return None;
        }
        match migration::steps(judgement.object, &changes) {
            Some(steps) => {
                self.left.push(format!("note: {}: {steps}", place(judgement)));
                None
            }
            None => Some(Wanted { start: judgement.object.bytes.start, changes }),
        }
    }

    fn leave(&mut self, what: &str, reason: ordinance_amend::Reason) {
        self.left.push(format!("note: {what}: left as it is: {reason}"));
    }
}

fn place(judgement: &Judgement<'_>) -> String {
    format!("{}:{}: {}", judgement.file, judgement.object.line, judgement.title())
}
