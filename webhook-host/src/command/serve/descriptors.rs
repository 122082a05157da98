//! The process's limit on file descriptors.

use crate::limits::Limits;
use crate::server::PLAIN_CONNECTIONS;

/// Descriptors for everything but connections: listeners, files, watches and the runtime.
const OTHERS: usize = 128;

/// Raises the soft limit to the hard one, as the Go runtime does, and warns if it has no room for all connections. Without a free
/// descriptor no listener accepts connections, not even the one for health checks. The soft limit of a container is often 1024.
pub(super) fn raise_limit(limits: &Limits) {
    let needed = limits.connections.saturating_add(2 * PLAIN_CONNECTIONS + OTHERS);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if usize::try_from(limit).unwrap_or(usize::MAX) < needed => tracing::warn!(
            limit,
            needed,
            "too few file descriptors for limits.connections; raise the process's hard limit, or lower limits.connections"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "can't raise the limit on file descriptors"),
    }
}
