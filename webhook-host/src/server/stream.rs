//! A connection's stream with two time limits: on a request's head from its first byte, and on a client that does not read
//! its response.
//!
//! The head timeout of hyper can't be used for the first limit: it also runs while a connection is idle, which may be long.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// The current activity of a connection, shared by its stream, its service and its slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(Arc<ActivityState>);

#[derive(Debug, Default)]
struct ActivityState {
    phase: AtomicU8,
    /// When the first byte of the first head arrived.
    begun: OnceLock<Instant>,
    is_evicted: AtomicBool,
}

/// No byte of a request has arrived yet.
const FRESH: u8 = 0;
/// No byte has arrived since the last response.
const IDLE: u8 = 1;
/// A part of a head has arrived.
const HEAD: u8 = 2;
/// A request is being handled.
const REQUEST: u8 = 3;
/// The last response was sent, and the client's remaining bytes are dropped.
const LINGERING: u8 = 4;

/// A stream with time limits.
pub(super) struct TimedStream<S> {
    inner: S,
    activity: Activity,
    head: LazyTimer,
    response: LazyTimer,
}

/// A time limit whose timer is created only when an operation has to wait.
struct LazyTimer {
    limit: Duration,
    running: Option<Pin<Box<Sleep>>>,
}

// === impl Activity ===

impl Activity {
    /// Returns whether no byte of a request has arrived yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.phase() == FRESH
    }

    /// Returns whether no byte has arrived since the last response, or at all.
    pub(super) fn is_idle(&self) -> bool {
        self.phase() <= IDLE
    }

    /// Returns whether the client has sent no request. Parts of a head do not count if it has been incomplete for longer than
    /// `patience`.
    pub(super) fn is_without_request(&self, patience: Duration) -> bool {
        match self.phase() {
            FRESH => true,
            HEAD => self.0.begun.get().is_some_and(|begun| begun.elapsed() > patience),
            _ => false,
        }
    }

    /// Returns whether the connection only waits for its client to close it.
    pub(super) fn is_lingering(&self) -> bool {
        self.phase() == LINGERING
    }

    /// Records that a request's head is complete.
    pub(super) fn request_received(&self) {
        self.0.phase.store(REQUEST, Ordering::Release);
    }

    /// Records that a request has its response.
    pub(super) fn response_sent(&self) {
        self.0.phase.store(IDLE, Ordering::Release);
    }

    /// Records that the last response was sent.
    pub(super) fn lingering(&self) {
        self.0.phase.store(LINGERING, Ordering::Release);
    }

    /// Records that the connection lost its slot to another one.
    pub(super) fn evicted(&self) {
        self.0.is_evicted.store(true, Ordering::Release);
    }

    /// Returns whether the connection lost its slot to another one.
    pub(super) fn is_evicted(&self) -> bool {
        self.0.is_evicted.load(Ordering::Acquire)
    }

    fn bytes_received(&self) {
        // Only the connection's own task changes the phase, so a separate load and store are safe.
        if self.is_idle() {
            self.0.begun.get_or_init(Instant::now);
            self.0.phase.store(HEAD, Ordering::Release);
        }
    }

    fn is_head(&self) -> bool {
        self.phase() == HEAD
    }

    fn phase(&self) -> u8 {
        self.0.phase.load(Ordering::Acquire)
    }
}

// === impl LazyTimer ===

impl LazyTimer {
    fn new(limit: Duration) -> Self {
        Self { limit, running: None }
    }

    fn stop(&mut self) {
        self.running = None;
    }

    /// Starts the timer if it is not running. Returns an error once the time is up.
    fn poll<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let limit = self.limit;
        let running = self.running.get_or_insert_with(|| Box::pin(sleep(limit)));
        running.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Returns the result of an operation. The timer runs only while the operation is pending.
    fn guard<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_pending() {
            return self.poll(cx);
        }
        self.stop();
        result
    }
}

// === impl TimedStream ===

impl<S> TimedStream<S> {
    /// Limits the time of a head, from its first byte, and the time for which the client reads nothing of a response.
    pub(super) fn new(inner: S, activity: Activity, head: Duration, response: Duration) -> Self {
        Self { inner, activity, head: LazyTimer::new(head), response: LazyTimer::new(response) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_received();
        }
        if !self.activity.is_head() {
            self.head.stop();
        } else if result.is_pending() {
            return self.head.poll(cx);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.response.guard(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.response.guard(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.response.guard(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.response.guard(cx, result)
    }
}
