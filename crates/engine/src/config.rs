//! One configuration of the Wasm engine, for compiling ahead and for running.
//!
//! The engine refuses to load an artefact that was compiled with other settings. So the build script that compiles the
//! built-in policy and the process that runs it both call [`config`].

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Result};

/// Bytes of an instance's memory that stay resident between reviews: what a review of 100 KiB touches. Resetting them
/// costs a copy; returning them to the system costs a system call under a process-wide lock.
const KEEP_RESIDENT: usize = 1024 * 1024;

/// Bytes of an instance's table that stay resident. The built-in policy's table has a few hundred elements.
const TABLE_KEEP_RESIDENT: usize = 16 * 1024;

/// The instances of the process, and the size of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
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
pub fn config(room: &Room, target: Option<&str>) -> Result<Config> {
    let mut config = Config::new();
    if let Some(target) = target {
        config.target(target)?;
    }
    features(&mut config);
    config
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .generate_address_map(false)
        .native_unwind_info(false)
        .max_wasm_stack(room.stack)
        .async_stack_size(room.stack.max(2 * 1024 * 1024))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(room)));
    Ok(config)
}

/// Enables components, and the core features that rustc uses by default.
fn features(config: &mut Config) {
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_multi_value(true)
        .wasm_bulk_memory(true)
        .wasm_tail_call(false)
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_extended_const(false);
}

/// Returns a pool of slots that are allocated once and reused, so that a new instance costs no system call.
fn pool(room: &Room) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(room.instances)
        .total_core_instances(room.instances)
        .total_memories(room.instances)
        .total_tables(room.instances)
        .max_core_instances_per_component(1)
        .max_memories_per_component(1)
        .max_tables_per_component(1)
        .max_memory_size(room.memory)
        .table_elements(room.table)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

// === impl Room ===

impl Default for Room {
    /// Returns one instance of the default size. A compiler creates no instance.
    fn default() -> Self {
        Self { instances: 1, memory: 64 * 1024 * 1024, table: 10_000, stack: 512 * 1024 }
    }
}
