//! `--watch`: runs the cases again whenever a file changes.
//!
//! The files are polled, since that works on every file system, and a suite has few.

use super::{TestArgs, run_once};
use crate::command::exit::Exit;
use crate::command::output::{self, CommonArgs};
use anyhow::Result;
use ordinance_workshop::newer_source;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_millis(300);

/// The size and time of the last change of each file.
type Snapshot = BTreeMap<PathBuf, Option<(u64, SystemTime)>>;

/// Runs the cases, and again after each change, until the process is ended.
pub(super) fn run(args: &TestArgs, common: CommonArgs) -> Result<Exit> {
    loop {
        let before = snapshot(args);
        if let Err(error) = run_once(args, common) {
            output::error(common.color, &error);
        }
        if !common.quiet {
            output::print_to_stderr("waiting for a change of a case or of the policy; Ctrl-C ends\n");
        }
        // Blessing changes files itself.
        let before = if args.bless { snapshot(args) } else { before };
        while snapshot(args) == before {
            sleep(INTERVAL);
        }
        settle(args);
    }
}

/// Waits until nothing changes any more, so that a half-written file is not run.
fn settle(args: &TestArgs) {
    let mut last = snapshot(args);
    loop {
        sleep(INTERVAL / 3);
        let next = snapshot(args);
        if next == last {
            return;
        }
        last = next;
    }
}

fn snapshot(args: &TestArgs) -> Snapshot {
    let mut snapshot = Snapshot::new();
    let component = args.component().ok().and_then(|component| component.policy);
    for path in args.paths().into_iter().chain(component.as_deref()) {
        add(path, &mut snapshot);
    }
    // A source that is newer than the component: the next run warns of it.
    if let Some(component) = component.as_deref()
        && let Some(source) = newer_source(component)
    {
        add(&component.with_file_name(source), &mut snapshot);
    }
    snapshot
}

/// Adds a file, or the files of a folder. What can't be read counts as absent.
fn add(path: &Path, snapshot: &mut Snapshot) {
    let Ok(metadata) = std::fs::metadata(path) else {
        snapshot.insert(path.to_owned(), None);
        return;
    };
    if metadata.is_dir() {
        for file in ordinance_case::files(path).unwrap_or_default() {
            let metadata = std::fs::metadata(&file).ok();
            snapshot.insert(file, metadata.as_ref().and_then(state));
        }
    } else {
        snapshot.insert(path.to_owned(), state(&metadata));
    }
}

fn state(metadata: &std::fs::Metadata) -> Option<(u64, SystemTime)> {
    Some((metadata.len(), metadata.modified().ok()?))
}
