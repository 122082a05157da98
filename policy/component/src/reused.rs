//! Exports the policy so that an instance serves one review after another: the first argument of the next one frees all blocks and
//! sets them to zero.
//!
//! The SDK's `export!` does not, since a policy may keep something in a global. This one has none, which a test sees to
//! (`xtask/tests/no_globals.rs`).

use crate::StoragePolicy;
use ordinance_policy_sdk::bindings::exports::ordinance::policy::rules;
use ordinance_policy_sdk::{Bump, Component, bindings};
use std::alloc::{GlobalAlloc as _, Layout};
use std::cell::Cell;

#[global_allocator]
static MEMORY: Bump = Bump::new();

thread_local! {
    /// Whether the last call ended a review. Before the host passes the next argument, it has read the answer and called its
    /// post-return function, so that nothing uses what was allocated.
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
}

/// The exported interface.
struct ReusedComponent;

bindings::export!(ReusedComponent with_types_in bindings);

impl rules::Guest for ReusedComponent {
    fn describe() -> rules::Description {
        last(Component::<StoragePolicy>::describe())
    }

    fn check_settings(settings: String) -> Result<String, Vec<rules::Problem>> {
        last(Component::<StoragePolicy>::check_settings(settings))
    }

    fn keys(scope: rules::Scope, object: String, settings: String) -> Result<Vec<rules::Key>, String> {
        last(Component::<StoragePolicy>::keys(scope, object, settings))
    }

    fn review(
        request: rules::Request,
        settings: String,
        holdings: Option<Vec<rules::Holding>>,
    ) -> rules::Outcome {
        let outcome = Component::<StoragePolicy>::review(request, settings, holdings);
        // `resume` needs what this review allocated.
        IS_OVER.set(matches!(outcome, rules::Outcome::Decided(_)));
        outcome
    }

    fn resume(holdings: Vec<rules::Holding>) -> rules::Verdict {
        last(Component::<StoragePolicy>::resume(holdings))
    }
}

/// Returns the answer that ends a review.
fn last<T>(answer: T) -> T {
    IS_OVER.set(true);
    answer
}

/// Allocates an argument of the next call, in place of the general `cabi_realloc`.
///
/// # Safety
///
/// Only the host calls it, to pass the arguments of a call, while no call runs.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_export_realloc(
    old: *mut u8,
    old_bytes: usize,
    align: usize,
    bytes: usize,
) -> *mut u8 {
    if bytes == 0 {
        return align as *mut u8;
    }
    // SAFETY: a review that is over keeps nothing, nor does a global, and the host has read its answer. The host passes an
    // alignment that is a power of two, and a block that it got here, if any.
    let block = unsafe {
        if IS_OVER.take() {
            MEMORY.reset();
        }
        let layout = Layout::from_size_align_unchecked;
        match old_bytes {
            0 => MEMORY.alloc(layout(bytes, align)),
            _ => MEMORY.realloc(old, layout(old_bytes, align), bytes),
        }
    };
    if block.is_null() { std::process::abort() } else { block }
}
