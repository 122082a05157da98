//! Metrics of admission requests.

use super::durations::{DurationHistogram, Durations};
use super::labels::PolicyLabels;
use ordinance_contract::{Finding, Operation};
use ordinance_engine::Failure;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use std::sync::{Arc, OnceLock};

/// The metrics of all requests, by policy.
#[derive(Debug)]
pub(super) struct RequestFamilies {
    requests: Family<RequestLabels, Counter>,
    evaluation: Durations,
    queue: Durations,
    total: Durations,
    findings: Family<FindingLabels, Counter>,
    failures: Family<EvaluationFailureLabels, Counter>,
    shed: Family<ShedLabels, Counter>,
    rejected: Family<StatusLabels, Counter>,
}

/// The metrics of one policy's route.
#[derive(Clone, Debug)]
pub struct RouteMetrics {
    requests: Family<RequestLabels, Counter>,
    policy: String,
    /// By verdict, then by operation. Each counter is created at its first use, so that no series stays at zero.
    counters: Arc<[[OnceLock<Counter>; OPERATIONS]; VERDICTS]>,
    /// Time that the policy takes.
    pub evaluation: DurationHistogram,
    /// Time that a request waits for its evaluation to start.
    pub queue: DurationHistogram,
    /// Time from the end of a request's head to its response.
    pub total: DurationHistogram,
    findings: Family<FindingLabels, Counter>,
    failures: Family<EvaluationFailureLabels, Counter>,
    shed: Family<ShedLabels, Counter>,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum VerdictLabel {
    /// Admitted as it is.
    Allow,
    /// Admitted with a patch.
    Patch,
    /// Admitted, perhaps with a patch, only because the settings of the policy put off its refusal.
    WouldDeny,
    /// Refused by the policy.
    Deny,
    /// The policy gave no verdict.
    Error,
}

/// Why the server answers 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ShedReason {
    /// The request waited too long for its evaluation to start.
    Queue,
    /// Every instance was busy, or the index was not ready.
    Unavailable,
    /// Bodies filled the memory that they may take.
    Memory,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    policy: String,
    verdict: VerdictLabel,
    operation: &'static str,
}

/// The engine accepts only rules that the policy describes, which bounds the number of series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    policy: String,
    rule: String,
    severity: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EvaluationFailureLabels {
    policy: String,
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShedLabels {
    policy: String,
    reason: ShedReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    code: u16,
}

/// The number of values of [`VerdictLabel`].
const VERDICTS: usize = 5;

/// The number of values of [`Operation`].
const OPERATIONS: usize = 4;

// === impl RequestFamilies ===

impl RequestFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            requests: Family::default(),
            evaluation: Family::default(),
            queue: Family::default(),
            total: Family::default(),
            findings: Family::default(),
            failures: Family::default(),
            shed: Family::default(),
            rejected: Family::default(),
        };
        registry.register("requests", "Answered admission reviews", families.requests.clone());
        for (name, help, durations) in [
            ("evaluation", "Time that the policy takes for a request", &families.evaluation),
            ("queue", "Time that a request waits for its evaluation to start", &families.queue),
            ("request", "Time from the end of a request's head to its response", &families.total),
        ] {
            registry.register_with_unit(format!("{name}_duration"), help, Unit::Seconds, durations.clone());
        }
        registry.register(
            "findings",
            "Findings of policies, by rule and severity",
            families.findings.clone(),
        );
        families.register_failures(registry);
        families
    }

    fn register_failures(&self, registry: &mut Registry) {
        registry.register(
            "evaluation_failures",
            "Evaluations without a verdict, by cause",
            self.failures.clone(),
        );
        registry.register("requests_shed", "Requests answered with 503, by reason", self.shed.clone());
        registry.register(
            "requests_rejected",
            "Requests answered with an HTTP status other than 200, by status",
            self.rejected.clone(),
        );
    }

    pub(super) fn rejected(&self, status: u16) {
        self.rejected.get_or_create(&StatusLabels { code: status }).inc();
    }

    pub(super) fn route(&self, policy: &str) -> RouteMetrics {
        let labels = PolicyLabels { policy: policy.to_owned() };
        RouteMetrics {
            requests: self.requests.clone(),
            policy: policy.to_owned(),
            counters: Arc::default(),
            evaluation: self.evaluation.get_or_create_owned(&labels),
            queue: self.queue.get_or_create_owned(&labels),
            total: self.total.get_or_create_owned(&labels),
            findings: self.findings.clone(),
            failures: self.failures.clone(),
            shed: self.shed.clone(),
        }
    }
}

// === impl RouteMetrics ===

impl RouteMetrics {
    /// Counts an answered review.
    pub fn answered(&self, verdict: VerdictLabel, operation: Operation) {
        self.counters[verdict as usize][operation as usize]
            .get_or_init(|| {
                self.requests.get_or_create_owned(&RequestLabels {
                    policy: self.policy.clone(),
                    verdict,
                    operation: operation.word(),
                })
            })
            .inc();
    }

    /// Returns the number of reviews with an outcome so far.
    pub fn count(&self, verdict: VerdictLabel) -> u64 {
        let words = [Operation::Create, Operation::Update, Operation::Delete, Operation::Connect];
        let count = |operation: Operation| {
            let (policy, operation) = (self.policy.clone(), operation.word());
            self.requests
                .get(&RequestLabels { policy, verdict, operation })
                .map_or(0, |counter| counter.get())
        };
        words.into_iter().map(count).sum()
    }

    /// Counts the findings of a verdict. The severity of a warning that would be a denial is `would-deny`.
    pub fn found(&self, findings: &[Finding]) {
        for finding in findings {
            let labels = FindingLabels {
                policy: self.policy.clone(),
                rule: finding.rule.clone(),
                severity: finding.word(),
            };
            self.findings.get_or_create(&labels).inc();
        }
    }

    /// Counts an evaluation without a verdict.
    pub fn failed(&self, failure: &Failure) {
        let labels = EvaluationFailureLabels { policy: self.policy.clone(), cause: failure.cause() };
        self.failures.get_or_create(&labels).inc();
    }

    /// Counts a request that is answered with 503.
    pub fn shed(&self, reason: ShedReason) {
        self.shed.get_or_create(&ShedLabels { policy: self.policy.clone(), reason }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    #[test]
    fn counts_requests_by_policy_verdict_and_operation() {
        let metrics = Metrics::new();
        let route = metrics.route("storage");
        route.answered(VerdictLabel::Deny, Operation::Create);
        route.answered(VerdictLabel::Deny, Operation::Create);
        let line = r#"ordinance_requests_total{policy="storage",verdict="Deny",operation="CREATE"} 2"#;
        assert!(metrics.text().lines().any(|found| found == line), "{}", metrics.text());
    }

    #[test]
    fn durations_are_in_seconds_with_buckets_from_ten_microseconds() {
        let metrics = Metrics::new();
        metrics.route("storage").evaluation.observe(std::time::Duration::from_micros(15));
        let text = metrics.text();
        for line in [
            r#"ordinance_evaluation_duration_seconds_bucket{policy="storage",le="1e-05"} 0"#,
            r#"ordinance_evaluation_duration_seconds_bucket{policy="storage",le="2e-05"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
    }
}
