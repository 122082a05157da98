//! Runs policies: each review has an instance of a pre-linked component for itself, within limits.
//!
//! An [`Engine`] owns the process's pool of instances. A [`Policy`] is a component with its settings. After a review, the instance
//! and its memory are dropped; those of the built-in policy serve several small reviews (`reuse.rs`).

mod anatomy;
mod artefact_cache;
mod bindings;
mod budget;
pub mod builtin;
mod code_memory;
mod config;
mod description_fault;
mod execution;
mod failure;
mod features;
mod functions;
mod guest;
mod load;
mod managed_fields;
mod metered;
mod plain_text;
mod policy;
mod reuse;
mod ticker;
mod trace;
mod wasi;

pub use anatomy::{Anatomy, BinaryKind, Producer, SectionSize};
pub use artefact_cache::{ARTEFACT_BYTES, ArtefactCache, CACHED_ARTEFACTS};
pub use code_memory::Artefact;
pub use config::{PoolLimits, config};
pub use description_fault::is_label;
pub use execution::Execution;
pub use failure::{Failure, UnreservedObject};
pub use load::{LoadError, LoadErrorKind, component_bytes};
pub use metered::{Metered, Usage};
pub use policy::{PendingReview, Policy, StartedReview, UNCHECKED_BYTES};
pub use reuse::{REUSED_MEMORY, REVIEWS_OF_AN_INSTANCE};
pub use trace::{ReviewStep, ReviewTrace, StepCost};
pub use wasi::{RANDOM_BYTES, WasiImports};

use budget::Budget;
use reuse::IdleInstances;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ticker::Ticker;
use wasmtime::component::Component;

/// The resources of all evaluations together, and of each one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// The number of instances of the process, with the memory, table and stack of each.
    pub pool: PoolLimits,
    /// Size of one answer, in bytes.
    pub output: usize,
    /// Duration of one evaluation.
    pub time: Duration,
}

/// The largest component that is loaded, in bytes. The built-in policy has less than 1 MiB.
pub const COMPONENT_BYTES: usize = 64 * 1024 * 1024;

/// The longest settings that a policy may return from `check-settings`, in bytes: every review gets them.
pub const PREPARED_BYTES: usize = 256 * 1024;

/// The process's pool of instances. Clones share it.
#[derive(Clone)]
pub struct Engine {
    wasm: wasmtime::Engine,
    /// The engine of code without time checks, started with the first built-in policy.
    unchecked: Arc<OnceLock<wasmtime::Engine>>,
    built_in: Arc<BuiltIn>,
    pool: PoolLimits,
    budget: Budget,
    metering: Metering,
    /// Where compiled components are kept; `None` if they are not.
    artefacts: Option<Arc<ArtefactCache>>,
    _ticker: Arc<Ticker>,
}

/// The components and the idle instances of the built-in policy, which all built-in policies of an engine share.
#[derive(Default)]
struct BuiltIn {
    checked: OnceLock<Component>,
    /// Without time checks.
    unchecked: OnceLock<Component>,
    /// Instances without time checks.
    idle: Arc<IdleInstances>,
}

/// Whether instances count the fuel that they burn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metering {
    /// They do, at a third more time.
    On,
    /// They do not, so that the artefact that was compiled ahead fits.
    Off,
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
            pool: PoolLimits { instances: 64, ..PoolLimits::default() },
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
        Self::with_metering(limits, Metering::Off)
    }

    /// Starts an engine that also counts fuel, for tests and benchmarks. Fuel is about the number of executed instructions. It
    /// is exact: the same call of the same component burns the same fuel on every machine.
    ///
    /// Reviews take a third longer, and the built-in policy is compiled when it is loaded. Everything else is as with
    /// [`Engine::new`].
    ///
    /// # Errors
    ///
    /// As [`Engine::new`].
    pub fn metered(limits: EngineLimits) -> Result<Self, EngineError> {
        Self::with_metering(limits, Metering::On)
    }

    fn with_metering(limits: EngineLimits, metering: Metering) -> Result<Self, EngineError> {
        let wasm = started(&limits.pool, |config| config.consume_fuel(metering == Metering::On))?;
        let ticker = Ticker::start(wasm.clone()).map_err(|error| EngineError(error.to_string()))?;
        Ok(Self {
            wasm,
            unchecked: Arc::default(),
            built_in: Arc::default(),
            pool: limits.pool,
            budget: Budget::new(limits, metering),
            metering,
            artefacts: None,
            _ticker: Arc::new(ticker),
        })
    }

    /// Returns the engine of code without time checks.
    fn without_time_checks(&self) -> Result<&wasmtime::Engine, EngineError> {
        if let Some(engine) = self.unchecked.get() {
            return Ok(engine);
        }
        // Idle instances take no place of others.
        let instances = self.pool.instances.saturating_add(self.built_in.idle.most());
        let pool = PoolLimits { instances, ..self.pool };
        let engine = started(&pool, |config| config.epoch_interruption(false))?;
        Ok(self.unchecked.get_or_init(|| engine))
    }

    /// Keeps what it compiles, and does not compile it again.
    #[must_use]
    pub fn with_cache(self, cache: Option<ArtefactCache>) -> Self {
        Self { artefacts: cache.map(Arc::new), ..self }
    }

    /// Returns the version of wasmtime.
    pub const fn wasmtime_version() -> &'static str {
        builtin::WASMTIME
    }
}

/// Starts an engine of wasmtime whose configuration differs by a change from that of every engine.
fn started(
    pool: &PoolLimits,
    change: impl FnOnce(&mut wasmtime::Config) -> &mut wasmtime::Config,
) -> Result<wasmtime::Engine, EngineError> {
    let engine = config(pool, None)
        .and_then(|mut config| wasmtime::Engine::new(code_memory::allow_in_place(change(&mut config))));
    engine.map_err(|error| EngineError(format!("{error:#}")))
}
