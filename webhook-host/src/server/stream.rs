//! A connection's stream with a clock on it: how long a request's head may take from its first byte, and how long
//! a client may take nothing of an answer.
//!
//! hyper's own timeout for the head also runs while a connection is idle, and that must be long.

use crate::limits::Limits;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What a connection is about; shared by its stream and its service.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(Arc<AtomicU8>);

/// Nothing has come yet at all.
const FRESH: u8 = 0;
/// Nothing has come since the last answer.
const IDLE: u8 = 1;
/// A head has begun.
const HEAD: u8 = 2;
/// A request is being served.
const REQUEST: u8 = 3;

/// The stream of a connection.
pub(super) struct Timed<S> {
    inner: S,
    activity: Activity,
    head: Timer,
    answer: Timer,
}

/// A time limit that costs nothing until something has to be waited for.
struct Timer {
    limit: Duration,
    running: Option<Pin<Box<Sleep>>>,
}

// === impl Activity ===

impl Activity {
    /// Whether nothing has come yet at all.
    pub(super) fn is_fresh(&self) -> bool {
        self.0.load(Ordering::Acquire) == FRESH
    }

    /// Whether nothing has come since the last answer, or at all.
    pub(super) fn is_idle(&self) -> bool {
        self.0.load(Ordering::Acquire) <= IDLE
    }

    /// A request has its head.
    pub(super) fn request(&self) {
        self.0.store(REQUEST, Ordering::Release);
    }

    /// A request has its answer.
    pub(super) fn answered(&self) {
        self.0.store(IDLE, Ordering::Release);
    }

    /// Bytes have come.
    fn bytes(&self) {
        // Only the connection's own task changes the activity, so two steps are safe.
        if self.is_idle() {
            self.0.store(HEAD, Ordering::Release);
        }
    }

    fn is_head(&self) -> bool {
        self.0.load(Ordering::Acquire) == HEAD
    }
}

// === impl Timer ===

impl Timer {
    fn new(limit: Duration) -> Self {
        Self { limit, running: None }
    }

    fn stop(&mut self) {
        self.running = None;
    }

    /// Starts the time if it does not run yet; an error once it is up.
    fn poll<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let limit = self.limit;
        let running = self.running.get_or_insert_with(|| Box::pin(sleep(limit)));
        running.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// What an operation came to, with the time running only while it waits.
    fn guard<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_pending() {
            return self.poll(cx);
        }
        self.stop();
        result
    }
}

// === impl Timed ===

impl<S> Timed<S> {
    pub(super) fn new(inner: S, activity: Activity, limits: &Limits) -> Self {
        Self { inner, activity, head: Timer::new(limits.head_time), answer: Timer::new(limits.answer_time) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes();
        }
        if !self.activity.is_head() {
            self.head.stop();
        } else if result.is_pending() {
            return self.head.poll(cx);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.answer.guard(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.answer.guard(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.answer.guard(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.answer.guard(cx, result)
    }
}
