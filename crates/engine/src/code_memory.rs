//! Embedded machine code, which runs where it is: in the pages of the program's file.
//!
//! The kernel loads only the pages of a file that are used. A copy is resident as a whole, and the kernel can't take its pages back.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use wasmtime::component::Component;
use wasmtime::{Config, Engine, Result};

/// A compiled component in the program.
pub struct Artefact {
    bytes: &'static [u8],
    /// Whether a component of this process was given it, to run it in place.
    is_taken: AtomicBool,
}

/// Bytes aligned to a page.
#[repr(C, align(4096))]
pub(crate) struct Pages<B: ?Sized>(pub(crate) B);

// === impl Artefact ===

impl Artefact {
    pub(crate) const fn new(pages: &'static Pages<[u8]>) -> Self {
        Self { bytes: &pages.0, is_taken: AtomicBool::new(false) }
    }

    /// Returns the artefact.
    pub const fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// Returns the component that an engine keeps in a cell, and loads it if the cell is empty.
    pub(crate) fn shared(&self, engine: &Engine, cell: &OnceLock<Component>) -> Result<Component> {
        if let Some(component) = cell.get() {
            return Ok(component.clone());
        }
        let component = self.component(engine)?;
        Ok(cell.get_or_init(|| component).clone())
    }

    /// Returns the component. The first one of a process runs in place, unless the system refuses that. Others get a copy, because
    /// wasmtime finds a component by the address of its code.
    fn component(&self, engine: &Engine) -> Result<Component> {
        let is_first = !self.is_taken.swap(true, Ordering::Relaxed);
        let component = is_first.then(|| in_place::component(engine, self.bytes)).flatten();
        component.map_or_else(|| copied(engine, self.bytes), Ok)
    }
}

/// Returns the component of an artefact that this crate made: its build script, an engine with the same configuration, or an earlier
/// process, from whose cache it was read.
pub(crate) fn copied(engine: &Engine, artefact: &[u8]) -> Result<Component> {
    #[expect(unsafe_code, reason = "this crate made the artefact, with the same configuration")]
    // SAFETY: wasmtime made it, and it was not changed since: the cache compares digests.
    unsafe {
        Component::deserialize(engine, artefact)
    }
}

/// Lets engines with this configuration run embedded artefacts in place, where that is supported.
pub(crate) fn allow_in_place(config: &mut Config) -> &mut Config {
    in_place::allow(config)
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod in_place {
    use super::Pages;
    use rustix::mm::{MprotectFlags, mprotect};
    use std::ptr::NonNull;
    use std::sync::Arc;
    use wasmtime::component::Component;
    use wasmtime::{Config, CustomCodeMemory, Engine, Result, error::Context as _};

    /// The size of a page.
    const PAGE: usize = align_of::<Pages<()>>();

    /// Makes machine code executable, be it embedded or in memory of wasmtime.
    struct CodePages;

    /// Returns the component; `None` if the artefact can't be used, or the system does not let its pages be executed.
    pub(super) fn component(engine: &Engine, artefact: &'static [u8]) -> Option<Component> {
        #[expect(unsafe_code, reason = "this crate made the artefact, with the same configuration")]
        // SAFETY: wasmtime made it, and it is constant data of the program, which nothing writes to.
        let component = unsafe { Component::deserialize_raw(engine, NonNull::from(artefact)) };
        component.ok()
    }

    pub(super) fn allow(config: &mut Config) -> &mut Config {
        config.with_custom_code_memory(Some(Arc::new(CodePages)))
    }

    impl CustomCodeMemory for CodePages {
        fn required_alignment(&self) -> usize {
            PAGE
        }

        fn publish_executable(&self, code: *const u8, bytes: usize) -> Result<()> {
            #[expect(unsafe_code, reason = "wasmtime asks for it")]
            // SAFETY: these are whole pages of machine code, which stay readable.
            let changed =
                unsafe { mprotect(code.cast_mut().cast(), bytes, MprotectFlags::READ | MprotectFlags::EXEC) };
            changed.context("the system does not let compiled code be executed")
        }

        /// Embedded code stays executable, and wasmtime is about to unmap its own: without its feature `debug`, it changes no code.
        fn unpublish_executable(&self, _: *const u8, _: usize) -> Result<()> {
            Ok(())
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::{Engine, EngineLimits};
        use std::sync::OnceLock;
        use wasmtime::component::Linker;
        use wasmtime::{Store, Trap};

        /// A component whose function traps. wasmtime finds the trap by the address of the instruction.
        const TRAPS: &str = r#"(component
            (core module $m (func (export "f") unreachable))
            (core instance $i (instantiate $m))
            (func (export "f") (canon lift (core func $i "f"))))"#;

        #[test]
        fn code_traps_in_place_and_in_a_copy() {
            let engine = Engine::new(EngineLimits::default()).expect("an engine").wasm;
            let compiled = engine.precompile_component(&wat::parse_str(TRAPS).expect("a component"));
            let compiled = compiled.expect("an artefact");
            let mut pages = Box::new(Pages([0_u8; 64 * 1024]));
            pages.0[..compiled.len()].copy_from_slice(&compiled);
            let pages: &'static Pages<[u8; 64 * 1024]> = Box::leak(pages);
            let artefact =
                super::super::Artefact { bytes: &pages.0[..compiled.len()], is_taken: false.into() };
            for is_in_place in [true, false] {
                let component = artefact.shared(&engine, &OnceLock::new()).expect("a component");
                let code = component.image_range();
                assert_eq!(artefact.bytes.as_ptr_range().contains(&code.start), is_in_place);
                let mut store = Store::new(&engine, ());
                store.set_epoch_deadline(1);
                let instance = Linker::new(&engine).instantiate(&mut store, &component).expect("an instance");
                let function = instance.get_func(&mut store, "f").expect("the function");
                let error = function.call(&mut store, &[], &mut []).expect_err("it traps");
                assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
            }
        }
    }
}

/// wasmtime synchronises the instruction caches of other processors for its copies, and other systems were not tried.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod in_place {
    use wasmtime::component::Component;
    use wasmtime::{Config, Engine};

    pub(super) fn component(_: &Engine, _: &'static [u8]) -> Option<Component> {
        None
    }

    pub(super) fn allow(config: &mut Config) -> &mut Config {
        config
    }
}
