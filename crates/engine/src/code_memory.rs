//! Embedded machine code, which runs where it is: in the pages of the program's file.
//!
//! Of a file, only the pages that are used are resident. A copy is resident as a whole, and the system can't take its pages back.

use std::sync::atomic::{AtomicBool, Ordering};
use wasmtime::component::Component;
use wasmtime::{Config, Engine, Result};

/// A compiled component in the program.
pub struct Artefact {
    bytes: &'static [u8],
    /// Whether a component of this process runs it in place.
    is_taken: AtomicBool,
}

/// Bytes that begin at the beginning of a page.
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

    /// Returns the component. The first one of a process runs in place. Others get a copy, because wasmtime finds a component by
    /// the address of its code.
    pub(crate) fn component(&self, engine: &Engine) -> Result<Component> {
        if in_place::IS_SUPPORTED && !self.is_taken.swap(true, Ordering::Relaxed) {
            in_place::component(engine, self.bytes)
        } else {
            copied(engine, self.bytes)
        }
    }
}

/// Returns the component of an artefact that this crate made: by its build script, or by the same engine.
pub(crate) fn copied(engine: &Engine, artefact: &[u8]) -> Result<Component> {
    #[expect(unsafe_code, reason = "this crate made the artefact, with the same configuration")]
    // SAFETY: the artefact was not changed since.
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
    use rustix::mm::{MprotectFlags, mprotect};
    use std::ptr::NonNull;
    use std::sync::Arc;
    use wasmtime::component::Component;
    use wasmtime::{Config, CustomCodeMemory, Engine, Result};

    pub(super) const IS_SUPPORTED: bool = true;

    /// The size of a page.
    const PAGE: usize = 4096;

    /// Makes machine code executable, be it embedded or in memory of wasmtime.
    struct CodePages;

    pub(super) fn component(engine: &Engine, artefact: &'static [u8]) -> Result<Component> {
        #[expect(unsafe_code, reason = "this crate made the artefact, with the same configuration")]
        // SAFETY: it is constant data of the program, which nothing writes to.
        unsafe {
            Component::deserialize_raw(engine, NonNull::from(artefact))
        }
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
            unsafe {
                mprotect(code.cast_mut().cast(), bytes, MprotectFlags::READ | MprotectFlags::EXEC)?;
            }
            Ok(())
        }

        /// Embedded code stays executable, and wasmtime is about to unmap its own.
        fn unpublish_executable(&self, _: *const u8, _: usize) -> Result<()> {
            Ok(())
        }
    }
}

/// Other processors need their instruction caches synchronised, which wasmtime does for its copies.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod in_place {
    use wasmtime::component::Component;
    use wasmtime::{Config, Engine, Result};

    pub(super) const IS_SUPPORTED: bool = false;

    pub(super) fn component(engine: &Engine, artefact: &'static [u8]) -> Result<Component> {
        super::copied(engine, artefact)
    }

    pub(super) fn allow(config: &mut Config) -> &mut Config {
        config
    }
}
