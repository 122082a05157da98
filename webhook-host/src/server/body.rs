//! A request's body, read whole under the limits on its size, its time and its rate.

use crate::limits::Limits;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// How far the uid of a body that is too large is looked for.
const PREFIX: usize = 4 * 1024;
/// The time before the rate counts.
const GRACE: Duration = Duration::from_secs(1);
/// What a body of unknown length is first given.
const FIRST: usize = 16 * 1024;

/// Reads bodies, and keeps count of what large ones hold.
#[derive(Debug)]
pub(super) struct Bodies {
    size: usize,
    time: Duration,
    rate: usize,
    small: usize,
    /// In KiB, as a semaphore counts no further than 32 bits at a time.
    memory: Arc<Semaphore>,
}

/// A body, and the memory that it holds if it is large.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Why there is no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is too large; this is how it begins.
    Large(Bytes),
    /// It took too long, or came too slowly.
    Slow,
    /// The client went away, or broke the protocol.
    Broken,
    /// Large bodies hold all the memory that they may.
    Memory,
}

/// A body on its way.
struct Reading<'a> {
    bodies: &'a Bodies,
    incoming: Incoming,
    start: Instant,
    received: usize,
}

// === impl Bodies ===

impl Bodies {
    pub(super) fn new(limits: &Limits) -> Self {
        let permits = (limits.bodies_bytes / 1024).min(Semaphore::MAX_PERMITS);
        Self {
            size: limits.body_bytes,
            time: limits.body_time,
            rate: limits.body_rate.max(1),
            small: limits.inline_bytes,
            memory: Arc::new(Semaphore::new(permits)),
        }
    }

    /// Reads a body to its end. One that comes in one piece is not copied.
    pub(super) async fn read(&self, incoming: Incoming) -> Result<Body, BodyError> {
        let length = incoming.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let mut reading = Reading { bodies: self, incoming, start: Instant::now(), received: 0 };
        if length.is_some_and(|length| length > self.size) {
            return Err(reading.too_large(BytesMut::new()).await);
        }
        let mut memory = self.reserve(length.unwrap_or_default())?;
        let Some(first) = reading.next().await? else { return Ok(Body::default()) };
        if length == Some(first.len()) {
            return Ok(Body { bytes: first, _memory: memory });
        }
        let mut whole = BytesMut::with_capacity(length.unwrap_or(FIRST));
        whole.extend_from_slice(&first);
        while let Some(piece) = reading.next().await? {
            if whole.len() + piece.len() > self.size {
                whole.extend_from_slice(&piece);
                return Err(reading.too_large(whole).await);
            }
            if memory.is_none() && whole.len() + piece.len() > self.small {
                memory = self.reserve(self.size)?;
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Body { bytes: whole.freeze(), _memory: memory })
    }

    /// The memory for a body of that length; nothing for a small one.
    fn reserve(&self, length: usize) -> Result<Option<OwnedSemaphorePermit>, BodyError> {
        if length <= self.small {
            return Ok(None);
        }
        let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.memory).try_acquire_many_owned(kib);
        permit.map(Some).map_err(|_| BodyError::Memory)
    }
}

// === impl Body ===

impl Default for Body {
    fn default() -> Self {
        Self { bytes: Bytes::new(), _memory: None }
    }
}

// === impl Reading ===

impl Reading<'_> {
    /// The next piece of data; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let Ok(frame) = timeout_at(self.deadline(), self.incoming.frame()).await else {
                return Err(BodyError::Slow);
            };
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(BodyError::Broken),
                // Trailers are passed over.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received += data.len();
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// When the next byte must have come, given those that have.
    fn deadline(&self) -> Instant {
        let paid = Duration::from_secs_f64(self.received as f64 / self.bodies.rate as f64);
        self.start + self.bodies.time.min(GRACE + paid)
    }

    /// Reads on without keeping more than the beginning: a client that still sends does not read the answer. It is
    /// given as much again as the limit.
    async fn too_large(&mut self, mut begun: BytesMut) -> BodyError {
        begun.truncate(PREFIX);
        while self.received <= 2 * self.bodies.size {
            let Ok(Some(piece)) = self.next().await else { break };
            let wanted = PREFIX - begun.len();
            begun.extend_from_slice(piece.get(..wanted).unwrap_or(&piece));
        }
        BodyError::Large(begun.freeze())
    }
}
