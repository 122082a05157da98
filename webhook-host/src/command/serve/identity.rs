//! The identity of this replica in Leases.

use std::time::SystemTime;

/// Returns a unique identity: the name of the pod or the machine, the process id and the start time.
pub(super) fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "ordinance".to_owned());
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{host}_{}_{}", std::process::id(), started.as_nanos())
}
