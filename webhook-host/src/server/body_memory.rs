//! Counts the memory of bodies: of requests until their evaluation ends, and of answers until they are sent.
//!
//! Small bodies have a share of their own, so that large ones can't keep ordinary requests out.

use crate::limits::Limits;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of permits: one acquisition of a semaphore counts at most 32 bits.
const UNIT: usize = 1024;

/// The memory that all bodies may take.
#[derive(Debug)]
pub(super) struct BodyMemory {
    /// For bodies of at most this many bytes.
    small_bytes: usize,
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// The memory that one body has reserved so far.
#[derive(Debug, Default)]
pub(super) struct ReservedMemory {
    permit: Option<OwnedSemaphorePermit>,
    is_large: bool,
}

/// The memory of all bodies of this size is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryUsedUp;

/// Bytes that give their memory back when the last reference to them is dropped.
struct CountedBytes<T> {
    bytes: T,
    _memory: ReservedMemory,
}

// === impl BodyMemory ===

impl BodyMemory {
    pub(super) fn new(limits: &Limits) -> Self {
        let units = (limits.bodies_bytes / UNIT).min(Semaphore::MAX_PERMITS);
        let small = units / Limits::SMALL_BODIES_SHARE;
        Self {
            small_bytes: limits.inline_bytes,
            small: Arc::new(Semaphore::new(small)),
            large: Arc::new(Semaphore::new(units - small)),
        }
    }

    /// Reserves memory for a body that has reached this size.
    pub(super) fn grow(&self, memory: &mut ReservedMemory, size: usize) -> Result<(), MemoryUsedUp> {
        let is_large = size > self.small_bytes;
        let semaphore = if is_large { &self.large } else { &self.small };
        let reserved = memory.permit.as_ref().filter(|_| memory.is_large == is_large);
        let missing =
            size.div_ceil(UNIT).saturating_sub(reserved.map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 {
            return Ok(());
        }
        let units = u32::try_from(missing).map_err(|_| MemoryUsedUp)?;
        let permit = Arc::clone(semaphore).try_acquire_many_owned(units).map_err(|_| MemoryUsedUp)?;
        match &mut memory.permit {
            Some(reserved) if memory.is_large == is_large => reserved.merge(permit),
            _ => *memory = ReservedMemory { permit: Some(permit), is_large },
        }
        Ok(())
    }

    /// Returns an answer that counts until it is sent.
    pub(super) fn count(&self, answer: Vec<u8>) -> Result<Bytes, MemoryUsedUp> {
        let mut memory = ReservedMemory::default();
        self.grow(&mut memory, answer.len())?;
        Ok(memory.of(answer))
    }
}

// === impl ReservedMemory ===

impl ReservedMemory {
    /// Returns the bytes that the memory was reserved for.
    pub(super) fn of(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(CountedBytes { bytes, _memory: self })
    }
}

// === impl CountedBytes ===

impl<T: AsRef<[u8]>> AsRef<[u8]> for CountedBytes<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> BodyMemory {
        BodyMemory::new(&Limits { bodies_bytes: 8 * UNIT, inline_bytes: UNIT, ..Limits::default() })
    }

    fn grown(memory: &BodyMemory, size: usize) -> Result<ReservedMemory, MemoryUsedUp> {
        let mut reserved = ReservedMemory::default();
        memory.grow(&mut reserved, size).map(|()| reserved)
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones() {
        let memory = memory();
        let large = grown(&memory, 6 * UNIT).unwrap();
        assert!(grown(&memory, UNIT + 1).is_err());
        let small = [grown(&memory, UNIT), grown(&memory, 1)];
        assert!(small.iter().all(Result::is_ok));
        assert!(grown(&memory, 1).is_err());
        drop((large, small));
        assert!(grown(&memory, 6 * UNIT).is_ok());
    }

    #[test]
    fn a_growing_body_reserves_what_it_has_received() {
        let memory = memory();
        let mut growing = grown(&memory, 1).unwrap();
        for size in [2, UNIT, UNIT + 1, 3 * UNIT, 6 * UNIT] {
            assert_eq!(memory.grow(&mut growing, size), Ok(()), "{size}");
        }
        assert_eq!((memory.small.available_permits(), memory.large.available_permits()), (2, 0));
        assert_eq!(memory.grow(&mut growing, 6 * UNIT + 1), Err(MemoryUsedUp));
        drop(growing.of(vec![0; 6 * UNIT]));
        assert_eq!(memory.large.available_permits(), 6);
    }

    #[test]
    fn an_answer_counts_until_its_last_reference_is_dropped() {
        let memory = memory();
        let answer = memory.count(vec![1; 4 * UNIT]).unwrap();
        let rest = answer.slice(10..);
        drop(answer);
        assert_eq!(memory.large.available_permits(), 2);
        drop(rest);
        assert_eq!(memory.large.available_permits(), 6);
    }
}
