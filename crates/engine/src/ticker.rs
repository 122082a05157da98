//! The thread that moves the engine's epoch, and with it ends evaluations that take too long.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use wasmtime::Engine;

/// The time between two ticks: how exact a deadline is.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// The thread; it ends when this is dropped.
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
            // It has nothing that could panic, and nobody to tell if it did.
            let _ = thread.join();
        }
    }
}
