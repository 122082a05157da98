//! A linked component, and calls of its functions in fresh instances.

use super::bindings::rules;
use super::budget::RemainingBudget;
use crate::Failure;
use crate::metered::{FUEL, Usage};
use crate::wasi;
use ordinance_contract::{PACKAGE, VERSION};
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower,
};
use wasmtime::{Engine, Error, Result, Store, WasmBacktrace};

/// A component that exports the functions of the contract, ready for instances.
#[derive(Clone)]
pub(super) struct Guest {
    instance: InstancePre<RemainingBudget>,
    exports: Exports,
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

/// A fresh instance.
pub(super) struct GuestInstance {
    store: Store<RemainingBudget>,
    instance: Instance,
    pub(super) exports: Exports,
    /// Of the last call, if it trapped.
    backtrace: Option<WasmBacktrace>,
}

// === impl Guest ===

impl Guest {
    /// Links a component, whose only imports are those of WASI.
    pub(super) fn new(engine: &Engine, component: &Component) -> Result<Self> {
        let exports = Exports::of(component)?;
        Ok(Self { instance: wasi::linker(engine, component)?.instantiate_pre(component)?, exports })
    }

    /// Returns a fresh instance, whose time begins now.
    pub(super) fn instantiate(&self, remaining: RemainingBudget) -> Result<GuestInstance> {
        let mut store = remaining.store(self.instance.engine());
        let instance = self.instance.instantiate(&mut store)?;
        Ok(GuestInstance { store, instance, exports: self.exports, backtrace: None })
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
    pub(super) fn check_types(&mut self) -> Result<()> {
        let Self { store, instance, exports, .. } = self;
        instance.get_typed_func::<(), (rules::Description,)>(&mut *store, exports.describe)?;
        instance.get_typed_func::<(&str,), (Result<String, Vec<rules::Problem>>,)>(
            &mut *store,
            exports.check_settings,
        )?;
        instance.get_typed_func::<(rules::ScopeParam<'_>, &str, &str), (Result<Vec<rules::Key>, String>,)>(
            &mut *store,
            exports.keys,
        )?;
        instance
            .get_typed_func::<(rules::Request<'_>, &str, Option<&[rules::Holding<'_>]>), (rules::Outcome,)>(
                &mut *store,
                exports.review,
            )?;
        instance
            .get_typed_func::<(&[rules::Holding<'_>],), (rules::Verdict,)>(&mut *store, exports.resume)
            .map(drop)
    }

    /// Returns what the instance has used since it was created.
    pub(super) fn usage(&self) -> Usage {
        let remaining = self.store.data();
        // Asking an engine that counts no fuel would make an error for each review.
        let fuel = remaining.counts_fuel().then(|| self.store.get_fuel().ok()).flatten();
        Usage { fuel: fuel.map(|left| FUEL - left), memory: remaining.peak_memory() }
    }

    /// Calls a function. Only its type is compared with the contract: comparing those of all functions takes a fiftieth of
    /// a small review.
    pub(super) fn call<Arguments, Answer>(
        &mut self,
        function: ComponentExportIndex,
        arguments: Arguments,
    ) -> std::result::Result<Answer, Failure>
    where
        Arguments: ComponentNamedList + Lower,
        (Answer,): ComponentNamedList + Lift,
    {
        let function = self.instance.get_typed_func::<Arguments, (Answer,)>(&mut self.store, function);
        let answer = function.and_then(|function| function.call(&mut self.store, arguments));
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
