//! The progress of a run on a terminal, once it takes longer than a second.

use crate::command::output::is_steered;
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

/// The counts, shown until this is dropped.
pub(super) struct Progress {
    counts: Arc<Counts>,
    display: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Counts {
    found: AtomicUsize,
    judged: AtomicUsize,
}

// === impl Progress ===

impl Progress {
    /// Starts to count. Shows the counts if `is_shown` and stderr is a terminal.
    pub(super) fn start(is_shown: bool) -> Self {
        let counts = Arc::new(Counts::default());
        let display = if is_shown && is_steered(&io::stderr()) { display(Arc::clone(&counts)) } else { None };
        Self { counts, display }
    }

    /// Stops the display and clears its line.
    pub(super) fn end(&mut self) {
        if let Some((stop, thread)) = self.display.take() {
            drop(stop);
            // The thread has nothing that could panic, and the display is not worth an error.
            let _ = thread.join();
        }
    }

    /// Adds objects that will be reviewed.
    pub(super) fn found(&self, objects: usize) {
        self.counts.found.fetch_add(objects, Ordering::Relaxed);
    }

    /// Counts a reviewed object.
    pub(super) fn judged(&self) {
        self.counts.judged.fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts the thread that shows the counts. `None` if it can't be started.
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
    // An error of stderr has nowhere to go.
    let _ = write!(io::stderr().lock(), "\r\x1b[K{line}");
}

// === impl Counts ===

impl Counts {
    fn line(&self) -> String {
        let (found, judged) = (self.found.load(Ordering::Relaxed), self.judged.load(Ordering::Relaxed));
        if judged == 0 {
            format!("reading, {found} objects so far")
        } else {
            format!("{judged} of {found} objects judged")
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
