//! Metrics of the audit in the background. They show the last complete audit, in one piece.

use super::seconds::Seconds;
use arc_swap::ArcSwapOption;
use ordinance_audit::{Enforcement, FindingCounts};
use ordinance_contract::Operation;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The metrics of the audit in the background.
#[derive(Clone, Debug, Default)]
pub struct AuditMetrics {
    shown: ShownAudit,
    interval: Seconds,
    failures: Family<AuditFailureLabels, Counter>,
    reports: Family<ReportLabels, Counter>,
}

/// The figures of a complete audit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditFigures {
    /// By name of the policy.
    pub policies: BTreeMap<String, PolicyFigures>,
    /// How long the audit took.
    pub duration: Duration,
    /// When it ended, in seconds since 1970.
    pub timestamp: f64,
}

/// What an audit found with one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFigures {
    /// The findings by rule.
    pub findings: BTreeMap<String, FindingCounts>,
    /// The audited objects by resource.
    pub objects: BTreeMap<String, u64>,
    /// The objects that could not be read, or for which the policy gave no verdict.
    pub unreadable: u64,
    /// What the webhooks would answer with a policy that enforces its rules.
    pub enforcement: Enforcement,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReportOutcome {
    /// The API server stored it.
    Written,
    /// It was deleted, since its object has no finding any more.
    Deleted,
    /// The API server refused the write or the deletion, or did not answer.
    Failed,
    /// It exceeds a limit of one audit.
    LeftOut,
}

/// The figures that are shown; none in a replica that does not lead.
#[derive(Clone, Debug, Default)]
struct ShownAudit(Arc<ArcSwapOption<AuditFigures>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AuditFailureLabels {
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReportLabels {
    outcome: ReportOutcome,
}

/// The labels of a series, as pairs of name and value.
type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

// === impl AuditMetrics ===

impl AuditMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_collector(Box::new(metrics.shown.clone()));
        registry.register_with_unit(
            "audit_interval",
            "Interval of the audits in the background, or 0 without them",
            Unit::Seconds,
            metrics.interval.clone(),
        );
        registry.register("audit_failures", "Audits that did not end, by cause", metrics.failures.clone());
        registry.register("audit_reports", "Reports of audits, by outcome", metrics.reports.clone());
        metrics
    }

    /// Shows the interval.
    pub fn show_interval(&self, interval: Duration) {
        self.interval.set(interval.as_secs_f64());
    }

    /// Shows a complete audit in place of the previous one.
    pub fn show(&self, figures: AuditFigures) {
        self.shown.0.store(Some(Arc::new(figures)));
    }

    /// Shows no audit, since another replica leads.
    pub fn hide(&self) {
        self.shown.0.store(None);
    }

    /// Counts an audit that did not end.
    pub fn failed(&self, cause: &'static str) {
        self.failures.get_or_create(&AuditFailureLabels { cause }).inc();
    }

    /// Counts reports.
    pub fn reported(&self, outcome: ReportOutcome, count: u64) {
        self.reports.get_or_create(&ReportLabels { outcome }).inc_by(count);
    }
}

// === impl AuditFigures ===

impl AuditFigures {
    fn findings(&self) -> impl Iterator<Item = (Labels<'_, 3>, u64)> {
        let rules = self.policies.iter().flat_map(|(policy, figures)| {
            figures.findings.iter().map(move |(rule, counts)| (policy, rule, counts))
        });
        let severities = rules.flat_map(|(policy, rule, counts)| {
            counts.by_severity().map(|(severity, count)| {
                ([("policy", &**policy), ("rule", &**rule), ("severity", severity)], count)
            })
        });
        severities.filter(|(_, count)| *count > 0)
    }

    fn objects(&self) -> impl Iterator<Item = (Labels<'_, 2>, u64)> {
        self.policies.iter().flat_map(|(policy, figures)| {
            let labels = move |resource| [("policy", &**policy), ("resource", resource)];
            figures.objects.iter().map(move |(resource, count)| (labels(&**resource), *count))
        })
    }

    fn unreadable(&self) -> impl Iterator<Item = (Labels<'_, 1>, u64)> {
        self.policies.iter().map(|(policy, figures)| ([("policy", &**policy)], figures.unreadable))
    }

    /// Returns the numbers of objects that would be refused if they were created again or updated, or with `is_changed` those that
    /// would be changed.
    fn answers(&self, is_changed: bool) -> impl Iterator<Item = (Labels<'_, 2>, u64)> {
        self.policies.iter().flat_map(move |(policy, figures)| {
            let Enforcement { creations, updates, .. } = &figures.enforcement;
            let requests = [(Operation::Create, creations), (Operation::Update, updates)];
            requests.map(|(operation, counts)| {
                let count = if is_changed { counts.changed } else { counts.refused };
                ([("policy", &**policy), ("operation", operation.word())], count)
            })
        })
    }
}

// === impl ShownAudit ===

impl Collector for ShownAudit {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(figures) = self.0.load_full() else { return Ok(()) };
        let encoder = &mut encoder;
        gauge(encoder, "audit_findings", "Findings of the last audit", figures.findings())?;
        gauge(encoder, "audit_objects", "Objects of the last audit", figures.objects())?;
        let help = "Objects of the last audit that could not be read, or without a verdict";
        gauge(encoder, "audit_unreadable_objects", help, figures.unreadable())?;
        let help = "Objects that would be refused with mode Enforce, if they were created again or updated";
        gauge(encoder, "audit_would_refuse_objects", help, figures.answers(false))?;
        let help = "Objects that would be changed with mode Enforce, if they were created again or updated";
        gauge(encoder, "audit_would_change_objects", help, figures.answers(true))?;
        let duration = figures.duration.as_secs_f64();
        seconds(encoder, "audit_duration", "Duration of the last audit", duration)?;
        seconds(encoder, "audit_timestamp", "Unix time at which the last audit ended", figures.timestamp)
    }
}

/// Encodes a gauge with a value for each set of labels.
fn gauge<'a, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<'a, N>, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// Encodes a gauge of seconds.
fn seconds(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?.encode_gauge(&value)
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    #[test]
    fn shows_the_last_audit_until_it_is_hidden() {
        let metrics = Metrics::new();
        let audit = metrics.audit();
        assert!(!metrics.text().contains("ordinance_audit_objects"), "{}", metrics.text());
        let findings = FindingCounts { deny: 2, would_deny: 1, ..FindingCounts::default() };
        let policy = PolicyFigures {
            findings: BTreeMap::from([("shared-export".to_owned(), findings)]),
            objects: BTreeMap::from([("persistentvolumes".to_owned(), 3)]),
            unreadable: 1,
            enforcement: Enforcement::default(),
        };
        let policies = BTreeMap::from([("storage".to_owned(), policy)]);
        audit.show(AuditFigures { policies, duration: Duration::from_millis(1500), timestamp: 7.0 });
        let text = metrics.text();
        for line in [
            r#"ordinance_audit_findings{policy="storage",rule="shared-export",severity="deny"} 2"#,
            r#"ordinance_audit_findings{policy="storage",rule="shared-export",severity="would-deny"} 1"#,
            r#"ordinance_audit_objects{policy="storage",resource="persistentvolumes"} 3"#,
            r#"ordinance_audit_unreadable_objects{policy="storage"} 1"#,
            r#"ordinance_audit_would_refuse_objects{policy="storage",operation="CREATE"} 0"#,
            r#"ordinance_audit_would_change_objects{policy="storage",operation="UPDATE"} 0"#,
            "ordinance_audit_duration_seconds 1.5",
            "ordinance_audit_timestamp_seconds 7.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        audit.hide();
        assert!(!metrics.text().contains("ordinance_audit_objects"), "{}", metrics.text());
    }
}
