//! Runs policies: a fresh instance of a pre-linked component for every review, within limits.
//!
//! An [`Engine`] is the process's room for instances, a [`Policy`] a component in it with its settings. Nothing survives
//! a review: the instance is thrown away, and with it all that the guest wrote.

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
pub use load::{Fault, LoadError};
pub use place::Place;
pub use policy::{Inquiry, Opened, Policy};

use budget::Budget;
use std::sync::Arc;
use std::time::Duration;
use ticker::Ticker;

/// What evaluations may use, of the whole process and each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// The instances of the process, and the memory, table and stack of each.
    pub room: Room,
    /// Bytes of one answer.
    pub output: usize,
    /// How long one evaluation may take.
    pub time: Duration,
}

/// The process's room for instances. Clones share it.
#[derive(Clone)]
pub struct Engine {
    wasm: wasmtime::Engine,
    budget: Budget,
    _ticker: Arc<Ticker>,
}

/// Why there is no engine on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the Wasm engine can't start with these limits: {0}")]
pub struct EngineError(String);

// === impl EngineLimits ===

impl Default for EngineLimits {
    /// 64 instances of 64 MiB, answers of 1 MiB, one second.
    fn default() -> Self {
        Self {
            room: Room { instances: 64, memory: 64 * 1024 * 1024, table: 10_000, stack: 512 * 1024 },
            output: 1024 * 1024,
            time: Duration::from_secs(1),
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Reserves address space for the instances, and starts the thread that ends those which run too long.
    ///
    /// # Errors
    ///
    /// The machine can't give as much address space, or no thread.
    pub fn new(limits: EngineLimits) -> Result<Self, EngineError> {
        let wasm = config(&limits.room, None)
            .and_then(|config| wasmtime::Engine::new(&config))
            .map_err(|error| EngineError(format!("{error:#}")))?;
        let ticker = Ticker::start(wasm.clone()).map_err(|error| EngineError(error.to_string()))?;
        Ok(Self { wasm, budget: Budget::new(limits), _ticker: Arc::new(ticker) })
    }

    /// The version of wasmtime within.
    pub const fn wasmtime_version() -> &'static str {
        builtin::WASMTIME
    }
}
