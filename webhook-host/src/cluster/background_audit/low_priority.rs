//! A thread of low priority, so that an audit delays no request.

use tokio::sync::oneshot;

/// The priority of the thread, as `nice` has it: beside a worker on one core it gets a fiftieth of its time.
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

/// Lowers the priority of the calling thread.
fn lower_priority() {
    // Only Linux has a priority per thread. A sandbox may forbid the call; then only the pauses of the audit help.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}
