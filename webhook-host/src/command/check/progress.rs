//! How far it is, on a terminal, when it takes longer than a second.

use crate::command::output::is_steered;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Nobody needs to be told of less.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two lines.
const PAUSE: Duration = Duration::from_millis(100);

/// Counts; tells them until it is dropped.
pub(super) struct Progress {
    counts: Arc<Counts>,
    teller: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Counts {
    found: AtomicUsize,
    judged: AtomicUsize,
}

// === impl Progress ===

impl Progress {
    /// Counts from now on; what it counts is told if stderr is a terminal.
    pub(super) fn start(is_told: bool) -> Self {
        let counts = Arc::new(Counts::default());
        let teller = if is_told && is_steered(&io::stderr()) { teller(Arc::clone(&counts)) } else { None };
        Self { counts, teller }
    }

    /// Tells nothing more, and clears what it told.
    pub(super) fn end(&mut self) {
        if let Some((stop, thread)) = self.teller.take() {
            drop(stop);
            // It has nothing that could panic, and nobody to tell if it did.
            let _ = thread.join();
        }
    }

    /// So many objects more are to be judged.
    pub(super) fn found(&self, objects: usize) {
        self.counts.found.fetch_add(objects, Ordering::Relaxed);
    }

    /// One of them is.
    pub(super) fn judged(&self) {
        self.counts.judged.fetch_add(1, Ordering::Relaxed);
    }
}

/// Without a thread nothing is told.
fn teller(counts: Arc<Counts>) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel::<()>();
    let tell = move || {
        let mut pause = PATIENCE;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            pause = PAUSE;
            write(&counts.line());
        }
        if pause == PAUSE {
            write("");
        }
    };
    let thread = Builder::new().name("progress".to_owned()).spawn(tell).ok()?;
    Some((stop, thread))
}

/// In the place of the line before.
fn write(line: &str) {
    // There is nobody left to tell.
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
