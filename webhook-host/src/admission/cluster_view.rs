//! The parts of a cluster that admission depends on: the freshness of the index, and time.

use crate::clock::Clock;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tells whether the watches that fill the index are current.
pub trait Freshness: fmt::Debug + Send + Sync {
    /// Returns whether the index holds what the API server stores, apart from the delay of a watch.
    fn is_current(&self) -> bool;
}

/// The freshness of the index, and the lifetime of objects that no watch has reported.
#[derive(Debug)]
pub(super) struct ClusterView {
    pub(super) freshness: Arc<dyn Freshness>,
    pub(super) clock: Clock,
    /// How long an admitted object counts if no watch reports it.
    pub(super) pending_time: Duration,
}

// === impl ClusterView ===

impl ClusterView {
    /// Returns when an object that is admitted now stops counting.
    pub(super) fn expiry(&self) -> Instant {
        self.clock.now() + self.pending_time
    }
}
