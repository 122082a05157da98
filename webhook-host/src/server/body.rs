//! Reads a request's body into memory, within the limits on its size, time and rate.

use crate::limits::Limits;
use crate::review::UID_PREFIX;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// The time before the rate limit applies.
const GRACE: Duration = Duration::from_secs(1);
/// The initial capacity for a body of unknown length.
const FIRST: usize = 16 * 1024;

/// Reads bodies, and limits the memory of large ones.
#[derive(Debug)]
pub(super) struct Bodies {
    size: usize,
    time: Duration,
    rate: usize,
    small: usize,
    /// In KiB, because one acquisition of a semaphore counts at most 32 bits.
    memory: Arc<Semaphore>,
}

/// A body, with its share of the memory for large bodies.
#[derive(Debug)]
pub(super) struct RequestBody {
    pub(super) bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// The body is too large. Contains its first bytes.
    Large(Bytes),
    /// The body exceeded its time limit or fell below its rate limit.
    Slow,
    /// The client closed the connection or violated the protocol.
    Broken,
    /// The memory for large bodies is used up.
    Memory,
}

/// A body that is being received.
struct IncomingBody<'a> {
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

    /// Reads a body to its end. A body that arrives in one piece is not copied.
    pub(super) async fn read(&self, incoming: Incoming) -> Result<RequestBody, BodyError> {
        let length = incoming.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let mut body = IncomingBody { bodies: self, incoming, start: Instant::now(), received: 0 };
        if length.is_some_and(|length| length > self.size) {
            return Err(body.too_large(BytesMut::new()).await);
        }
        let mut memory = self.reserve(length.unwrap_or_default())?;
        let Some(first) = body.next().await? else { return Ok(RequestBody::default()) };
        if length == Some(first.len()) {
            return Ok(RequestBody { bytes: first, _memory: memory });
        }
        let mut whole = BytesMut::with_capacity(length.unwrap_or(FIRST));
        whole.extend_from_slice(&first);
        while let Some(piece) = body.next().await? {
            if whole.len() + piece.len() > self.size {
                whole.extend_from_slice(&piece);
                return Err(body.too_large(whole).await);
            }
            if memory.is_none() && whole.len() + piece.len() > self.small {
                memory = self.reserve(self.size)?;
            }
            whole.extend_from_slice(&piece);
        }
        Ok(RequestBody { bytes: whole.freeze(), _memory: memory })
    }

    /// Reserves memory for a body of this length, or nothing for a small one.
    fn reserve(&self, length: usize) -> Result<Option<OwnedSemaphorePermit>, BodyError> {
        if length <= self.small {
            return Ok(None);
        }
        let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.memory).try_acquire_many_owned(kib);
        permit.map(Some).map_err(|_| BodyError::Memory)
    }
}

// === impl RequestBody ===

impl Default for RequestBody {
    fn default() -> Self {
        Self { bytes: Bytes::new(), _memory: None }
    }
}

// === impl IncomingBody ===

impl IncomingBody<'_> {
    /// Returns the next piece of data, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let Ok(frame) = timeout_at(self.deadline(), self.incoming.frame()).await else {
                return Err(BodyError::Slow);
            };
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(BodyError::Broken),
                // Trailers are skipped.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received += data.len();
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Returns when the next byte must arrive, given the number of received bytes.
    fn deadline(&self) -> Instant {
        let earned = Duration::from_secs_f64(self.received as f64 / self.bodies.rate as f64);
        self.start + self.bodies.time.min(GRACE + earned)
    }

    /// Returns the first bytes, which contain the uid. The rest stays unread.
    async fn too_large(&mut self, mut begun: BytesMut) -> BodyError {
        while begun.len() < UID_PREFIX {
            let Ok(Some(piece)) = self.next().await else { break };
            begun.extend_from_slice(&piece);
        }
        begun.truncate(UID_PREFIX);
        BodyError::Large(begun.freeze())
    }
}
