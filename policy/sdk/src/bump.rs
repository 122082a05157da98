//! An allocator that frees nothing until everything is freed at once.
//!
//! It hands out the rest of the initial memory first, and lets the memory grow only when that is used up.

#[cfg(test)]
mod tests;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr::null_mut;

/// The free part of linear memory, which is zero.
pub struct Bump<M = LinearMemory> {
    memory: M,
    /// The first free address; 0 while all memory is free.
    next: Cell<usize>,
}

/// Memory that an allocator hands out.
///
/// # Safety
///
/// From the start up to an end that was reserved, it is zero at first and used by nothing else.
pub unsafe trait Memory {
    /// Returns its first address.
    fn start(&self) -> usize;

    /// Makes it reach up to `end`. Returns false if it can't.
    fn reserve(&self, end: usize) -> bool;
}

/// The memory of a component, after the linker's data and the stack.
pub struct LinearMemory;

// SAFETY: a component instance has one thread.
unsafe impl Sync for Bump {}

#[cfg(target_family = "wasm")]
impl Bump {
    /// Returns an allocator whose memory is all free.
    #[expect(clippy::new_without_default, reason = "a static is its only use")]
    pub const fn new() -> Self {
        Self::of(LinearMemory)
    }
}

impl<M> Bump<M> {
    const fn of(memory: M) -> Self {
        Self { memory, next: Cell::new(0) }
    }
}

impl<M: Memory> Bump<M> {
    /// Frees everything, and sets it to zero again.
    ///
    /// # Safety
    ///
    /// Nothing that was allocated is used after this call, not even by a global.
    pub unsafe fn reset(&self) {
        let start = self.memory.start();
        if let Some(used) = self.next.replace(0).checked_sub(start) {
            // SAFETY: all of it is inside the memory, since it was reserved, and no block is in use, as the caller promises.
            unsafe { (start as *mut u8).write_bytes(0, used) };
        }
    }

    fn next(&self) -> usize {
        match self.next.get() {
            0 => self.memory.start(),
            next => next,
        }
    }

    /// Uses everything up to `end`. Returns false if the memory does not reach that far.
    fn reserve(&self, end: usize) -> bool {
        let reserved = self.memory.reserve(end);
        if reserved {
            self.next.set(end);
        }
        reserved
    }
}

// SAFETY: blocks never overlap, since `next` only moves up until nothing is in use, and are inside the memory, since `reserve`
// checks it.
unsafe impl<M: Memory> GlobalAlloc for Bump<M> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.next().next_multiple_of(layout.align());
        match start.checked_add(layout.size()) {
            Some(end) if self.reserve(end) => start as *mut u8,
            _ => null_mut(),
        }
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `alloc`, whose blocks are zero.
        unsafe { self.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size <= layout.size() {
            return block;
        }
        let start = block.addr();
        if start + layout.size() == self.next() {
            // The last block grows in place.
            return match start.checked_add(size) {
                Some(end) if self.reserve(end) => block,
                _ => null_mut(),
            };
        }
        // SAFETY: this allocator returned both blocks, both are at least `layout.size()` long, and the new one is above
        // the old one.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size());
            }
            moved
        }
    }
}

#[cfg(target_family = "wasm")]
// SAFETY: the linker leaves the memory after the heap's base alone, and WebAssembly adds pages of zeros.
unsafe impl Memory for LinearMemory {
    fn start(&self) -> usize {
        unsafe extern "C" {
            /// The end of the linker's data and of the stack.
            static __heap_base: u8;
        }
        (&raw const __heap_base).addr()
    }

    fn reserve(&self, end: usize) -> bool {
        use std::arch::wasm32::{memory_grow, memory_size};

        /// Bytes of a page of linear memory.
        const PAGE: usize = 64 * 1024;

        /// The smallest number of pages to grow the memory by: growing is expensive, while untouched pages cost nothing.
        const GROWTH: usize = 16;

        let missing = end.saturating_sub(memory_size::<0>() * PAGE);
        missing == 0 || memory_grow::<0>(missing.div_ceil(PAGE).max(GROWTH)) != usize::MAX
    }
}
