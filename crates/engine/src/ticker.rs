//! The thread that advances the engine's epoch, so that evaluations end at their deadline.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use wasmtime::Engine;

/// The time between two ticks, and so the precision of deadlines.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// The ticking thread. Dropping it ends the thread.
pub(super) struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Ticker ===

impl Ticker {
    pub(super) fn start(engine: Engine) -> io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let thread = Builder::new().name("epoch".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // The thread does not panic, and a panic could not be reported here.
            let _ = thread.join();
        }
    }
}
