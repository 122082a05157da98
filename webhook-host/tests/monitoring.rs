//! Alerts, the dashboard and the pages use only metrics, labels and label values that the host has.

use ordinance::metrics::{
    AuditFigures, Confirmation, EventOutcome, Metrics, PolicyFigures, ReloadOutcome, Reloaded, ReportOutcome,
    ReservationOutcome, ShedReason, VerdictLabel,
};
use ordinance_audit::FindingCounts;
use ordinance_contract::{Finding, Operation, Severity};
use ordinance_engine::Failure;
use ordinance_index::Index;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const ALERTS: &str = include_str!("../../deploy/chart/ordinance/files/alerts.yaml");
const DASHBOARD: &str = include_str!("../../deploy/chart/ordinance/files/dashboard.json");

/// Pages that name metrics.
const PAGES: [&str; 2] = [include_str!("../../docs/runbooks.md"), include_str!("../../docs/operations.md")];

/// Labels that Prometheus adds to every series.
const ADDED: [&str; 2] = ["namespace", "pod"];

/// The values of each label of each series.
type Series = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Returns every series of the host.
fn series() -> Series {
    let metrics = Metrics::new();
    let route = metrics.route("storage");
    let admitted = [VerdictLabel::Allow, VerdictLabel::Patch, VerdictLabel::WouldDeny];
    for verdict in admitted.into_iter().chain([VerdictLabel::Deny, VerdictLabel::Error]) {
        route.answered(verdict, Operation::Create);
    }
    for reason in [ShedReason::Queue, ShedReason::Unavailable, ShedReason::Memory] {
        route.shed(reason);
    }
    let denial = Finding::new("shared-export", Severity::Deny, "");
    let put_off = Finding { severity: Severity::Warn, would_deny: true, ..denial.clone() };
    route.found(&[denial, put_off]);
    route.failed(&Failure::Time { limit_ms: 1 });
    let index = metrics.index("storage");
    index.show(&Index::default(), 0);
    index.unreadable("persistentvolumes");
    for outcome in [Confirmation::Stored, Confirmation::Absent, Confirmation::Failed, Confirmation::GivenUp] {
        index.confirmed(outcome);
    }
    index.left_out("persistentvolumeclaims");
    for outcome in [ReloadOutcome::Taken, ReloadOutcome::Refused] {
        metrics.reloaded(Reloaded::Certificate, outcome);
    }
    let watch = metrics.watch("persistentvolumes");
    watch.list_finished(Duration::ZERO);
    watch.list_started("start");
    watch.failed("list", "http");
    metrics.rejected(400);
    let reservations = metrics.reservations("storage");
    for outcome in [
        ReservationOutcome::Allowed,
        ReservationOutcome::Denied,
        ReservationOutcome::Undecided,
        ReservationOutcome::Unavailable,
        ReservationOutcome::Full,
        ReservationOutcome::Unreserved,
        ReservationOutcome::Unverified,
    ] {
        reservations.count(outcome);
    }
    for outcome in [EventOutcome::Written, EventOutcome::Failed, EventOutcome::Dropped] {
        metrics.events().count(outcome);
    }
    show_audit(&metrics);
    read(&metrics.text())
}

/// Shows an audit that found something.
fn show_audit(metrics: &Metrics) {
    let findings = FindingCounts { deny: 1, would_deny: 1, warn: 1, note: 1 };
    let figures = PolicyFigures {
        findings: BTreeMap::from([("shared-export".to_owned(), findings)]),
        objects: BTreeMap::from([("persistentvolumes".to_owned(), 1)]),
        ..PolicyFigures::default()
    };
    let policies = BTreeMap::from([("storage".to_owned(), figures)]);
    metrics.audit().show(AuditFigures { policies, ..AuditFigures::default() });
    metrics.audit().failed("forbidden");
    let outcomes =
        [ReportOutcome::Written, ReportOutcome::Deleted, ReportOutcome::Failed, ReportOutcome::LeftOut];
    outcomes.into_iter().for_each(|outcome| metrics.audit().reported(outcome, 1));
}

fn read(text: &str) -> Series {
    let mut series = Series::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((sample, _)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let known = series.entry(name.to_owned()).or_default();
        for (label, value) in matchers(labels.trim_end_matches('}')) {
            known.entry(label.to_owned()).or_default().insert(value.to_owned());
        }
    }
    series
}

/// Returns all pairs of `label="value"`. No value contains a comma.
fn matchers(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter_map(|matcher| {
        let (label, value) = matcher.split_once('=')?;
        Some((label.trim().trim_end_matches('!'), value.trim_start_matches('~').trim_matches('"')))
    })
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Returns the series of an expression, each with its matchers.
fn selectors(expression: &str) -> Vec<(&str, &str)> {
    let starts = expression.match_indices("ordinance_").map(|(at, _)| &expression[at..]);
    let parts =
        starts.map(|rest| rest.split_at(rest.find(|letter| !is_of_a_name(letter)).unwrap_or(rest.len())));
    parts.map(|(name, rest)| (name, braces(rest).unwrap_or_default())).collect()
}

fn braces(text: &str) -> Option<&str> {
    Some(text.strip_prefix('{')?.split_once('}')?.0)
}

/// Returns the labels of all `by` clauses.
fn groupings(expression: &str) -> Vec<&str> {
    let lists = expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    lists.flat_map(|(list, _)| list.split(',').map(str::trim)).collect()
}

fn alerts() -> Vec<String> {
    let alerts: Vec<Value> = serde_saphyr::from_str(ALERTS).expect("the alerts are YAML");
    alerts.iter().map(|alert| alert["expr"].as_str().expect("an expression").to_owned()).collect()
}

fn panels() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("it has panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("it shows something").iter());
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

/// Returns the expressions with series of the host.
fn expressions() -> Vec<String> {
    let all = alerts().into_iter().chain(panels());
    all.filter(|expression| expression.contains("ordinance_")).collect()
}

#[test]
fn expressions_use_only_series_of_the_host() {
    let (series, mut count) = (series(), 0);
    for expression in expressions() {
        for (name, _) in selectors(&expression) {
            assert!(series.contains_key(name), "{name} in {expression}");
            count += 1;
        }
    }
    assert!(count > 25, "only {count} series were checked");
}

#[test]
fn matchers_use_only_existing_label_values() {
    let series = series();
    for expression in expressions() {
        for (name, labels) in selectors(&expression) {
            for (label, value) in matchers(labels).filter(|(label, _)| !ADDED.contains(label)) {
                let values = series[name].get(label);
                assert!(
                    values.is_some_and(|values| values.contains(value)),
                    "{label}={value} in {expression}"
                );
            }
        }
    }
}

#[test]
fn sums_group_only_by_existing_labels() {
    let series = series();
    for expression in expressions() {
        for label in groupings(&expression).into_iter().filter(|label| !ADDED.contains(label)) {
            let mut selectors = selectors(&expression).into_iter();
            assert!(selectors.any(|(name, _)| series[name].contains_key(label)), "{label} in {expression}");
        }
    }
}

#[test]
fn pages_name_only_metrics_of_the_host() {
    let series = series();
    for page in PAGES {
        for (name, _) in selectors(page) {
            assert!(series.contains_key(name), "{name}");
        }
    }
}
