//! Runs policies: each review gets a fresh instance of a pre-linked component, within limits.
//!
//! An [`Engine`] owns the process's slots for instances. A [`Policy`] is a component with its settings. Nothing survives a
//! review: the instance is dropped, and everything that the guest wrote with it.

mod bindings;
mod budget;
pub mod builtin;
mod config;
mod failure;
mod load;
mod place;
mod policy;
mod ticker;
mod unmanaged;

pub use config::{Room, config};
pub use failure::Failure;
pub use load::{LoadError, LoadErrorKind, is_label};
pub use place::Place;
pub use policy::{Inquiry, Opened, Policy};

use budget::Budget;
use std::sync::Arc;
use std::time::Duration;
use ticker::Ticker;

/// The resources of all evaluations together, and of each one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// The instances of the process, with the memory, table and stack of each.
    pub room: Room,
    /// Size of one answer, in bytes.
    pub output: usize,
    /// Duration of one evaluation.
    pub time: Duration,
}

/// The process's slots for instances. Clones share them.
#[derive(Clone)]
pub struct Engine {
    wasm: wasmtime::Engine,
    budget: Budget,
    _ticker: Arc<Ticker>,
}

/// Why the engine can't start on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the Wasm engine can't start with these limits: {0}")]
pub struct EngineError(String);

// === impl EngineLimits ===

impl Default for EngineLimits {
    /// Returns 64 instances of the default size, answers of 1 MiB, and one second.
    fn default() -> Self {
        Self {
            room: Room { instances: 64, ..Room::default() },
            output: 1024 * 1024,
            time: Duration::from_secs(1),
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Reserves address space for the instances, and starts the thread that enforces time limits.
    ///
    /// # Errors
    ///
    /// The machine lacks the address space or the thread.
    pub fn new(limits: EngineLimits) -> Result<Self, EngineError> {
        let wasm = config(&limits.room, None)
            .and_then(|config| wasmtime::Engine::new(&config))
            .map_err(|error| EngineError(format!("{error:#}")))?;
        let ticker = Ticker::start(wasm.clone()).map_err(|error| EngineError(error.to_string()))?;
        Ok(Self { wasm, budget: Budget::new(limits), _ticker: Arc::new(ticker) })
    }

    /// Returns the version of wasmtime.
    pub const fn wasmtime_version() -> &'static str {
        builtin::WASMTIME
    }
}
