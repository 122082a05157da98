//! Lifetimes and waits of a rotation.

use crate::authority::{BACKDATED, Lifetime};
use crate::certificate::Validity;
use crate::record::Record;
use std::time::{Duration, SystemTime};

/// Lifetimes and waits of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The lifetime of a CA; it is replaced after two thirds.
    pub authority: Lifetime,
    /// The lifetime of a leaf certificate; it is replaced after about two thirds.
    pub leaf: Lifetime,
    /// For how long a client may use a bundle after it was replaced.
    pub wait: Duration,
    /// By how much a replica's clock may be off, in either direction.
    pub skew: Duration,
    /// The interval between two polls of a replica.
    pub poll_interval: Duration,
}

// === impl Schedule ===

impl Default for Schedule {
    fn default() -> Self {
        Self {
            authority: Lifetime::days(365),
            leaf: Lifetime::days(7),
            wait: Duration::from_secs(5 * 60),
            skew: Duration::from_secs(5 * 60),
            poll_interval: Duration::from_secs(5),
        }
    }
}

impl Schedule {
    /// Returns the schedule with the lifetime that the record's current CA was made with.
    #[must_use]
    pub fn with_authority_of(self, record: &Record) -> Self {
        let validity = record.current.validity();
        let lifetime = validity.map(|Validity { not_before, not_after }| {
            not_after.duration_since(not_before + BACKDATED).unwrap_or_default()
        });
        Self { authority: lifetime.map_or(self.authority, Lifetime), ..self }
    }

    /// Returns when a CA is due to be replaced.
    pub(super) fn due(&self, authority: Validity) -> SystemTime {
        authority.not_after - self.authority.0 / 3
    }

    /// Returns when every leaf certificate signed by `now` has expired, whichever replica's clock said `now`.
    pub(super) fn drained(&self, now: SystemTime) -> SystemTime {
        now + self.leaf.0 + 2 * self.skew
    }
}
