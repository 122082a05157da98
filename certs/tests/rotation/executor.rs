//! Polls futures in a chosen order, one poll of one future at a time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Yields once.
pub async fn pause() {
    let mut paused = false;
    poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Runs all futures to completion. `choose` gets the number of running futures and returns the index of the next to poll.
pub fn run<T>(
    futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>,
    mut choose: impl FnMut(usize) -> usize,
) -> Vec<T> {
    let mut context = Context::from_waker(Waker::noop());
    let mut running: Vec<_> = futures.into_iter().enumerate().collect();
    let mut ended = Vec::new();
    while !running.is_empty() {
        let turn = choose(running.len());
        let (index, future) = &mut running[turn];
        let index = *index;
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            ended.push((index, value));
            drop(running.remove(turn));
        }
    }
    ended.sort_by_key(|(index, _)| *index);
    ended.into_iter().map(|(_, value)| value).collect()
}

/// Runs one future to completion.
pub fn run_one<T>(future: impl Future<Output = T>) -> T {
    run(vec![Box::pin(future)], |_| 0).remove(0)
}
