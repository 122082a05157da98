//! The configuration of the Wasm engine, for compiling ahead and for running.
//!
//! The engine refuses to load an artefact that was compiled with other settings. So the build script that compiles the
//! built-in policy and the process that runs it both call [`config`].

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Result};

/// Bytes of an instance's memory that stay resident between reviews: what a review of 100 KiB touches. Resetting them
/// costs a copy; returning them to the system costs a system call under a process-wide lock.
const KEEP_RESIDENT: usize = 1024 * 1024;

/// Bytes of an instance's table that stay resident. The built-in policy's table has a few hundred elements.
const TABLE_KEEP_RESIDENT: usize = 16 * 1024;

/// How well Cranelift optimises. A development build runs a Cranelift with `opt-level = 1`, for which `Speed` costs too
/// much.
const OPTIMISATION: OptLevel = if cfg!(debug_assertions) { OptLevel::None } else { OptLevel::Speed };

/// The core modules that a component may instantiate. Only one of them may have a memory; the others are the adapters and
/// tables of shared functions that toolchains add, e.g. three for a policy in JavaScript on QuickJS.
const CORE_INSTANCES: u32 = 64;

/// The tables that a component may have: one for the policy, and one for each adapter.
const TABLES: u32 = 4;

/// The size of the process's pool of instances, and the limits of each instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Concurrent instances.
    pub instances: u32,
    /// Bytes of an instance's linear memory.
    pub memory: usize,
    /// Elements of an instance's table.
    pub table: usize,
    /// Bytes of an instance's stack.
    pub stack: usize,
}

/// Returns the configuration for this machine, or for the baseline of a target triple when compiling ahead.
///
/// # Errors
///
/// Cranelift does not compile for the target.
pub fn config(limits: &PoolLimits, target: Option<&str>) -> Result<Config> {
    let mut config = Config::new();
    if let Some(target) = target {
        config.target(target)?;
    }
    features(&mut config);
    config
        .epoch_interruption(true)
        .cranelift_opt_level(OPTIMISATION)
        .generate_address_map(false)
        .native_unwind_info(false)
        .max_wasm_stack(limits.stack)
        .async_stack_size(limits.stack.max(2 * 1024 * 1024))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    Ok(config)
}

/// Enables components, the core features that rustc uses by default, and SIMD. Constant expressions that add are accepted too: the
/// position-independent code of other toolchains needs them, and they run once per instance, without loops.
fn features(config: &mut Config) {
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_multi_value(true)
        .wasm_bulk_memory(true)
        .wasm_tail_call(false)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_extended_const(true);
}

/// Returns a pool of slots that are allocated once and reused, so that a new instance costs no system call.
fn pool(limits: &PoolLimits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits.instances)
        .total_core_instances(limits.instances.saturating_mul(CORE_INSTANCES))
        .total_memories(limits.instances)
        .total_tables(limits.instances.saturating_mul(TABLES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES)
        .max_memory_size(limits.memory)
        .table_elements(limits.table)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

// === impl PoolLimits ===

impl Default for PoolLimits {
    /// Returns one instance of the default size. A compiler creates no instance.
    fn default() -> Self {
        Self { instances: 1, memory: 64 * 1024 * 1024, table: 10_000, stack: 512 * 1024 }
    }
}
