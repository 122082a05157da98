//! Runs policies: a fresh instance of a pre-linked component for every review, within limits.
//!
//! An [`Engine`] is the process's room for instances, a [`Policy`] a component in it with its settings. Nothing survives
//! a review: the instance is thrown away, and with it all that the guest wrote.

mod bindings;
mod budget;
mod load;
mod policy;
mod ticker;
mod unmanaged;

pub use load::{Fault, LoadError};
pub use policy::{Inquiry, Opened, Policy};

use crate::limits::Limits;
use budget::Budget;
use ordinance_engine_config::{Room, config};
use std::sync::Arc;
use ticker::Ticker;

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

// === impl Engine ===

impl Engine {
    /// Reserves address space for the instances, and starts the thread that ends those which run too long.
    ///
    /// # Errors
    ///
    /// The machine can't give as much address space, or no thread.
    pub fn new(limits: &Limits) -> Result<Self, EngineError> {
        let room = Room {
            instances: limits.policy_instances,
            memory: limits.policy_memory,
            table: limits.policy_table,
            stack: limits.policy_stack,
        };
        let wasm = config(&room, None)
            .and_then(|config| wasmtime::Engine::new(&config))
            .map_err(|error| EngineError(format!("{error:#}")))?;
        let ticker = Ticker::start(wasm.clone()).map_err(|error| EngineError(error.to_string()))?;
        Ok(Self { wasm, budget: Budget::new(limits), _ticker: Arc::new(ticker) })
    }

    /// The version of wasmtime within.
    pub const fn wasmtime_version() -> &'static str {
        ordinance_builtin::WASMTIME
    }
}
