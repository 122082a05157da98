//! Points in time and durations as text.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time, printed in UTC to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(SystemTime);

/// The last second of the year 9999, the last one that RFC 3339 can express.
const LAST: Duration = Duration::from_secs(253_402_300_799);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

// === impl Timestamp ===

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST))
    }
}

impl Timestamp {
    /// Formats the time for other programs, e.g. `2027-01-31T12:00:00Z`.
    pub fn rfc3339(self) -> String {
        humantime::format_rfc3339_seconds(self.0).to_string()
    }
}

impl fmt::Display for Timestamp {
    /// Formats the time for people, e.g. `2027-01-31 12:00:00 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} UTC", self.rfc3339().trim_end_matches('Z').replace('T', " "))
    }
}

/// Formats a duration in the largest unit of which it has at least two, e.g. `89 days` or `90 s`.
pub fn rough_duration(duration: Duration) -> String {
    let (count, unit) = match duration {
        duration if duration >= 2 * DAY => (duration.as_secs() / DAY.as_secs(), "days"),
        duration if duration >= 2 * HOUR => (duration.as_secs() / HOUR.as_secs(), "hours"),
        duration if duration >= 2 * MINUTE => (duration.as_secs() / MINUTE.as_secs(), "minutes"),
        duration => (duration.as_secs(), "s"),
    };
    format!("{count} {unit}")
}
