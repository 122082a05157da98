//! The progress of a run on a terminal, once it takes longer than a second.

use crate::command::output::supports_escapes;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Shorter runs show no progress.
const DELAY: Duration = Duration::from_secs(1);

/// The interval between two lines.
const INTERVAL: Duration = Duration::from_millis(100);

/// The counts of a run, shown until this is dropped.
pub(in crate::command) struct Progress {
    counts: Arc<Counts>,
    display: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Counts {
    files: AtomicUsize,
    found: AtomicUsize,
    reviewed: AtomicUsize,
}

// === impl Progress ===

impl Progress {
    /// Starts to count. Shows the counts if `is_shown` and stderr is a terminal.
    pub(in crate::command) fn start(is_shown: bool) -> Self {
        let counts = Arc::new(Counts::default());
        let display =
            if is_shown && supports_escapes(&io::stderr()) { display(Arc::clone(&counts)) } else { None };
        Self { counts, display }
    }

    /// Stops the display and clears its line. Dropping the value does the same.
    pub(in crate::command) fn end(&mut self) {
        if let Some((stop, thread)) = self.display.take() {
            drop(stop);
            // The thread does not panic, and a missing display would not be worth an error.
            let _ = thread.join();
        }
    }

    /// Clears the line, calls `write`, and shows the counts again.
    pub(in crate::command) fn pause(&mut self, write: impl FnOnce()) {
        let is_shown = self.display.is_some();
        self.end();
        write();
        if is_shown {
            self.display = display(Arc::clone(&self.counts));
        }
    }

    /// Adds a file that was read, with the number of its objects.
    pub(in crate::command) fn add_read(&self, objects: usize) {
        self.counts.files.fetch_add(1, Ordering::Relaxed);
        self.add_found(objects);
    }

    /// Adds objects that will be reviewed.
    pub(in crate::command) fn add_found(&self, objects: usize) {
        self.counts.found.fetch_add(objects, Ordering::Relaxed);
    }

    /// Counts a reviewed object.
    pub(in crate::command) fn add_reviewed(&self) {
        self.counts.reviewed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts the thread that shows the counts, or returns `None` if the system has no resources for it.
fn display(counts: Arc<Counts>) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel::<()>();
    let show = move || {
        let mut pause = DELAY;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            pause = INTERVAL;
            write(&counts.line());
        }
        if pause == INTERVAL {
            write("");
        }
    };
    let thread = Builder::new().name("progress".to_owned()).spawn(show).ok()?;
    Some((stop, thread))
}

/// Replaces the previous line.
fn write(line: &str) {
    // An error of stderr can't be reported anywhere.
    let _ = write!(io::stderr().lock(), "\r\x1b[K{line}");
}

// === impl Counts ===

impl Counts {
    fn line(&self) -> String {
        let files = self.files.load(Ordering::Relaxed);
        let (found, reviewed) = (self.found.load(Ordering::Relaxed), self.reviewed.load(Ordering::Relaxed));
        if reviewed == 0 {
            format!("reading, {files} files with {found} objects so far")
        } else {
            format!("{reviewed} of {found} objects judged")
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
