//! Loads the components of tests.

use ordinance_contract::{Operation, Phase, Request, Scope};
use ordinance_engine::{Engine, EngineLimits, LoadError, Policy, PoolLimits, WasiImports};
use ordinance_testkit::guest::component;
use std::io::Write;
use tempfile::NamedTempFile;

/// Returns the default limits with this number of instances.
pub fn limits(instances: u32) -> EngineLimits {
    let limits = EngineLimits::default();
    EngineLimits { pool: PoolLimits { instances, ..limits.pool }, ..limits }
}

/// Loads these bytes from a file.
pub fn load(engine: &Engine, bytes: &[u8]) -> Result<Policy, LoadError> {
    load_with(engine, bytes, WasiImports::Refused)
}

/// Loads these bytes from a file, which may import WASI.
pub fn load_with(engine: &Engine, bytes: &[u8], wasi: WasiImports) -> Result<Policy, LoadError> {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room on the disk");
    Policy::load_with(engine, file.path(), "", wasi)
}

/// Returns a policy whose `review` runs these instructions before it allows.
pub fn policy(engine: &Engine, review: &str, more: &str) -> Policy {
    load(engine, &component(review, more)).expect("a policy that can be loaded")
}

/// Returns the creation of a thing.
pub fn request() -> Request<'static> {
    Request {
        operation: Operation::Create,
        phase: Phase::Mutate,
        scope: Scope { resource: "things".into(), name: "one".into(), ..Scope::default() },
        kind: "Thing".into(),
        dry_run: false,
        user_info: "".into(),
        object: Some("{}".into()),
        old_object: None,
    }
}
