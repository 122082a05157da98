//! An allocator that frees everything at once: when nothing is in use any more, which is so after each review.
//!
//! It hands out the rest of the initial memory first, and lets the memory grow only when that is used up.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::Cell;
use std::ptr::null_mut;

/// Bytes of a page of linear memory.
const PAGE: usize = 64 * 1024;

/// The smallest number of pages to grow the memory by: growing is expensive, while untouched pages cost nothing.
const GROWTH: usize = 16;

unsafe extern "C" {
    /// The end of the linker's data and of the stack.
    static __heap_base: u8;
}

/// The free part of linear memory: an allocator that frees everything at once, when nothing is in use any more.
pub struct Bump {
    /// The first free address; 0 while nothing is in use.
    next: Cell<usize>,
    /// The number of blocks in use.
    blocks: Cell<usize>,
    /// The first address that was never handed out; 0 before the first block was freed.
    untouched: Cell<usize>,
}

// SAFETY: a component instance has one thread.
unsafe impl Sync for Bump {}

impl Bump {
    /// Returns an allocator whose memory is all free.
    #[expect(clippy::new_without_default, reason = "a static is its only use")]
    pub const fn new() -> Self {
        Self { next: Cell::new(0), blocks: Cell::new(0), untouched: Cell::new(0) }
    }

    fn next(&self) -> usize {
        match self.next.get() {
            0 => (&raw const __heap_base).addr(),
            next => next,
        }
    }

    /// Reserves everything up to `end`. Returns false if the memory cannot grow that far.
    fn reserve(&self, end: usize) -> bool {
        let missing = end.saturating_sub(memory_size::<0>() * PAGE);
        if missing > 0 && memory_grow::<0>(missing.div_ceil(PAGE).max(GROWTH)) == usize::MAX {
            return false;
        }
        self.next.set(end);
        true
    }

    /// Frees everything.
    fn reset(&self) {
        self.untouched.set(self.untouched.get().max(self.next.get()));
        self.next.set(0);
    }
}

// SAFETY: blocks in use never overlap, since `next` only moves up as long as there is one, and are inside the memory, since
// `reserve` checks it.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.next().next_multiple_of(layout.align());
        match start.checked_add(layout.size()) {
            Some(end) if self.reserve(end) => {
                self.blocks.set(self.blocks.get() + 1);
                start as *mut u8
            }
            _ => null_mut(),
        }
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {
        let left = self.blocks.get() - 1;
        self.blocks.set(left);
        if left == 0 {
            self.reset();
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `alloc`. What was handed out before is overwritten up to the end of the new
        // block; the rest is zero.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, self.untouched.get().saturating_sub(block.addr()).min(layout.size()));
            }
            block
        }
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
        // the old one, which is in use until it is freed here.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size());
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
