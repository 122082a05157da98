//! `--fix` and `--diff`: writes patches and fixes into manifests, or shows what would be written.
//!
//! After each round everything is reviewed again, since a change may affect other objects, until there is nothing more to
//! write. Files are written only then. The remaining findings are reported as without `--fix`.

mod changes;
mod migration;
mod written;

use super::input::{Input, InputFile};
use super::judging::Judging;
use super::progress::Progress;
use super::{CheckArgs, exit, told};
use crate::command::policies::ServedPolicy;
use crate::command::{CommonArgs, Exit, output, print};
use crate::limits::Limits;
use anyhow::{Result, bail};
use ordinance_amend::{ObjectChanges, amend};
use ordinance_manifests::Manifest;
use ordinance_report::{CheckedObject, Report, text};
use rayon::prelude::*;
use std::collections::BTreeMap;
use written::Written;

/// Rounds of reviews: a sub-path, then its variables, then the marks of its claims, and some more.
const ROUNDS: usize = 8;

/// The texts of files, by the position of the file in the input.
type Texts = BTreeMap<usize, String>;

/// Reviews the input, writes or shows the changes, and reports the remaining findings.
pub(super) fn run(
    args: &CheckArgs,
    common: CommonArgs,
    (policy, state): (&ServedPolicy, &[Manifest]),
    (progress, mut input): (Progress, Input),
) -> Result<Exit> {
    let mut before = Texts::new();
    for _ in 0..ROUNDS {
        let judged = policy.reset(state)?;
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
    bail!("nothing is written: after {ROUNDS} rounds the policy still changes what it changed before")
}

/// Reports the remaining findings, the files written and the objects left: on stdout, unless stdout is reserved for manifests
/// or for scripts.
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
        output::aside(&(text(report, common.style(common.color.on_stderr())) + &notes));
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

/// The new text of a file, and the objects that stay as they are.
#[derive(Default)]
struct Amended {
    /// `None` if nothing changes.
    text: Option<String>,
    left: Vec<String>,
}

/// The new text of every file, in order. Files are edited in parallel.
fn amended(input: &Input, report: &Report<'_>) -> Vec<Amended> {
    let mut rest = &report.objects[..];
    let files = input.files.iter().map(|file| {
        let (own, later) = rest.split_at(file.objects.len());
        rest = later;
        (file, own)
    });
    let files: Vec<(&InputFile, &[CheckedObject<'_>])> = files.collect();
    files.into_par_iter().map(|(file, objects)| Amended::of(file, objects)).collect()
}

// === impl Amended ===

impl Amended {
    fn of(file: &InputFile, objects: &[CheckedObject<'_>]) -> Self {
        let mut amended = Self::default();
        let wanted: Vec<ObjectChanges> =
            objects.iter().filter_map(|checked| amended.wanted(checked)).collect();
        if !wanted.is_empty() {
            amended.write(file, objects, &wanted);
        }
        amended
    }

    fn write(&mut self, file: &InputFile, objects: &[CheckedObject<'_>], wanted: &[ObjectChanges]) {
        let written = match amend(&file.text, wanted) {
            Ok(written) => written,
            Err(reason) => return self.leave(&file.name, &reason.to_string()),
        };
        for left in written.left {
            let object = objects.binary_search_by_key(&left.start, |checked| checked.object.bytes.start);
            let object = object.ok().and_then(|place| objects.get(place));
            self.leave(&object.map_or_else(|| file.name.clone(), titled), &left.reason.to_string());
        }
        self.text = Some(written.text).filter(|text| *text != file.text);
    }

    /// The changes of an object; none of an object that is stored already.
    fn wanted(&mut self, checked: &CheckedObject<'_>) -> Option<ObjectChanges> {
        let changes = changes::of(checked).map_err(|reason| self.leave(&titled(checked), &reason)).ok()?;
        if changes.is_empty() {
            return None;
        }
        match migration::note(checked) {
            Some(note) => {
                self.left.push(format!("note: {}: {note}", titled(checked)));
                None
            }
            None => Some(ObjectChanges { start: checked.object.bytes.start, changes }),
        }
    }

    fn leave(&mut self, what: &str, reason: &str) {
        self.left.push(format!("note: {what}: left as it is: {reason}"));
    }
}

fn titled(checked: &CheckedObject<'_>) -> String {
    format!("{}: {}", checked.place(), checked.title())
}
