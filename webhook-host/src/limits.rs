//! All limits of the host with their defaults. An operator can set each of them.

use crate::memory;
use crate::units::{ByteSize, DurationText};
use ordinance_contract::HOLDINGS;
use ordinance_engine::{EngineLimits, PoolLimits};
use ordinance_reservation::Retention;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the API server may work on a request: the default of its `--request-timeout`. It may store an admitted object
/// until then.
const REQUEST_TIME: Duration = Duration::from_secs(60);

/// The additional time that a reservation is kept, and how much longer another replica keeps it.
const RETENTION_MARGIN: Duration = Duration::from_secs(60);

/// The largest value of every duration.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// All limits of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Duration of a TLS handshake, from the start of the connection, including its wait for a turn.
    #[serde(with = "DurationText")]
    pub handshake_time: Duration,
    /// Handshakes whose keys and signatures are computed at the same time. The default leaves one of the cores to open
    /// connections, if there are several.
    pub handshakes: usize,
    /// Concurrent connections from one address whose ClientHello has not arrived.
    pub waiting_per_address: usize,
    /// Time from the start of a connection to the first byte of its first request.
    #[serde(with = "DurationText")]
    pub first_request_time: Duration,
    /// Time from the first byte of a request's head to its end.
    #[serde(with = "DurationText")]
    pub head_time: Duration,
    /// How long a connection that has carried a request may be idle. Keep it above the 90 s for which the API server keeps idle connections: it
    /// does not retry a POST on a connection that the server closes.
    #[serde(with = "DurationText")]
    pub idle_time: Duration,
    /// Size of a request's head.
    #[serde(with = "ByteSize")]
    pub head_bytes: usize,
    /// Number of header fields of a request.
    pub head_fields: usize,
    /// Size of a request's body. The default has room for an object of 3 MiB, the old object, and the envelope.
    #[serde(with = "ByteSize")]
    pub body_bytes: usize,
    /// Time to receive a body.
    #[serde(with = "DurationText")]
    pub body_time: Duration,
    /// Lowest rate of a body in bytes per second, after its first second.
    #[serde(with = "ByteSize")]
    pub body_rate: usize,
    /// Nesting depth of a body's JSON.
    pub json_depth: usize,
    /// Concurrent connections.
    pub connections: usize,
    /// Concurrent connections from one address.
    pub connections_per_address: usize,
    /// How long the server waits before the next accept when the process has no free file descriptor.
    #[serde(with = "DurationText")]
    pub accept_pause: Duration,
    /// Memory of the process. Evaluations, bodies, connections and indexes must fit into it. The default is the limit of the
    /// cgroup, or half of the machine's memory.
    #[serde(with = "ByteSize")]
    pub memory: usize,
    /// Memory of the index of one policy. The default is what the other limits leave of `memory`.
    #[serde(with = "ByteSize")]
    pub index_bytes: usize,
    /// Total size of all bodies in memory, of requests and of answers. A quarter is only for bodies of at most `inlineBytes`. The default is an eighth of `memory`, and at most 128Mi.
    #[serde(with = "ByteSize")]
    pub bodies_bytes: usize,
    /// How long a client may read nothing of a response.
    #[serde(with = "DurationText")]
    pub answer_time: Duration,
    /// Bytes that a client may still send after the last response of its connection. They are dropped.
    #[serde(with = "ByteSize")]
    pub linger_bytes: usize,
    /// How long a client may still send after the last response of its connection.
    #[serde(with = "DurationText")]
    pub linger_time: Duration,
    /// Concurrent evaluations in connection tasks. The pool has one thread less, but at least one. The default is the
    /// number of cores, or as many as fit into `memory`.
    pub evaluations: usize,
    /// How long a request waits for its evaluation to start.
    #[serde(with = "DurationText")]
    pub queue_time: Duration,
    /// Largest body that the built-in policy reviews in the connection's task: in about a millisecond, whatever is in it.
    /// Larger ones are evaluated on the pool.
    #[serde(with = "ByteSize")]
    pub inline_bytes: usize,
    /// Deadline of a request without `?timeout=`.
    #[serde(with = "DurationText")]
    pub deadline: Duration,
    /// Shortest deadline of a request with `?timeout=`.
    #[serde(with = "DurationText")]
    pub shortest_deadline: Duration,
    /// Subtracted from `?timeout=`, so that the response arrives before the API server gives up. The API server rounds
    /// `?timeout=` up to whole seconds.
    #[serde(with = "DurationText")]
    pub deadline_margin: Duration,
    /// Size of a policy's linear memory.
    #[serde(with = "ByteSize")]
    pub policy_memory: usize,
    /// Elements of a policy's table.
    pub policy_table: usize,
    /// Size of a policy's stack.
    #[serde(with = "ByteSize")]
    pub policy_stack: usize,
    /// Size of a policy's answer.
    #[serde(with = "ByteSize")]
    pub policy_output: usize,
    /// Size of the AdmissionReview that is returned.
    #[serde(with = "ByteSize")]
    pub answer_bytes: usize,
    /// Concurrent policy instances in the process.
    pub policy_instances: u32,
    /// Duration of one evaluation.
    #[serde(with = "DurationText")]
    pub policy_time: Duration,
    /// Holdings passed to one evaluation.
    pub holdings: usize,
    /// Objects in the index without a cluster.
    pub remembered_objects: usize,
    /// Admitted objects that no watch has reported yet. The next one displaces the one that expires first.
    pub pending_objects: usize,
    /// How long the index counts as current after the last response on a watch. A silent watch is renewed after half of
    /// this time.
    #[serde(with = "DurationText")]
    pub index_staleness: Duration,
    /// How long an admitted object counts that no watch reports. At least the 60 s of an API server's request, after which
    /// the object is not stored any more.
    #[serde(with = "DurationText")]
    pub pending_time: Duration,
    /// How long the server keeps accepting connections after SIGTERM.
    #[serde(with = "DurationText")]
    pub drain_delay: Duration,
    /// How long the server then waits for requests in progress.
    #[serde(with = "DurationText")]
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let EngineLimits { pool, output, time } = EngineLimits::default();
        Self {
            handshake_time: Duration::from_secs(5),
            handshakes: cores().saturating_sub(1).max(1),
            waiting_per_address: 64,
            first_request_time: Duration::from_secs(10),
            head_time: Duration::from_secs(5),
            idle_time: Duration::from_secs(120),
            head_bytes: 16 * 1024,
            head_fields: 64,
            body_bytes: 7 * 1024 * 1024,
            body_time: Duration::from_secs(10),
            body_rate: 64 * 1024,
            json_depth: 128,
            connections: 1_024,
            connections_per_address: 512,
            accept_pause: Duration::from_millis(100),
            memory: memory::available(),
            index_bytes: 1024 * 1024 * 1024,
            bodies_bytes: 128 * 1024 * 1024,
            answer_time: Duration::from_secs(10),
            linger_bytes: 64 * 1024 * 1024,
            linger_time: Duration::from_secs(5),
            evaluations: cores(),
            queue_time: Duration::from_millis(250),
            inline_bytes: 8 * 1024,
            deadline: Duration::from_secs(10),
            shortest_deadline: Duration::from_millis(300),
            deadline_margin: Duration::from_millis(1_100),
            policy_memory: pool.memory,
            policy_table: pool.table,
            policy_stack: pool.stack,
            policy_output: output,
            answer_bytes: 2 * 1024 * 1024,
            policy_instances: pool.instances,
            policy_time: time,
            holdings: HOLDINGS,
            remembered_objects: 100_000,
            pending_objects: 1_000,
            index_staleness: Duration::from_secs(120),
            pending_time: Duration::from_secs(75),
            drain_delay: Duration::from_secs(15),
            drain_time: Duration::from_secs(10),
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

// === impl Limits ===

impl Limits {
    /// Bodies of at most [`Limits::inline_bytes`] have this part of [`Limits::bodies_bytes`] to themselves.
    pub const SMALL_BODIES_SHARE: usize = 4;

    /// Returns the least [`Limits::bodies_bytes`]: the share of large bodies has room for one.
    pub const fn least_bodies_bytes(&self) -> usize {
        self.body_bytes.div_ceil(Self::SMALL_BODIES_SHARE - 1).saturating_mul(Self::SMALL_BODIES_SHARE)
    }

    /// Returns how long reservations are kept: until an admitted object is stored or never will be, and until no replica decides
    /// on an index from before that.
    pub fn retention(&self) -> Retention {
        let own = self.pending_time + self.index_staleness + RETENTION_MARGIN;
        Retention { pending: self.pending_time, own, foreign: own + RETENTION_MARGIN }
    }

    /// Returns the part of the limits that the engine enforces.
    pub fn engine(&self) -> EngineLimits {
        EngineLimits {
            pool: PoolLimits {
                instances: self.policy_instances,
                memory: self.policy_memory,
                table: self.policy_table,
                stack: self.policy_stack,
            },
            output: self.policy_output,
            time: self.policy_time,
        }
    }

    /// Checks that a server can run with these limits.
    ///
    /// # Errors
    ///
    /// The first invalid field, by its name in the configuration, with its valid range.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        self.check_smallest()?;
        self.check_largest()?;
        self.check_shortest()?;
        self.check_longest()
    }

    /// Refuses values with which the server can't answer any request.
    fn check_smallest(&self) -> Result<(), (&'static str, String)> {
        let smallest = [
            ("handshakes", self.handshakes, 1),
            ("waitingPerAddress", self.waiting_per_address, 1),
            ("headBytes", self.head_bytes, 8 * 1024),
            ("headFields", self.head_fields, 16),
            ("bodyBytes", self.body_bytes, 1024),
            ("jsonDepth", self.json_depth, 16),
            ("connections", self.connections, 1),
            ("connectionsPerAddress", self.connections_per_address, 1),
            ("bodiesBytes", self.bodies_bytes, self.least_bodies_bytes()),
            ("evaluations", self.evaluations, 1),
            ("policyMemory", self.policy_memory, 1024 * 1024),
            ("policyTable", self.policy_table, 1),
            ("policyStack", self.policy_stack, 64 * 1024),
            ("policyOutput", self.policy_output, 1024),
            ("answerBytes", self.answer_bytes, 1024),
            ("policyInstances", usize::try_from(self.policy_instances).unwrap_or(usize::MAX), 1),
            ("holdings", self.holdings, 1),
            ("pendingObjects", self.pending_objects, 1),
        ];
        match smallest.iter().find(|(_, value, least)| value < least) {
            Some((field, value, least)) => {
                Err((field, format!("{value} is too small; give at least {least}")))
            }
            None => Ok(()),
        }
    }

    /// Refuses values that no machine can satisfy. The server reserves memory for each of them at start.
    fn check_largest(&self) -> Result<(), (&'static str, String)> {
        let largest = [
            ("evaluations", self.evaluations, 1_024),
            ("handshakes", self.handshakes, 1_000_000),
            ("connections", self.connections, 1_000_000),
            ("pendingObjects", self.pending_objects, 10_000),
            ("policyMemory", self.policy_memory, 4 * 1024 * 1024 * 1024),
            ("policyStack", self.policy_stack, 64 * 1024 * 1024),
        ];
        match largest.iter().find(|(_, value, most)| value > most) {
            Some((field, value, most)) => Err((field, format!("{value} is too large; give at most {most}"))),
            None => Ok(()),
        }
    }

    /// Refuses durations of zero where work takes time.
    fn check_shortest(&self) -> Result<(), (&'static str, String)> {
        let times = [
            ("handshakeTime", self.handshake_time),
            ("firstRequestTime", self.first_request_time),
            ("headTime", self.head_time),
            ("idleTime", self.idle_time),
            ("bodyTime", self.body_time),
            ("answerTime", self.answer_time),
            ("deadline", self.deadline),
            ("shortestDeadline", self.shortest_deadline),
            ("policyTime", self.policy_time),
            ("indexStaleness", self.index_staleness),
        ];
        if let Some((field, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            return Err((field, "must be longer than zero; give e.g. 5s".to_owned()));
        }
        self.check_pending()
    }

    fn check_pending(&self) -> Result<(), (&'static str, String)> {
        if self.pending_time >= REQUEST_TIME {
            return Ok(());
        }
        let seconds = REQUEST_TIME.as_secs();
        let message = format!(
            "the API server may store an object up to {seconds} s after its admission, and the object must count \
             until then; give at least {seconds}s"
        );
        Err(("pendingTime", message))
    }

    /// Refuses durations that would overflow an [`Instant`](std::time::Instant) of some platform.
    fn check_longest(&self) -> Result<(), (&'static str, String)> {
        let times = [
            ("handshakeTime", self.handshake_time),
            ("firstRequestTime", self.first_request_time),
            ("headTime", self.head_time),
            ("idleTime", self.idle_time),
            ("bodyTime", self.body_time),
            ("acceptPause", self.accept_pause),
            ("answerTime", self.answer_time),
            ("lingerTime", self.linger_time),
            ("queueTime", self.queue_time),
            ("deadline", self.deadline),
            ("shortestDeadline", self.shortest_deadline),
            ("deadlineMargin", self.deadline_margin),
            ("policyTime", self.policy_time),
            ("indexStaleness", self.index_staleness),
            ("pendingTime", self.pending_time),
            ("drainDelay", self.drain_delay),
            ("drainTime", self.drain_time),
        ];
        match times.iter().find(|(_, time)| *time > LONGEST) {
            Some((field, _)) => Err((field, "must be at most a day; give e.g. 5s".to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_defaults() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn refuses_a_duration_longer_than_a_day() {
        let limits = Limits { deadline: LONGEST + Duration::from_secs(1), ..Limits::default() };
        assert_eq!(limits.check(), Err(("deadline", "must be at most a day; give e.g. 5s".to_owned())));
    }

    #[test]
    fn refuses_a_pending_time_shorter_than_a_request_of_the_api_server() {
        let of = |seconds| Limits { pending_time: Duration::from_secs(seconds), ..Limits::default() }.check();
        assert_eq!(of(60), Ok(()));
        assert_eq!(of(59).map_err(|(field, _)| field), Err("pendingTime"));
    }

    #[test]
    fn reservations_outlast_every_index_that_lacks_their_objects() {
        let seconds = |pending, staleness| {
            let (pending_time, index_staleness) =
                (Duration::from_secs(pending), Duration::from_secs(staleness));
            Limits { pending_time, index_staleness, ..Limits::default() }.retention().own.as_secs()
        };
        assert_eq!((seconds(75, 120), seconds(60, 10)), (255, 130));
    }

    #[test]
    fn refuses_more_memory_than_a_component_can_address() {
        let limits = Limits { policy_memory: 900 << 30, ..Limits::default() };
        assert_eq!(limits.check().map_err(|(field, _)| field), Err("policyMemory"));
    }
}
