//! Durations and points in time as metrics.

use prometheus_client::metrics::gauge::Gauge;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

/// A gauge of seconds: a duration, or a Unix time.
pub(super) type Seconds = Gauge<f64, AtomicU64>;

/// Returns the current Unix time in seconds.
pub(super) fn unix_now() -> f64 {
    unix_seconds(SystemTime::now())
}

/// Returns the Unix time in seconds; 0 for a time before 1970, which only a wrong clock shows.
pub(super) fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
