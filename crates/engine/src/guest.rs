//! A linked component, its instances, and calls of their functions.

use super::budget::RemainingBudget;
use super::functions::{CheckSettings, Describe, Function, Keys, Resume, Review};
use crate::Failure;
use crate::metered::{FUEL, Usage};
use crate::wasi;
use ordinance_contract::{PACKAGE, VERSION};
use wasmtime::component::{Component, ComponentExportIndex, Func, Instance, InstancePre, TypedFunc};
use wasmtime::{Engine, Error, Result, Store, WasmBacktrace};

/// A component that exports the functions of the contract with their types, ready for instances.
#[derive(Clone)]
pub(super) struct Guest {
    instance: InstancePre<RemainingBudget>,
    exports: Exports,
}

/// Why a component is no guest.
pub(super) enum GuestError {
    /// It does not export the functions of the contract.
    World(Error),
    /// It can't be instantiated.
    Instance(Error),
}

/// Where a component exports the functions of the contract.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    pub(super) describe: ComponentExportIndex,
    pub(super) check_settings: ComponentExportIndex,
    pub(super) keys: ComponentExportIndex,
    pub(super) review: ComponentExportIndex,
    pub(super) resume: ComponentExportIndex,
}

/// An instance, for one review after another.
pub(super) struct GuestInstance {
    store: Store<RemainingBudget>,
    instance: Instance,
    exports: Exports,
    /// Of the last call, if it trapped.
    backtrace: Option<WasmBacktrace>,
    /// The number of reviews that began in it.
    reviews: u32,
}

// === impl Guest ===

impl Guest {
    /// Links a component, whose only imports are those of WASI, and compares the types of its functions with the contract.
    pub(super) fn new(
        engine: &Engine,
        component: &Component,
        remaining: RemainingBudget,
    ) -> std::result::Result<Self, GuestError> {
        let guest = Self::unchecked(engine, component).map_err(GuestError::World)?;
        let mut instance = guest.instantiate(remaining).map_err(GuestError::Instance)?;
        instance.check_types().map_err(GuestError::World)?;
        Ok(guest)
    }

    fn unchecked(engine: &Engine, component: &Component) -> Result<Self> {
        let exports = Exports::of(component)?;
        Ok(Self { instance: wasi::linker(engine, component)?.instantiate_pre(component)?, exports })
    }

    /// Returns a fresh instance, whose time begins now.
    pub(super) fn instantiate(&self, remaining: RemainingBudget) -> Result<GuestInstance> {
        let mut store = remaining.store(self.instance.engine());
        let instance = self.instance.instantiate(&mut store)?;
        Ok(GuestInstance { store, instance, exports: self.exports, backtrace: None, reviews: 1 })
    }
}

// === impl Exports ===

impl Exports {
    fn of(component: &Component) -> Result<Self> {
        let name = format!("{PACKAGE}/rules@{VERSION}");
        let missing = || Error::msg(format!("it exports no interface `{name}`"));
        let interface = component.get_export_index(None, &*name).ok_or_else(missing)?;
        let function = |function: &str| {
            let missing = || Error::msg(format!("its interface `{name}` has no function `{function}`"));
            component.get_export_index(Some(&interface), function).ok_or_else(missing)
        };
        Ok(Self {
            describe: function("describe")?,
            check_settings: function("check-settings")?,
            keys: function("keys")?,
            review: function("review")?,
            resume: function("resume")?,
        })
    }
}

// === impl GuestInstance ===

impl GuestInstance {
    /// Compares the types of all functions with the contract.
    fn check_types(&mut self) -> Result<()> {
        self.check_type::<Describe>()?;
        self.check_type::<CheckSettings>()?;
        self.check_type::<Keys>()?;
        self.check_type::<Review>()?;
        self.check_type::<Resume>()
    }

    fn check_type<F: Function>(&mut self) -> Result<()> {
        let Self { store, instance, exports, .. } = self;
        instance.get_typed_func::<F::Arguments<'static>, (F::Answer,)>(store, F::export(exports)).map(drop)
    }

    /// Begins another review, whose time begins now.
    pub(super) fn restart(&mut self, remaining: RemainingBudget) {
        remaining.restart(&mut self.store);
        self.reviews += 1;
    }

    /// Returns the number of reviews that began in it.
    pub(super) const fn reviews(&self) -> u32 {
        self.reviews
    }

    /// Returns what the instance has used since it was created.
    pub(super) fn usage(&self) -> Usage {
        let remaining = self.store.data();
        // Asking an engine that counts no fuel would make an error for each review.
        let fuel = remaining.counts_fuel().then(|| self.store.get_fuel().ok()).flatten();
        Usage { fuel: fuel.map(|left| FUEL - left), memory: remaining.peak_memory() }
    }

    /// Calls a function of the contract.
    pub(super) fn call<F: Function>(
        &mut self,
        arguments: F::Arguments<'_>,
    ) -> std::result::Result<F::Answer, Failure> {
        let function = self.instance.get_func(&mut self.store, F::export(&self.exports));
        let function = function.ok_or_else(|| Error::msg("it does not export the function"));
        let answer = function.and_then(|function| typed::<F>(function).call(&mut self.store, arguments));
        answer.map(|(answer,)| answer).map_err(|error| {
            let failure = self.store.data().failure(&error);
            self.backtrace = error.downcast::<WasmBacktrace>().ok();
            failure
        })
    }

    /// Returns where the last call trapped.
    pub(super) fn backtrace(&mut self) -> Option<WasmBacktrace> {
        self.backtrace.take()
    }
}

/// Returns a function of a component with its types.
fn typed<'a, F: Function>(function: Func) -> TypedFunc<F::Arguments<'a>, (F::Answer,)> {
    #[expect(unsafe_code, reason = "comparing the types for each call takes a hundredth of a small review")]
    // SAFETY: `Guest::new` compared the types of the component's functions with these.
    unsafe {
        TypedFunc::new_unchecked(function)
    }
}
