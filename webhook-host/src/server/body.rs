//! Reads a request's body into memory, within the limits on its size, time and rate.

use super::body_memory::{BodyMemory, MemoryUsedUp, ReservedMemory};
use crate::limits::Limits;
use crate::review::UID_PREFIX;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The time before the rate limit applies.
const GRACE: Duration = Duration::from_secs(1);
/// The initial capacity for a body of unknown length.
const FIRST: usize = 16 * 1024;

/// Reads bodies, and limits their memory.
#[derive(Debug)]
pub(super) struct Bodies {
    size: usize,
    time: Duration,
    rate: usize,
    pub(super) memory: BodyMemory,
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
    /// The memory for bodies of this size is used up.
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
        Self {
            size: limits.body_bytes,
            time: limits.body_time,
            rate: limits.body_rate.max(1),
            memory: BodyMemory::new(limits),
        }
    }

    /// Reads a body to its end, which counts until it is dropped. A body that arrives in one piece is not copied.
    pub(super) async fn read(&self, incoming: Incoming) -> Result<Bytes, BodyError> {
        let length = incoming.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let mut body = IncomingBody { bodies: self, incoming, start: Instant::now(), received: 0 };
        if length.is_some_and(|length| length > self.size) {
            return Err(body.too_large(BytesMut::new()).await);
        }
        let mut memory = ReservedMemory::default();
        let Some(first) = body.next().await? else { return Ok(Bytes::new()) };
        if first.len() > self.size {
            return Err(body.too_large(BytesMut::from(first)).await);
        }
        self.memory.grow(&mut memory, first.len())?;
        if length == Some(first.len()) {
            return Ok(memory.of(first));
        }
        let mut whole = BytesMut::with_capacity(length.unwrap_or(FIRST));
        whole.extend_from_slice(&first);
        while let Some(piece) = body.next().await? {
            if whole.len() + piece.len() > self.size {
                whole.extend_from_slice(&piece);
                return Err(body.too_large(whole).await);
            }
            self.memory.grow(&mut memory, whole.len() + piece.len())?;
            whole.extend_from_slice(&piece);
        }
        Ok(memory.of(whole))
    }
}

// === impl BodyError ===

impl From<MemoryUsedUp> for BodyError {
    fn from(_: MemoryUsedUp) -> Self {
        Self::Memory
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
