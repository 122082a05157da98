//! The allocator of the C library.

/// Buffers of this size and more go back to the system once they are freed. It is the default of glibc.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BUFFER_BYTES: i32 = 128 << 10;

/// Keeps large buffers apart from the heap.
///
/// By default glibc raises the size of a large buffer to that of the largest one that was ever freed. A server that reads
/// the pages of a list then has them in its heap, between entries of the index, and the room that they leave stays unused.
/// Other C libraries do not.
pub(crate) fn keep_large_buffers_apart() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a function of C; it only sets a number of the allocator")]
    // SAFETY: `mallopt` may be called at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BUFFER_BYTES);
    }
}
