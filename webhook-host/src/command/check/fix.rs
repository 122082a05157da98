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
use ordinance_amend::{ObjectChanges, amend};
use ordinance_manifests::Manifest;
use ordinance_report::{Judgement, Report, text};
use rayon::prelude::*;
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
        let amended = amended(&input, &report);
        if amended.iter().all(|file| file.text.is_none()) {
            drop(progress);
            let left: Vec<String> = amended.into_iter().flat_map(|file| file.left).collect();
            let written = match args.diff {
                true => Written::shown(&input, &before, common)?,
                false => Written::saved(&input, &before)?,
            };
            return finish(args, common, &report, &left, &written);
        }
        drop(report);
        let texts = amended.into_iter().map(|file| file.text).enumerate();
        for (position, text) in texts.filter_map(|(position, text)| Some((position, text?))) {
            let old = input.replace(position, text, &args.given.namespace, &policy.judge);
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

/// What can be written of a file, and what is left as it is, with its reason.
#[derive(Default)]
struct Amended {
    /// The file's new text, if there is one.
    text: Option<String>,
    left: Vec<String>,
}

/// What can be written of every file in its order; they are amended side by side.
fn amended(input: &Input, report: &Report<'_>) -> Vec<Amended> {
    let mut rest = &report.judgements[..];
    let files = input.files.iter().map(|file| {
        let (own, later) = rest.split_at(file.objects.len());
        rest = later;
        (file, own)
    });
    let files: Vec<(&File, &[Judgement<'_>])> = files.collect();
    files.into_par_iter().map(|(file, judgements)| Amended::of(file, judgements)).collect()
}

// === impl Amended ===

impl Amended {
    fn of(file: &File, judgements: &[Judgement<'_>]) -> Self {
        let mut amended = Self::default();
        let wanted: Vec<ObjectChanges> =
            judgements.iter().filter_map(|judgement| amended.wanted(judgement)).collect();
        if !wanted.is_empty() {
            amended.write(file, judgements, &wanted);
        }
        amended
    }

    fn write(&mut self, file: &File, judgements: &[Judgement<'_>], wanted: &[ObjectChanges]) {
        let written = match amend(&file.text, wanted) {
            Ok(written) => written,
            Err(reason) => return self.leave(&file.name, reason),
        };
        for left in written.left {
            let object =
                judgements.binary_search_by_key(&left.start, |judgement| judgement.object.bytes.start);
            let object = object.ok().and_then(|place| judgements.get(place));
            self.leave(&object.map_or_else(|| file.name.clone(), titled), left.reason);
        }
        self.text = Some(written.text).filter(|text| *text != file.text);
    }

    /// What is to be written of an object; of one that exists already, nothing.
    fn wanted(&mut self, judgement: &Judgement<'_>) -> Option<ObjectChanges> {
        let changes = changes::of(judgement).map_err(|reason| self.leave(&titled(judgement), reason)).ok()?;
        if changes.is_empty() {
            return None;
        }
        match migration::steps(judgement.object, &changes) {
            Some(steps) => {
                self.left.push(format!("note: {}: {steps}", titled(judgement)));
                None
            }
            None => Some(ObjectChanges { start: judgement.object.bytes.start, changes }),
        }
    }

    fn leave(&mut self, what: &str, reason: ordinance_amend::Reason) {
        self.left.push(format!("note: {what}: left as it is: {reason}"));
    }
}

fn titled(judgement: &Judgement<'_>) -> String {
    format!("{}: {}", judgement.place(), judgement.title())
}
