//! Alerts and their runbooks.

use ordinance_deploy::folder;
use serde::Deserialize;
use std::fs;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    alert: String,
    expr: String,
    r#for: String,
    severity: String,
    summary: String,
}

fn alerts() -> Vec<Alert> {
    let path = folder().join("chart/ordinance/files/alerts.yaml");
    serde_saphyr::from_str(&fs::read_to_string(path).expect("the alerts can be read")).expect("they are YAML")
}

fn runbooks() -> String {
    fs::read_to_string(folder().join("../docs/runbooks.md")).expect("the runbooks can be read")
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let names: Vec<String> = alerts().into_iter().map(|alert| alert.alert).collect();
    let runbooks = runbooks();
    let headings: Vec<&str> = runbooks.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(headings, names);
}

#[test]
fn every_alert_has_a_severity_and_a_description() {
    for alert in alerts() {
        assert!(["critical", "warning"].contains(&&*alert.severity), "{alert:?}");
        assert!(alert.r#for.ends_with('m') || alert.r#for.ends_with('h'), "{alert:?}");
        assert!(alert.summary.ends_with('.'), "{alert:?}");
        let balanced = |open, close| alert.expr.matches(open).count() == alert.expr.matches(close).count();
        assert!(balanced('(', ')') && balanced('{', '}') && balanced('[', ']'), "{alert:?}");
    }
}
