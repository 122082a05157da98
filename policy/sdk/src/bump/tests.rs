//! The allocator on a buffer, with every kind of call.

use super::{Bump, Memory};
use std::alloc::{GlobalAlloc as _, Layout};
use std::slice;

/// The length of a buffer, in bytes.
const BYTES: usize = 1024;

/// Zero bytes that cannot grow.
struct BufferMemory(*mut [u8; BYTES]);

// SAFETY: the buffer is zero, and nothing else uses it.
unsafe impl Memory for BufferMemory {
    fn start(&self) -> usize {
        self.0.expose_provenance()
    }

    fn reserve(&self, end: usize) -> bool {
        end <= self.0.addr() + BYTES
    }
}

impl Drop for BufferMemory {
    fn drop(&mut self) {
        // SAFETY: `memory` leaked the box, and nothing else frees it.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

fn memory() -> Bump<BufferMemory> {
    Bump::of(BufferMemory(Box::into_raw(Box::new([0; BYTES]))))
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a layout")
}

/// A block of bytes.
const SMALL: usize = 24;

/// Returns a block that is filled with a byte.
fn filled(bump: &Bump<BufferMemory>, size: usize, byte: u8) -> *mut u8 {
    // SAFETY: the block is as long as what is written.
    unsafe {
        let block = bump.alloc(layout(size, 1));
        assert!(!block.is_null());
        block.write_bytes(byte, size);
        block
    }
}

fn bytes<'a>(block: *mut u8, size: usize) -> &'a [u8] {
    // SAFETY: the tests read blocks in use only, within their sizes.
    unsafe { slice::from_raw_parts(block, size) }
}

fn reset(bump: &Bump<BufferMemory>) {
    // SAFETY: the tests use no block after a reset.
    unsafe { bump.reset() }
}

#[test]
fn blocks_do_not_overlap_and_are_aligned() {
    let bump = memory();
    let first = filled(&bump, 3, 1);
    // SAFETY: the layout is not empty.
    let second = unsafe { bump.alloc(layout(8, 8)) };
    assert_eq!(second.addr() % 8, 0);
    // SAFETY: the block is in use, with this layout.
    unsafe { bump.dealloc(second, layout(8, 8)) };
    let third = filled(&bump, SMALL, 3);
    assert!(first.addr() + 3 <= second.addr() && second.addr() + 8 <= third.addr());
    assert_eq!(bytes(first, 3), [1; 3]);
}

#[test]
fn after_a_reset_all_memory_is_free_and_zero() {
    let bump = memory();
    reset(&bump);
    let first = filled(&bump, 3 * SMALL, 0xff);
    reset(&bump);
    // A shorter use after a longer one, and a longer one after that.
    assert_eq!(filled(&bump, 1, 0xff), first);
    reset(&bump);
    for size in [SMALL, 2 * SMALL] {
        // SAFETY: the layout is not empty.
        let blocks = unsafe { [bump.alloc(layout(size, 1)), bump.alloc_zeroed(layout(size, 1))] };
        assert_eq!(blocks.map(|block| bytes(block, size)), [vec![0; size], vec![0; size]]);
    }
}

#[test]
fn the_last_block_grows_in_place_and_another_one_moves() {
    let bump = memory();
    let first = filled(&bump, SMALL, 1);
    // SAFETY: the blocks are in use, with these layouts.
    unsafe {
        assert_eq!(bump.realloc(first, layout(SMALL, 1), 2 * SMALL), first);
        let second = filled(&bump, SMALL, 2);
        let moved = bump.realloc(first, layout(2 * SMALL, 1), 3 * SMALL);
        assert!(moved > second);
        assert_eq!(bytes(moved, SMALL), [1; SMALL]);
        assert_eq!(bump.realloc(second, layout(SMALL, 1), 1), second);
        assert_eq!(bytes(second, 1), [2]);
    }
}

#[test]
fn what_does_not_fit_gets_no_block_and_leaves_everything_as_it_is() {
    let bump = memory();
    let first = filled(&bump, SMALL, 1);
    // SAFETY: the block is in use, with this layout.
    unsafe {
        assert!(bump.alloc(layout(BYTES, 1)).is_null());
        assert!(bump.alloc(layout(isize::MAX as usize, 1)).is_null());
        assert!(bump.alloc_zeroed(layout(BYTES, 1)).is_null());
        assert!(bump.realloc(first, layout(SMALL, 1), BYTES + 1).is_null());
        assert_eq!(bump.realloc(first, layout(SMALL, 1), BYTES), first);
        assert!(bump.alloc(layout(1, 1)).is_null());
    }
    assert_eq!(bytes(first, SMALL), [1; SMALL]);
    reset(&bump);
    assert_eq!(filled(&bump, BYTES, 2), first);
}
