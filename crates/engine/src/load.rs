//! Loads a policy from a file or from the embedded artefact, and checks it.
//!
//! An operator's component is compiled at load time. Compiled artefacts are machine code, so only the embedded one is
//! loaded.

use super::Engine;
use super::anatomy::{BinaryKind, MAGIC, contract_version};
use super::description_fault::description_fault;
use super::features::{self, ValidationFault};
use super::guest::{Guest, GuestError};
use super::policy::{Call, Policy};
use super::reuse::ReusedGuest;
use super::{builtin, code_memory};
use crate::wasi::{WasiImports, is_wasi};
use crate::{COMPONENT_BYTES, Execution, Failure, Metering, PREPARED_BYTES};
use ordinance_contract::{MESSAGE_CHARS, NAME_CHARS, PACKAGE, Problem, VERSION, one_line};
use ordinance_files::read_regular;
use std::cell::Cell;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Once};
use wasmtime::component::Component;

/// The number of imports that an error names.
const NAMED_IMPORTS: usize = 10;

/// Installs the panic hook that is silent while a thread compiles.
static HOOK: Once = Once::new();

thread_local! {
    /// Whether the thread compiles.
    static IS_COMPILING: Cell<bool> = const { Cell::new(false) };
}

/// Why a policy can't be used.
#[derive(Debug, thiserror::Error)]
#[error("policy {policy}: {kind}")]
pub struct LoadError {
    /// The policy's file, or `storage (built in)`.
    pub policy: String,
    /// The reason, which the text has already.
    pub kind: LoadErrorKind,
}

/// The reason why a policy can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadErrorKind {
    /// The file can't be read, is no regular file, or is larger than [`COMPONENT_BYTES`].
    #[error("can't be read: {0}; give the file of a component")]
    Unreadable(#[from] io::Error),
    /// This engine can't compile the component.
    #[error("is not a WebAssembly component that can be used here: {0}")]
    NotAComponent(String),
    /// The file is a core module.
    #[error("is a core module, and a policy is a component: {}", core_module_remedy(*.0))]
    CoreModule(BinaryKind),
    /// The file is no WebAssembly.
    #[error("is not WebAssembly: {}", not_wasm(*.0))]
    NotWasm(BinaryKind),
    /// The component uses a feature that the engine does not accept.
    #[error(
        "uses the WebAssembly feature `{feature}` at byte {offset:#x}, which this engine does not accept: build it without ({message})"
    )]
    Feature {
        /// The feature, e.g. `tail-call`.
        feature: String,
        /// The position in the file, in bytes from its beginning.
        offset: usize,
        /// What the engine expected there.
        message: String,
    },
    /// The binary is not valid WebAssembly.
    #[error(
        "is not valid WebAssembly at byte {offset:#x}: {message}; build it again, or check that the copy is complete"
    )]
    Malformed {
        /// The position in the file, in bytes from its beginning.
        offset: usize,
        /// The reason.
        message: String,
    },
    /// The component has imports of others than WASI: the names of the first ones.
    #[error("has imports, and a policy may have none: {}; build it without what imports them", .0.join(", "))]
    Imports(Vec<String>),
    /// The component imports WASI, and stand-ins are not allowed: the names of the first imports.
    #[error(
        "imports WASI, and a policy has no clock, no files, no network and no randomness: {}; build it without WASI, or allow inert stand-ins by --allow-wasi-stubs or `allowWasiStubs: true` in the policy's configuration",
        .0.join(", ")
    )]
    Wasi(Vec<String>),
    /// The component does not export the contract.
    #[error("does not implement the world `policy` of {PACKAGE}@{VERSION}: {0}")]
    World(String),
    /// The component implements another version of the contract.
    #[error(
        "implements {PACKAGE}@{found}, but this host needs {PACKAGE}@{VERSION}: build it with the contract of this release"
    )]
    Version {
        /// The version that the component exports.
        found: String,
    },
    /// The component failed while it was loaded.
    #[error("could not be run: it {0}")]
    Run(Failure),
    /// The component's description is invalid.
    #[error("describes itself with {0}")]
    Description(String),
    /// The policy returns settings that are longer than [`PREPARED_BYTES`].
    #[error("returns {bytes} bytes as its settings, and at most {PREPARED_BYTES} are allowed")]
    PreparedSettings {
        /// Their length.
        bytes: usize,
    },
    /// The policy refuses its settings.
    #[error("can't use its settings: {}", ProblemList(.0))]
    Settings(Vec<Problem>),
}

/// Displays problems in one line.
struct ProblemList<'a>(&'a [Problem]);

// === impl Policy ===

impl Policy {
    /// Loads the built-in policy from the embedded artefact, with settings in JSON; empty settings are the defaults.
    ///
    /// # Errors
    ///
    /// The policy refuses the settings, or the processor is older than the baseline of the target.
    pub fn built_in(engine: &Engine, settings: &str) -> Result<Self, LoadError> {
        let load = || {
            let guest = linked(engine, &engine.wasm, &built_in_component(engine)?, WasiImports::Refused)?;
            let loaded = ready(engine, guest, settings, Execution::Inline)?;
            Ok(Self { unchecked: unchecked(engine)?, ..loaded })
        };
        load().map_err(|kind| LoadError { policy: "storage (built in)".to_owned(), kind })
    }

    /// Makes every review run with time checks, also those of the built-in policy whose size bounds their cost.
    #[must_use]
    pub fn with_time_checks(self) -> Self {
        Self { unchecked: None, ..self }
    }

    /// Compiles a component from a file, and loads it with settings in JSON; empty settings are the defaults.
    ///
    /// # Errors
    ///
    /// The file or the settings can't be used.
    pub fn load(engine: &Engine, file: &Path, settings: &str) -> Result<Self, LoadError> {
        Self::load_with(engine, file, settings, WasiImports::Refused)
    }

    /// Loads a component as [`Policy::load`] does, which may also import WASI.
    ///
    /// # Errors
    ///
    /// The file or the settings can't be used.
    pub fn load_with(
        engine: &Engine,
        file: &Path,
        settings: &str,
        wasi: WasiImports,
    ) -> Result<Self, LoadError> {
        component_bytes(file)
            .map_err(LoadErrorKind::from)
            .and_then(|bytes| Self::of_component(engine, &bytes, settings, wasi))
            .map_err(|kind| LoadError { policy: file.display().to_string(), kind })
    }

    /// Compiles a component, and loads it with settings in JSON; empty settings are the defaults.
    ///
    /// # Errors
    ///
    /// The component or the settings can't be used.
    pub fn of_component(
        engine: &Engine,
        component: &[u8],
        settings: &str,
        wasi: WasiImports,
    ) -> Result<Self, LoadErrorKind> {
        let artefact = compiled(engine, component)?;
        let guest = || linked(engine, &engine.wasm, &deserialized(&engine.wasm, &artefact)?, wasi);
        // The calls of loading use a component of their own, whose instances get other slots of the pool: every page of a slot
        // that a call wrote is reset after each later call, and a description writes more pages than a small review. The small
        // reviews of the built-in policy run without time checks, in slots of their own already.
        let loading = ready(engine, guest()?, settings, Execution::ThreadPool)?;
        Ok(Self { guest: guest()?, ..loading })
    }

    /// Returns the same compiled policy with other settings.
    ///
    /// # Errors
    ///
    /// The policy refuses the settings.
    pub fn with_settings(&self, settings: &str) -> Result<Self, LoadErrorKind> {
        let prepared = prepared(&self.engine, &self.guest, settings)?;
        Ok(Self {
            engine: self.engine.clone(),
            guest: self.guest.clone(),
            unchecked: self.unchecked.clone(),
            description: self.description.clone(),
            settings: settings.to_owned(),
            prepared,
            execution: self.execution,
        })
    }
}

/// Returns the component of the built-in policy. The artefact that was compiled ahead counts no fuel.
fn built_in_component(engine: &Engine) -> Result<Component, LoadErrorKind> {
    match engine.metering {
        Metering::Off => {
            builtin::COMPILED.shared(&engine.wasm, &engine.built_in.checked).map_err(not_a_component)
        }
        Metering::On => deserialized(&engine.wasm, &compiled(engine, builtin::COMPONENT)?),
    }
}

/// Returns the built-in policy without time checks; `None` if the engine counts fuel, of which that code counts none.
fn unchecked(engine: &Engine) -> Result<Option<ReusedGuest>, LoadErrorKind> {
    if engine.metering == Metering::On {
        return Ok(None);
    }
    let unchecked =
        engine.without_time_checks().map_err(|error| LoadErrorKind::NotAComponent(error.to_string()))?;
    let component = builtin::COMPILED_UNCHECKED.shared(unchecked, &engine.built_in.unchecked);
    let guest = linked(engine, unchecked, &component.map_err(not_a_component)?, WasiImports::Refused)?;
    Ok(Some(ReusedGuest::new(guest, Arc::clone(&engine.built_in.idle))))
}

/// Reads a component's file.
///
/// # Errors
///
/// It can't be read, is no regular file, or is larger than [`COMPONENT_BYTES`].
pub fn component_bytes(file: &Path) -> io::Result<Vec<u8>> {
    read_regular(file, COMPONENT_BYTES)
}

/// Returns a compiled artefact of a component.
fn compiled(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, LoadErrorKind> {
    let compile = || precompiled(engine, component).unwrap_or_else(|| Err(compiler_failure()));
    match &engine.artefacts {
        Some(cache) => cache.artefact(component, compiler(engine), compile),
        None => compile(),
    }
}

/// Compiles a component; `None` if the compiler panics, as it does on some components that it should refuse, e.g. one whose
/// parts have memories of their own and call each other.
fn precompiled(engine: &Engine, component: &[u8]) -> Option<Result<Vec<u8>, LoadErrorKind>> {
    let compile = || engine.wasm.precompile_component(component).map_err(|error| refusal(component, error));
    // The error says it all, so that the message of the panic is not printed.
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_COMPILING.get() {
                hook(info)
            }
        }));
    });
    IS_COMPILING.set(true);
    let compiled = panic::catch_unwind(AssertUnwindSafe(compile));
    IS_COMPILING.set(false);
    compiled.ok()
}

fn compiler_failure() -> LoadErrorKind {
    let problem = "the compiler failed on it; a policy has one memory, so link its parts into one module";
    LoadErrorKind::NotAComponent(problem.to_owned())
}

/// Returns a number that stands for the compiler with all its settings.
fn compiler(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    (Engine::wasmtime_version(), engine.wasm.precompile_compatibility_hash()).hash(&mut hasher);
    hasher.finish()
}

/// Returns why bytes can't be compiled, as precisely as can be told.
fn refusal(bytes: &[u8], error: wasmtime::Error) -> LoadErrorKind {
    match BinaryKind::of(bytes) {
        BinaryKind::Component => {}
        kind @ (BinaryKind::CoreModule | BinaryKind::EmbeddedModule) => {
            return LoadErrorKind::CoreModule(kind);
        }
        kind if !bytes.starts_with(MAGIC) => return LoadErrorKind::NotWasm(kind),
        // It begins as WebAssembly, and is cut off or damaged.
        _ => {}
    }
    match features::fault(bytes) {
        Some(ValidationFault { offset, message, feature: Some(feature) }) => {
            LoadErrorKind::Feature { feature, offset, message: plain_line(&message) }
        }
        Some(ValidationFault { offset, message, feature: None }) => {
            LoadErrorKind::Malformed { offset, message: plain_line(&message) }
        }
        None => not_a_component(error),
    }
}

/// Returns how a component is made of a core module.
const fn core_module_remedy(kind: BinaryKind) -> &'static str {
    match kind {
        BinaryKind::EmbeddedModule => "`wasm-tools component new FILE -o policy.wasm` makes one of it",
        _ => {
            "`ordinance build` makes one of its sources, `wasm-tools component embed` and `component new` of the module"
        }
    }
}

/// Returns what a file is instead of WebAssembly, and the way out.
const fn not_wasm(kind: BinaryKind) -> &'static str {
    match kind {
        BinaryKind::Text => {
            "it is WebAssembly in text form; `wasm-tools parse FILE -o policy.wasm` makes a binary of it"
        }
        BinaryKind::Compiled => {
            "it is compiled code, which is never loaded from a file; give the component that it was compiled from"
        }
        _ => "it does not begin with \\0asm; give the file of a component",
    }
}

/// Loads what [`compiled`] returned.
fn deserialized(engine: &wasmtime::Engine, artefact: &[u8]) -> Result<Component, LoadErrorKind> {
    code_memory::copied(engine, artefact).map_err(not_a_component)
}

fn not_a_component(error: wasmtime::Error) -> LoadErrorKind {
    LoadErrorKind::NotAComponent(line(&error))
}

/// Checks the description of a policy and its settings.
fn ready(
    engine: &Engine,
    guest: Guest,
    settings: &str,
    execution: Execution,
) -> Result<Policy, LoadErrorKind> {
    let description = fresh(engine, &guest)?.describe()?;
    description_fault(&description).map_or(Ok(()), |fault| Err(LoadErrorKind::Description(fault)))?;
    let prepared = prepared(engine, &guest, settings)?;
    let settings = settings.to_owned();
    Ok(Policy { engine: engine.clone(), guest, unchecked: None, description, settings, prepared, execution })
}

/// Has the policy check its settings, and returns them as it reads them fastest.
fn prepared(engine: &Engine, guest: &Guest, settings: &str) -> Result<String, LoadErrorKind> {
    let prepared = fresh(engine, guest)?.check_settings(settings)?.map_err(LoadErrorKind::Settings)?;
    match prepared.len() {
        bytes if bytes > PREPARED_BYTES => Err(LoadErrorKind::PreparedSettings { bytes }),
        _ => Ok(prepared),
    }
}

/// Links a component of an engine of wasmtime.
fn linked(
    engine: &Engine,
    wasm: &wasmtime::Engine,
    component: &Component,
    wasi: WasiImports,
) -> Result<Guest, LoadErrorKind> {
    let ty = component.component_type();
    let (of_wasi, others): (Vec<&str>, Vec<&str>) =
        ty.imports(wasm).map(|(name, _)| name).partition(|name| is_wasi(name));
    if !others.is_empty() {
        return Err(LoadErrorKind::Imports(named(&others)));
    }
    if !of_wasi.is_empty() && wasi == WasiImports::Refused {
        return Err(LoadErrorKind::Wasi(named(&of_wasi)));
    }
    if let Some(found) = ty.exports(wasm).find_map(|(name, _)| other_version(name)) {
        return Err(LoadErrorKind::Version { found });
    }
    let remaining = engine.budget.without_deadline();
    Guest::new(wasm, component, remaining).map_err(|error| match error {
        GuestError::World(error) => LoadErrorKind::World(line(&error)),
        GuestError::Instance(error) => LoadErrorKind::Run(remaining.failure(&error)),
    })
}

/// Returns the first imports, each in one line.
fn named(imports: &[&str]) -> Vec<String> {
    imports.iter().take(NAMED_IMPORTS).map(|name| plain(name)).collect()
}

/// The version of the contract that an export belongs to, if it is not this host's.
fn other_version(export: &str) -> Option<String> {
    contract_version(export).filter(|version| version != VERSION).map(|version| plain(&version))
}

fn fresh(engine: &Engine, guest: &Guest) -> Result<Call<'static>, LoadErrorKind> {
    let remaining = engine.budget.without_deadline();
    guest
        .instantiate(remaining)
        .map(Call::fresh)
        .map_err(|error| LoadErrorKind::Run(remaining.failure(&error)))
}

/// Returns an error with its causes, in one line.
fn line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
    one_line(&text, MESSAGE_CHARS).into_owned()
}

/// Returns a text in one line, cut.
fn plain_line(text: &str) -> String {
    one_line(text, MESSAGE_CHARS).into_owned()
}

/// Returns a name of a component in one line, cut.
fn plain(name: &str) -> String {
    one_line(name, NAME_CHARS).into_owned()
}

// === impl LoadErrorKind ===

impl From<Failure> for LoadErrorKind {
    fn from(failure: Failure) -> Self {
        Self::Run(failure)
    }
}

// === impl ProblemList ===

impl fmt::Display for ProblemList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            match problem.field.as_str() {
                "" => write!(f, "{separator}{}", problem.message)?,
                field => write!(f, "{separator}{field}: {}", problem.message)?,
            }
        }
        Ok(())
    }
}
