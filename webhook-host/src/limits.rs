//! Every cap of the host, in one place: what an operator can set, with its default and the reason for it.

use crate::units::{Bytes, Span};
use ordinance_engine::{EngineLimits, Room};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// For how long the API server goes on with a request, `--request-timeout` by default: what it admitted in that time may
/// still be stored.
const REQUEST_TIME: Duration = Duration::from_secs(60);

/// The longest of all times.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// All caps of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How long a TLS handshake may take.
    #[serde(with = "Span")]
    pub handshake_time: Duration,
    /// Handshakes at once; each runs in a task of its own.
    pub handshakes: usize,
    /// From a request's first byte to the end of its head.
    #[serde(with = "Span")]
    pub head_time: Duration,
    /// How long an idle keep-alive connection is kept; longer than the 90 s for which the API server keeps it, since
    /// that never sends a POST again.
    #[serde(with = "Span")]
    pub idle_time: Duration,
    /// Bytes of a request's head.
    #[serde(with = "Bytes")]
    pub head_bytes: usize,
    /// Fields of a request's head.
    pub head_fields: usize,
    /// Bytes of a body: an object of 3 MiB, the old object, and the envelope.
    #[serde(with = "Bytes")]
    pub body_bytes: usize,
    /// How long a body may take.
    #[serde(with = "Span")]
    pub body_time: Duration,
    /// Bytes a second that a body must arrive with after its first second.
    #[serde(with = "Bytes")]
    pub body_rate: usize,
    /// Nesting of JSON.
    pub json_depth: usize,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// How long the server waits before it accepts again, when the process has no file descriptor left.
    #[serde(with = "Span")]
    pub accept_pause: Duration,
    /// Bytes of all bodies larger than [`Limits::inline_bytes`] that are held at once.
    #[serde(with = "Bytes")]
    pub bodies_bytes: usize,
    /// How long a client may take nothing of an answer.
    #[serde(with = "Span")]
    pub answer_time: Duration,
    /// Evaluations at once, of each of the two kinds: those in a connection's own task, and those on the pool, which
    /// has as many threads. The number of cores.
    pub evaluations: usize,
    /// How long a request waits for a turn to be evaluated.
    #[serde(with = "Span")]
    pub queue_time: Duration,
    /// Bodies larger than this are evaluated on the pool of threads, never inline.
    #[serde(with = "Bytes")]
    pub inline_bytes: usize,
    /// The deadline of a request without `?timeout=`.
    #[serde(with = "Span")]
    pub deadline: Duration,
    /// The shortest deadline that `?timeout=` leads to.
    #[serde(with = "Span")]
    pub shortest_deadline: Duration,
    /// What is taken off `?timeout=`, which is rounded up to seconds, to answer before the caller gives up.
    #[serde(with = "Span")]
    pub deadline_margin: Duration,
    /// Bytes of a policy's linear memory.
    #[serde(with = "Bytes")]
    pub policy_memory: usize,
    /// Elements of a policy's table.
    pub policy_table: usize,
    /// Bytes of a policy's stack.
    #[serde(with = "Bytes")]
    pub policy_stack: usize,
    /// Bytes of a policy's answer.
    #[serde(with = "Bytes")]
    pub policy_output: usize,
    /// Bytes of an AdmissionReview that is sent back.
    #[serde(with = "Bytes")]
    pub answer_bytes: usize,
    /// Instances of policies at once, in the whole process.
    pub policy_instances: u32,
    /// How long one evaluation may take.
    #[serde(with = "Span")]
    pub policy_time: Duration,
    /// Holdings that are handed to one evaluation.
    pub holdings: usize,
    /// Objects that are remembered without a cluster; with one, those admitted that no watch has brought yet.
    pub remembered_objects: usize,
    /// How long the index counts as current after a watch was last heard of; a silent one is asked anew after half of it.
    #[serde(with = "Span")]
    pub index_staleness: Duration,
    /// How long an admitted object counts that no watch brings: longer than the API server's 60 s for a request, after
    /// which it is not stored any more.
    #[serde(with = "Span")]
    pub pending_time: Duration,
    /// How long the server goes on accepting after SIGTERM.
    #[serde(with = "Span")]
    pub drain_delay: Duration,
    /// How long it then waits for requests under way.
    #[serde(with = "Span")]
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let EngineLimits { room, output, time } = EngineLimits::default();
        Self {
            handshake_time: Duration::from_secs(5),
            handshakes: 64,
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
            bodies_bytes: 128 * 1024 * 1024,
            answer_time: Duration::from_secs(10),
            evaluations: std::thread::available_parallelism().map_or(1, usize::from),
            queue_time: Duration::from_millis(250),
            inline_bytes: 256 * 1024,
            deadline: Duration::from_secs(10),
            shortest_deadline: Duration::from_millis(300),
            deadline_margin: Duration::from_millis(1_100),
            policy_memory: room.memory,
            policy_table: room.table,
            policy_stack: room.stack,
            policy_output: output,
            answer_bytes: 2 * 1024 * 1024,
            policy_instances: room.instances,
            policy_time: time,
            holdings: 256,
            remembered_objects: 100_000,
            index_staleness: Duration::from_secs(120),
            pending_time: Duration::from_secs(75),
            drain_delay: Duration::from_secs(15),
            drain_time: Duration::from_secs(10),
        }
    }
}

// === impl Limits ===

impl Limits {
    /// What the engine may use.
    pub fn engine(&self) -> EngineLimits {
        EngineLimits {
            room: Room {
                instances: self.policy_instances,
                memory: self.policy_memory,
                table: self.policy_table,
                stack: self.policy_stack,
            },
            output: self.policy_output,
            time: self.policy_time,
        }
    }

    /// Whether a server can run within these.
    ///
    /// # Errors
    ///
    /// The first field that is too small, by its name in the configuration, and what may stand there.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        self.check_smallest()?;
        self.check_largest()?;
        self.check_shortest()?;
        self.check_longest()
    }

    /// With less than these nothing can be served.
    fn check_smallest(&self) -> Result<(), (&'static str, String)> {
        let smallest = [
            ("handshakes", self.handshakes, 1),
            ("headBytes", self.head_bytes, 8 * 1024),
            ("headFields", self.head_fields, 16),
            ("bodyBytes", self.body_bytes, 1024),
            ("jsonDepth", self.json_depth, 16),
            ("connections", self.connections, 1),
            ("connectionsPerAddress", self.connections_per_address, 1),
            ("bodiesBytes", self.bodies_bytes, self.body_bytes),
            ("evaluations", self.evaluations, 1),
            ("policyMemory", self.policy_memory, 1024 * 1024),
            ("policyTable", self.policy_table, 1),
            ("policyStack", self.policy_stack, 64 * 1024),
            ("policyOutput", self.policy_output, 1024),
            ("answerBytes", self.answer_bytes, 1024),
            ("policyInstances", usize::try_from(self.policy_instances).unwrap_or(usize::MAX), 1),
            ("holdings", self.holdings, 1),
        ];
        match smallest.iter().find(|(_, value, least)| value < least) {
            Some((field, value, least)) => {
                Err((field, format!("{value} is too small; give at least {least}")))
            }
            None => Ok(()),
        }
    }

    /// More than these no machine has: memory is taken for each at the start.
    fn check_largest(&self) -> Result<(), (&'static str, String)> {
        let largest = [
            ("evaluations", self.evaluations, 1_024),
            ("handshakes", self.handshakes, 1_000_000),
            ("connections", self.connections, 1_000_000),
            ("policyMemory", self.policy_memory, 4 * 1024 * 1024 * 1024),
            ("policyStack", self.policy_stack, 64 * 1024 * 1024),
        ];
        match largest.iter().find(|(_, value, most)| value > most) {
            Some((field, value, most)) => Err((field, format!("{value} is too large; give at most {most}"))),
            None => Ok(()),
        }
    }

    /// Nothing can be done in no time.
    fn check_shortest(&self) -> Result<(), (&'static str, String)> {
        let times = [
            ("handshakeTime", self.handshake_time),
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
            return Err((field, "nothing can be done in no time; give e.g. 5s".to_owned()));
        }
        self.check_pending()
    }

    fn check_pending(&self) -> Result<(), (&'static str, String)> {
        if self.pending_time >= REQUEST_TIME {
            return Ok(());
        }
        let fault = "the API server may store an object for 60 s after it was admitted, and it must count that long; \
                     give at least 60s";
        Err(("pendingTime", fault.to_owned()))
    }

    /// A moment that is too far ahead can't be reckoned with, and nobody waits for it.
    fn check_longest(&self) -> Result<(), (&'static str, String)> {
        let times = [
            ("handshakeTime", self.handshake_time),
            ("headTime", self.head_time),
            ("idleTime", self.idle_time),
            ("bodyTime", self.body_time),
            ("acceptPause", self.accept_pause),
            ("answerTime", self.answer_time),
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
            Some((field, _)) => Err((field, "longer than a day; give e.g. 5s".to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_used() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_time_longer_than_a_day_is_refused_by_its_name() {
        let limits = Limits { deadline: LONGEST + Duration::from_secs(1), ..Limits::default() };
        assert_eq!(limits.check(), Err(("deadline", "longer than a day; give e.g. 5s".to_owned())));
    }

    #[test]
    fn what_was_admitted_must_not_be_forgotten_while_the_api_server_may_store_it() {
        let of = |seconds| Limits { pending_time: Duration::from_secs(seconds), ..Limits::default() }.check();
        assert_eq!(of(60), Ok(()));
        assert_eq!(of(59).map_err(|(field, _)| field), Err("pendingTime"));
    }

    #[test]
    fn memory_that_no_component_can_address_is_refused() {
        let limits = Limits { policy_memory: 900 << 30, ..Limits::default() };
        assert_eq!(limits.check().map_err(|(field, _)| field), Err("policyMemory"));
    }
}
