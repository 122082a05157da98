//! A thread of low priority, so that an audit delays no request.

use tokio::sync::oneshot;

/// The priority of the thread where it can't be idle, as `nice` has it: beside a worker on one core it gets a fiftieth of its time.
#[cfg(target_os = "linux")]
const NICE: i32 = 19;

/// Whether the caller still waits for the result.
#[derive(Debug)]
pub(super) struct Waiting<'a, T>(&'a oneshot::Sender<T>);

/// Runs work on a thread of its own. Returns `None` if the thread can't be started, or panics.
pub(super) async fn on_low_priority_thread<T: Send + 'static>(
    work: impl FnOnce(&Waiting<'_, T>) -> T + Send + 'static,
) -> Option<T> {
    let (sender, result) = oneshot::channel();
    let run = move || {
        lower_priority();
        let done = work(&Waiting(&sender));
        // A leader that has lost its Lease does not wait.
        let _ = sender.send(done);
    };
    std::thread::Builder::new().name("audit".to_owned()).spawn(run).ok()?;
    result.await.ok()
}

// === impl Waiting ===

impl<T> Waiting<'_, T> {
    /// Returns whether nothing waits for the result any more.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_closed()
    }
}

/// Lowers the priority of the calling thread. Only Linux has one per thread. A sandbox may forbid the calls; then only the pauses of
/// the audit help.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::setpriority_process(None, NICE);
        become_idle();
    }
}

/// Makes the calling thread one that runs when no other one wants to (`SCHED_IDLE` in sched(7)). Beside a thread that is only nice, one
/// that wakes up to serve a request waits until the end of its time slice, a millisecond or two.
#[cfg(target_os = "linux")]
fn become_idle() {
    /// The priority that `SCHED_IDLE` demands.
    static PRIORITY: libc::c_int = 0;
    // By its number, since the C library musl refuses it.
    #[expect(unsafe_code, reason = "rustix has no such call")]
    // SAFETY: the call reads the priority, and keeps no reference.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_IDLE, &raw const PRIORITY) };
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;

    #[tokio::test]
    async fn the_thread_is_idle_and_others_are_not() {
        let policy = || {
            let stat =
                fs::read_to_string("/proc/thread-self/stat").expect("what the kernel knows of the thread");
            // The fields after the name, which may have spaces, begin with the third; the 41st is the policy (proc_pid_stat(5)).
            let fields = stat.rsplit(')').next().unwrap_or_default();
            fields.split_whitespace().nth(41 - 3).and_then(|field| field.parse().ok())
        };
        let other = policy();
        assert_eq!(on_low_priority_thread(move |_| policy()).await, Some(Some(libc::SCHED_IDLE)));
        assert_eq!(policy(), other);
        assert_ne!(other, Some(libc::SCHED_IDLE));
    }
}
