//! Every cap of the host, in one place: what an operator can set, with its default and the reason for it.

use std::time::Duration;

/// All caps of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a TLS handshake may take.
    pub handshake_time: Duration,
    /// Handshakes at once; each runs in a task of its own.
    pub handshakes: usize,
    /// From a request's first byte to the end of its head.
    pub head_time: Duration,
    /// How long an idle keep-alive connection is kept; longer than the 90 s for which the API server keeps it, since
    /// that never sends a POST again.
    pub idle_time: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Fields of a request's head.
    pub head_fields: usize,
    /// Bytes of a body: an object of 3 MiB, the old object, and the envelope.
    pub body_bytes: usize,
    /// How long a body may take.
    pub body_time: Duration,
    /// Bytes a second that a body must arrive with after its first second.
    pub body_rate: usize,
    /// Nesting of JSON.
    pub json_depth: usize,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// How long the server waits before it accepts again, when the process has no file descriptor left.
    pub accept_pause: Duration,
    /// Bytes of all bodies larger than [`Limits::inline_bytes`] that are held at once.
    pub bodies_bytes: usize,
    /// How long a client may take nothing of an answer.
    pub answer_time: Duration,
    /// Evaluations at once, of each of the two kinds: those in a connection's own task, and those on the pool, which
    /// has as many threads. The number of cores.
    pub evaluations: usize,
    /// How long a request waits for a turn to be evaluated.
    pub queue_time: Duration,
    /// Bodies larger than this are evaluated on the pool of threads, never inline.
    pub inline_bytes: usize,
    /// The deadline of a request without `?timeout=`.
    pub deadline: Duration,
    /// The shortest deadline that `?timeout=` leads to.
    pub shortest_deadline: Duration,
    /// What is taken off `?timeout=`, which is rounded up to seconds, to answer before the caller gives up.
    pub deadline_margin: Duration,
    /// Bytes of a policy's linear memory.
    pub policy_memory: usize,
    /// Elements of a policy's table.
    pub policy_table: usize,
    /// Bytes of a policy's stack.
    pub policy_stack: usize,
    /// Bytes of a policy's answer.
    pub policy_output: usize,
    /// Bytes of an AdmissionReview that is sent back.
    pub answer_bytes: usize,
    /// Instances of policies at once, in the whole process.
    pub policy_instances: u32,
    /// How long one evaluation may take.
    pub policy_time: Duration,
    /// Holdings that are handed to one evaluation.
    pub holdings: usize,
    /// Objects that are remembered without a cluster.
    pub remembered_objects: usize,
    /// How long the server goes on accepting after SIGTERM.
    pub drain_delay: Duration,
    /// How long it then waits for requests under way.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
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
            policy_memory: 64 * 1024 * 1024,
            policy_table: 10_000,
            policy_stack: 512 * 1024,
            policy_output: 1024 * 1024,
            answer_bytes: 2 * 1024 * 1024,
            policy_instances: 64,
            policy_time: Duration::from_secs(1),
            holdings: 256,
            remembered_objects: 100_000,
            drain_delay: Duration::from_secs(15),
            drain_time: Duration::from_secs(10),
        }
    }
}
