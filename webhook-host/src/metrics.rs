//! What the host counts, in the conventions of Prometheus: seconds, and `_total` for counters.
//!
//! Whoever counts on the way of a request holds the counter itself: no look-up by label happens there.

use ordinance_certs::Validity;
use ordinance_contract::Operation;
use ordinance_engine::Failure;
use ordinance_index::Index;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A gauge of seconds, or of seconds since 1970.
pub type Seconds = Gauge<f64, AtomicU64>;

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    evaluation: Times,
    queue: Times,
    total: Times,
    traps: Family<TrapLabels, Counter>,
    shed: Family<ShedLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
    unreadable: Family<ResourceLabels, Counter>,
    index_objects: Family<PolicyLabels, Gauge>,
    index_resources: Family<ResourceLabels, Gauge>,
    index_keys: Family<PolicyLabels, Gauge>,
    index_pending: Family<PolicyLabels, Gauge>,
    index_forgotten: Family<PolicyLabels, Counter>,
    watches: WatchFamilies,
    index_updated: Family<PolicyLabels, Seconds>,
    /// Requests answered by a status other than 200, by that status.
    pub rejected: Family<StatusLabels, Counter>,
    /// Connections open now.
    pub connections: Gauge,
    /// Connections closed as one too many.
    pub connections_refused: Counter,
    /// Accepts that failed, e.g. for want of a file descriptor.
    pub accepts_failed: Counter,
    /// Handshakes that failed or took too long.
    pub handshakes_failed: Counter,
    certificate_expiry: Seconds,
    certificate_start: Seconds,
    authority_expiry: Seconds,
}

/// The counters of one route, resolved once.
#[derive(Clone, Debug)]
pub struct RouteMetrics {
    requests: Family<RequestLabels, Counter>,
    policy: String,
    /// By verdict, then by operation; made when first needed, so that no series stands at zero for ever.
    resolved: std::sync::Arc<[[std::sync::OnceLock<Counter>; OPERATIONS]; VERDICTS]>,
    /// Time in the policy.
    pub evaluation: Histogram,
    /// Time spent waiting for a turn.
    pub queue: Histogram,
    /// From the end of the head to the answer.
    pub total: Histogram,
    traps: Family<TrapLabels, Counter>,
    shed: Family<ShedLabels, Counter>,
}

/// The gauges of one policy's index; those of nobody by default.
#[derive(Clone, Debug, Default)]
pub struct IndexMetrics {
    policy: String,
    objects: Gauge,
    resources: Family<ResourceLabels, Gauge>,
    /// The gauges of resources that there ever were.
    shown: Arc<Mutex<BTreeMap<String, Gauge>>>,
    keys: Gauge,
    pending: Gauge,
    forgotten: Counter,
    unreadable: Family<ResourceLabels, Counter>,
    updated: Seconds,
}

/// What is counted of all watches.
#[derive(Clone, Debug, Default)]
struct WatchFamilies {
    heard: Family<WatchLabels, Seconds>,
    sync: Family<WatchLabels, Seconds>,
    lists: Family<ListLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
}

/// The counters of one watch.
#[derive(Clone, Debug)]
pub struct WatchMetrics {
    resource: String,
    heard: Seconds,
    sync: Seconds,
    lists: Family<ListLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum VerdictLabel {
    Allow,
    Patch,
    Deny,
    Error,
}

/// Why a request was turned away without an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ShedReason {
    /// It waited too long for a turn.
    Queue,
    /// Every instance was at work, or the index was not ready.
    Unavailable,
    /// Bodies under way hold all the memory that they may.
    Memory,
}

/// What was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum Reloaded {
    Certificate,
    Authority,
    ClientCa,
    Policy,
    Settings,
}

/// How reading it again went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReloadOutcome {
    /// What was read is in use.
    Taken,
    /// What was read can't be used; the former stays.
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    policy: String,
    verdict: VerdictLabel,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabels {
    policy: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    policy: String,
    resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListLabels {
    resource: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    resource: String,
    verb: &'static str,
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TrapLabels {
    policy: String,
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShedLabels {
    policy: String,
    reason: ShedReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    what: Reloaded,
    outcome: ReloadOutcome,
}

/// The label of [`Metrics::rejected`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StatusLabels {
    /// The HTTP status.
    pub code: u16,
}

type Times = Family<PolicyLabels, Histogram, fn() -> Histogram>;

const VERDICTS: usize = 4;
const OPERATIONS: usize = 4;

// === impl Metrics ===

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("ordinance"),
            requests: Family::default(),
            evaluation: Family::new_with_constructor(histogram),
            queue: Family::new_with_constructor(histogram),
            total: Family::new_with_constructor(histogram),
            traps: Family::default(),
            shed: Family::default(),
            reloads: Family::default(),
            unreadable: Family::default(),
            index_objects: Family::default(),
            index_resources: Family::default(),
            index_keys: Family::default(),
            index_pending: Family::default(),
            index_forgotten: Family::default(),
            watches: WatchFamilies::default(),
            index_updated: Family::default(),
            rejected: Family::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            accepts_failed: Counter::default(),
            handshakes_failed: Counter::default(),
            certificate_expiry: Seconds::default(),
            certificate_start: Seconds::default(),
            authority_expiry: Seconds::default(),
        };
        metrics.register_requests();
        metrics.register_connections();
        metrics.register_index();
        metrics.register_watches();
        metrics.register_state();
        metrics
    }

    /// The counters of a policy's route.
    pub fn route(&self, policy: &str) -> RouteMetrics {
        let labels = PolicyLabels { policy: policy.to_owned() };
        RouteMetrics {
            requests: self.requests.clone(),
            policy: policy.to_owned(),
            resolved: Default::default(),
            evaluation: self.evaluation.get_or_create_owned(&labels),
            queue: self.queue.get_or_create_owned(&labels),
            total: self.total.get_or_create_owned(&labels),
            traps: self.traps.clone(),
            shed: self.shed.clone(),
        }
    }

    /// The gauges of a policy's index.
    pub fn index(&self, policy: &str) -> IndexMetrics {
        let labels = PolicyLabels { policy: policy.to_owned() };
        IndexMetrics {
            policy: policy.to_owned(),
            resources: self.index_resources.clone(),
            shown: Arc::default(),
            pending: self.index_pending.get_or_create_owned(&labels),
            forgotten: self.index_forgotten.get_or_create_owned(&labels),
            unreadable: self.unreadable.clone(),
            objects: self.index_objects.get_or_create_owned(&labels),
            keys: self.index_keys.get_or_create_owned(&labels),
            updated: self.index_updated.get_or_create_owned(&labels),
        }
    }

    /// Shows when the certificate in use counts.
    pub fn certificate(&self, validity: Validity) {
        self.certificate_start.set(seconds(validity.not_before));
        self.certificate_expiry.set(seconds(validity.not_after));
    }

    /// Shows when the CA that signs counts, where it is the host's own.
    pub fn authority(&self, validity: Validity) {
        self.authority_expiry.set(seconds(validity.not_after));
    }

    /// Counts something that was read again.
    pub fn reloaded(&self, what: Reloaded, outcome: ReloadOutcome) {
        self.reloads.get_or_create(&ReloadLabels { what, outcome }).inc();
    }

    /// The counters of a watch.
    pub fn watch(&self, resource: &str) -> WatchMetrics {
        let labels = WatchLabels { resource: resource.to_owned() };
        WatchMetrics {
            resource: resource.to_owned(),
            heard: self.watches.heard.get_or_create_owned(&labels),
            sync: self.watches.sync.get_or_create_owned(&labels),
            lists: self.watches.lists.clone(),
            failures: self.watches.failures.clone(),
        }
    }

    /// Everything as text, in the OpenMetrics format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    fn register_requests(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Reviews answered", self.requests.clone());
        for (name, help, times) in [
            ("evaluation", "Time in the policy", &self.evaluation),
            ("queue", "Time spent waiting for a turn to be evaluated", &self.queue),
            ("request", "Time from the end of a request's head to its answer", &self.total),
        ] {
            registry.register_with_unit(format!("{name}_duration"), help, Unit::Seconds, times.clone());
        }
        registry.register("evaluation_failures", "Evaluations without a verdict", self.traps.clone());
        registry.register("requests_shed", "Requests turned away for now", self.shed.clone());
        registry.register("requests_rejected", "Requests that are no review", self.rejected.clone());
    }

    fn register_connections(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Connections open now", self.connections.clone());
        registry.register(
            "connections_refused",
            "Connections closed as one too many",
            self.connections_refused.clone(),
        );
        registry.register(
            "accepts_failed",
            "Accepts that failed, e.g. for want of a file descriptor",
            self.accepts_failed.clone(),
        );
        registry.register(
            "handshakes_failed",
            "TLS handshakes that failed or took too long",
            self.handshakes_failed.clone(),
        );
    }

    fn register_index(&mut self) {
        let registry = &mut self.registry;
        registry.register("index_keys", "Keys in the index", self.index_keys.clone());
        registry.register("index_objects", "Objects in the index", self.index_objects.clone());
        registry.register(
            "index_resource_objects",
            "Objects in the index, by resource",
            self.index_resources.clone(),
        );
        registry.register(
            "index_pending_objects",
            "Objects admitted that no watch has brought yet",
            self.index_pending.clone(),
        );
        registry.register(
            "index_forgotten_objects",
            "Objects admitted that no watch ever brought",
            self.index_forgotten.clone(),
        );
        registry.register(
            "index_unreadable_objects",
            "Objects that keys could not read",
            self.unreadable.clone(),
        );
        registry.register_with_unit(
            "index_updated_timestamp",
            "When the index last changed, since 1970",
            Unit::Seconds,
            self.index_updated.clone(),
        );
    }

    fn register_watches(&mut self) {
        let (registry, watches) = (&mut self.registry, &self.watches);
        registry.register_with_unit(
            "watch_heard_timestamp",
            "When the API server was last heard of on a watch that is current, since 1970",
            Unit::Seconds,
            watches.heard.clone(),
        );
        registry.register_with_unit(
            "watch_sync_duration",
            "How long the last list took, with all that was done for it",
            Unit::Seconds,
            watches.sync.clone(),
        );
        registry.register("watch_lists", "Lists that were begun, by why", watches.lists.clone());
        registry.register("watch_failures", "Lists and watches that failed", watches.failures.clone());
    }

    fn register_state(&mut self) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "certificate_expiry_timestamp",
            "When the certificate in use expires, since 1970",
            Unit::Seconds,
            self.certificate_expiry.clone(),
        );
        registry.register_with_unit(
            "certificate_start_timestamp",
            "Since when the certificate in use counts, since 1970",
            Unit::Seconds,
            self.certificate_start.clone(),
        );
        registry.register_with_unit(
            "certificate_authority_expiry_timestamp",
            "When the CA that signs expires, since 1970; 0 where it is not the host's own",
            Unit::Seconds,
            self.authority_expiry.clone(),
        );
        registry.register("reloads", "Files read again", self.reloads.clone());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

// === impl RouteMetrics ===

impl RouteMetrics {
    /// Counts an answered review.
    pub fn answered(&self, verdict: VerdictLabel, operation: Operation) {
        self.resolved[verdict as usize][operation as usize]
            .get_or_init(|| {
                self.requests.get_or_create_owned(&RequestLabels {
                    policy: self.policy.clone(),
                    verdict,
                    operation: operation_label(operation),
                })
            })
            .inc();
    }

    /// Counts an evaluation without a verdict.
    pub fn failed(&self, failure: &Failure) {
        let labels = TrapLabels { policy: self.policy.clone(), cause: failure.cause() };
        self.traps.get_or_create(&labels).inc();
    }

    /// Counts a request turned away.
    pub fn shed(&self, reason: ShedReason) {
        self.shed.get_or_create(&ShedLabels { policy: self.policy.clone(), reason }).inc();
    }
}

// === impl IndexMetrics ===

impl IndexMetrics {
    /// Shows what an index has become, and how much of it is pending.
    pub fn show(&self, index: &Index, pending: usize) {
        self.objects.set(gauged(index.len()));
        self.keys.set(gauged(index.keys()));
        self.pending.set(gauged(pending));
        self.show_resources(index.resources());
        self.updated.set(since_1970());
    }

    /// A resource of which nothing is left is shown as 0.
    fn show_resources(&self, objects: &BTreeMap<String, usize>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in objects.keys() {
            if !shown.contains_key(resource) {
                shown.insert(resource.clone(), self.resources.get_or_create_owned(&self.of(resource)));
            }
        }
        for (resource, gauge) in shown.iter() {
            gauge.set(gauged(objects.get(resource).copied().unwrap_or_default()));
        }
    }

    /// Counts an object that `keys` could not read: the index is without it.
    pub fn unreadable(&self, resource: &str) {
        self.unreadable.get_or_create(&self.of(resource)).inc();
    }

    /// Counts admitted objects that no watch ever brought.
    pub fn forgot(&self, objects: usize) {
        self.forgotten.inc_by(objects as u64);
    }

    fn of(&self, resource: &str) -> ResourceLabels {
        ResourceLabels { policy: self.policy.clone(), resource: resource.to_owned() }
    }
}

// === impl WatchMetrics ===

impl WatchMetrics {
    /// The API server was heard of.
    pub fn heard(&self) {
        self.heard.set(since_1970());
    }

    /// A list was begun.
    pub fn lists(&self, reason: &'static str) {
        self.lists.get_or_create(&ListLabels { resource: self.resource.clone(), reason }).inc();
    }

    /// A list was brought to its end.
    pub fn synced(&self, time: Duration) {
        self.sync.set(time.as_secs_f64());
    }

    /// A list or a watch failed.
    pub fn failed(&self, verb: &'static str, cause: &'static str) {
        let labels = FailureLabels { resource: self.resource.clone(), verb, cause };
        self.failures.get_or_create(&labels).inc();
    }
}

fn gauged(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn since_1970() -> f64 {
    seconds(SystemTime::now())
}

/// Seconds since 1970. A clock before that is wrong anyway.
fn seconds(moment: SystemTime) -> f64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn operation_label(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "CREATE",
        Operation::Update => "UPDATE",
        Operation::Delete => "DELETE",
        Operation::Connect => "CONNECT",
    }
}

/// Buckets from 10 µs to 10 s, three to the decade or so.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(1e-5, 2.0, 21))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_by_policy_verdict_and_operation() {
        let metrics = Metrics::new();
        let route = metrics.route("storage");
        route.answered(VerdictLabel::Deny, Operation::Create);
        route.answered(VerdictLabel::Deny, Operation::Create);
        let line = r#"ordinance_requests_total{policy="storage",verdict="Deny",operation="CREATE"} 2"#;
        assert!(metrics.text().lines().any(|found| found == line), "{}", metrics.text());
    }

    #[test]
    fn times_are_seconds_in_buckets_from_ten_microseconds() {
        let metrics = Metrics::new();
        metrics.route("storage").evaluation.observe(15e-6);
        let text = metrics.text();
        for line in [
            r#"ordinance_evaluation_duration_seconds_bucket{le="0.00001",policy="storage"} 0"#,
            r#"ordinance_evaluation_duration_seconds_bucket{le="0.00002",policy="storage"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
    }
}
