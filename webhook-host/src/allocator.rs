//! The allocator of the C library.

/// The initial threshold of glibc: larger buffers are mapped by themselves, and go back to the system once they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BUFFER_BYTES: i32 = 128 << 10;

/// Keeps buffers of more than 128 KiB out of the heap. Call it before the process starts a thread.
///
/// By default glibc raises this threshold to the size of the largest mapped buffer that was freed. The pages of a list are then
/// allocated in the heap, between entries of the index, and leave gaps: 9 MB for 100 000 volumes. Now each body of that size costs
/// two system calls more. Other C libraries have no such threshold.
pub(crate) fn keep_large_buffers_apart() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a function of C; it only sets a number of the allocator")]
    // SAFETY: mallopt(3) is not safe beside other threads that allocate; `serve` calls this first, before any thread runs.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BUFFER_BYTES);
    }
}
