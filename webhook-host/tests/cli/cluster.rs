//! `ordinance serve` with a cluster: readiness, logs and invalid configurations.

use crate::files::{creation, directory, volume};
use crate::host::{Host, argument};
use crate::run::{run, run_in};
use ordinance_testkit::apiserver::{ApiServer, Verb};
use serde_json::json;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for the server, and how often it checks.
const TIMEOUT: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(10);

/// Creates a directory with a kubeconfig of the API server, and returns it with the kubeconfig's path.
fn kubeconfig(api: &ApiServer) -> (TempDir, String) {
    let files = directory(&[("kubeconfig", &api.kubeconfig())]);
    let path = argument(&files.path().join("kubeconfig")).to_owned();
    (files, path)
}

/// Waits until `/readyz` has this status, and returns its body.
fn until_readyz(host: &Host, status: u16) -> String {
    let end = Instant::now() + TIMEOUT;
    loop {
        let reply = host.admin("/readyz");
        if reply.status == status {
            return reply.body;
        }
        assert!(Instant::now() < end, "no status {status}: {reply:?}");
        std::thread::sleep(INTERVAL);
    }
}

#[test]
fn a_server_is_ready_only_after_all_lists() {
    let api = ApiServer::start().unwrap();
    api.put("persistentvolumes", volume("pv", "/srv/www"));
    let gate = api.hold("statefulsets", Verb::List);
    let (_files, kubeconfig) = kubeconfig(&api);
    let arguments = ["--kubeconfig", kubeconfig.as_str()];
    let host = Host::start_after(&arguments, "statefulsets are not listed yet", || drop(gate));
    assert_eq!(host.admin("/readyz").status, 200);
    let refusal = host.post("/validate/storage", &creation(&volume("pv2", "/srv/www")).to_string());
    assert!(refusal.body.contains(r#""allowed":false"#), "{refusal:?}");
}

#[test]
fn a_server_is_unready_while_its_watches_are_silent() {
    let api = ApiServer::start().unwrap();
    let (files, kubeconfig) = kubeconfig(&api);
    let config = files.path().join("config.yaml");
    std::fs::write(&config, "limits: {indexStaleness: 1s}").unwrap();
    let host = Host::start(&["--kubeconfig", &kubeconfig, "--config", argument(&config)]);
    let waiting = until_readyz(&host, 503);
    assert!(waiting.starts_with("waiting: ") && waiting.contains("has been silent for"), "{waiting}");
    for resource in ["persistentvolumes", "statefulsets", "persistentvolumeclaims"] {
        api.await_watch(resource);
        api.bookmark(resource);
    }
    until_readyz(&host, 200);
}

#[test]
fn logs_an_unreadable_object_without_its_content() {
    let api = ApiServer::start().unwrap();
    let mut unreadable = volume("pv-bad", "/srv");
    unreadable["spec"]["nfs"] = json!("a secret");
    api.put("persistentvolumes", unreadable);
    let (_files, kubeconfig) = kubeconfig(&api);
    let arguments = ["--kubeconfig", kubeconfig.as_str(), "--drain-delay", "0s"];
    let host = Host::start_after(&arguments, "left out of the index", || ());
    let line =
        "ordinance_index_unreadable_objects_total{policy=\"storage\",resource=\"persistentvolumes\"} 1";
    assert!(host.metrics().lines().any(|found| found == line));
    host.signal("TERM");
    let (code, log) = host.ended();
    assert_eq!((code, log.contains("a secret")), (Some(0), false), "{log}");
}

#[test]
fn refuses_a_cluster_together_with_state() {
    let api = ApiServer::start().unwrap();
    let (files, kubeconfig) = kubeconfig(&api);
    std::fs::write(files.path().join("config.yaml"), "state: [pv.json]").unwrap();
    let refused = |arguments: &[&str]| {
        let mut all = vec!["serve", "--self-signed", "--kubeconfig", &kubeconfig];
        all.extend_from_slice(arguments);
        let ended = run_in(files.path(), &all);
        (ended.code, ended.stderr.lines().next().unwrap_or_default().to_owned())
    };
    let message = "error: --kubeconfig and --state are two sources of existing objects: give one";
    assert_eq!(refused(&["--state", "pv.json"]), (64, message.to_owned()));
    let message = "error: config.yaml: state: existing objects come from the watched cluster; remove this, or give \
                   --no-cluster";
    assert_eq!(refused(&["--config", "config.yaml"]), (2, message.to_owned()));
    assert_eq!(api.requests("persistentvolumes"), []);
}

#[test]
fn counts_logs_and_writes_an_event_once_for_a_request_that_would_be_denied() {
    let api = ApiServer::start().unwrap();
    let (files, kubeconfig) = kubeconfig(&api);
    let settings = files.path().join("settings.yaml");
    std::fs::write(&settings, "mode: Warn").unwrap();
    let arguments =
        ["--kubeconfig", &kubeconfig, "--settings", argument(&settings), "--events", "--drain-delay", "0s"];
    let host = Host::start(&arguments);
    let review = stateful_set_creation();
    for path in ["/mutate/storage", "/validate/storage"] {
        let reply = host.post(path, &review);
        assert!(
            reply.body.contains(r#""allowed":true"#) && reply.body.contains("[fixed-sub-path]"),
            "{reply:?}"
        );
    }
    let events = api.await_requests("events", Verb::Create, 1);
    let note = events[0].object["note"].as_str().unwrap();
    assert!(note.starts_with("StatefulSet \"web\": all replicas mount volume \"data\""), "{note}");
    let metrics = host.metrics();
    for line in [
        r#"ordinance_requests_total{policy="storage",verdict="WouldDeny",operation="CREATE"} 1"#,
        r#"ordinance_requests_total{policy="storage",verdict="Allow",operation="CREATE"} 1"#,
        r#"ordinance_findings_total{policy="storage",rule="fixed-sub-path",severity="would-deny"} 2"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    host.signal("TERM");
    let (code, log) = host.ended();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("would be denied")).collect();
    assert_eq!((code, lines.len()), (Some(0), 1), "{log}");
    let object = r#"resource="statefulsets" namespace="shop" name="web" rules="fixed-sub-path""#;
    assert!(lines[0].contains("phase=Validate") && lines[0].contains(object), "{}", lines[0]);
    assert_eq!(api.requests("events").len(), 1);
}

/// Returns the review of a set whose replicas mount a claim at one sub-path.
fn stateful_set_creation() -> String {
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "template": {"spec": {
            "containers": [{"name": "app", "volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": "x"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        }}},
    });
    let mut review = creation(&set);
    review["request"]["kind"] = json!({"group": "apps", "version": "v1", "kind": "StatefulSet"});
    review["request"]["resource"] = json!({"group": "apps", "version": "v1", "resource": "statefulsets"});
    review["request"]["namespace"] = "shop".into();
    review.to_string()
}

#[test]
fn a_server_audits_its_cluster_and_releases_the_lease_when_it_stops() {
    let api = ApiServer::start().unwrap();
    api.serve_group("coordination.k8s.io/v1", &["leases"]);
    for name in ["pv-a", "pv-b"] {
        api.put("persistentvolumes", volume(name, "/srv/www"));
    }
    let (files, kubeconfig) = kubeconfig(&api);
    let settings = files.path().join("settings.yaml");
    std::fs::write(&settings, "mode: Warn").unwrap();
    let flags = ["--settings", argument(&settings), "--audit-interval", "10s", "--drain-delay", "0s"];
    let host = Host::start(&[&["--kubeconfig", &kubeconfig], &flags[..]].concat());
    let end = Instant::now() + TIMEOUT;
    let metrics = loop {
        let metrics = host.metrics();
        if metrics.contains("ordinance_audit_timestamp_seconds ") {
            break metrics;
        }
        assert!(Instant::now() < end, "no audit: {metrics}");
        std::thread::sleep(INTERVAL);
    };
    for line in [
        r#"ordinance_audit_findings{policy="storage",rule="shared-export",severity="would-deny"} 2"#,
        r#"ordinance_audit_would_refuse_objects{policy="storage",operation="CREATE"} 2"#,
        "ordinance_audit_interval_seconds 10.0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    host.signal("TERM");
    let (code, log) = host.ended();
    assert!(code == Some(0) && log.contains("audited; is it safe to enforce? Not yet."), "{log}");
    let lease = &api.objects("leases")[0];
    assert_eq!(
        (&lease["metadata"]["name"], &lease["spec"]["holderIdentity"]),
        (&json!("ordinance-audit"), &json!(null))
    );
}

#[test]
fn refuses_an_audit_that_is_too_frequent_or_without_a_cluster() {
    let files = directory(&[("config.yaml", "audit: {interval: 9s}")]);
    let refused = |arguments: &[&str]| {
        let ended = run_in(files.path(), &[&["serve", "--self-signed"], arguments].concat());
        (ended.code, ended.stderr.lines().next().unwrap_or_default().to_owned())
    };
    let message = "would list the cluster too often; give at least 10s, or 0s for no audit";
    let flag = refused(&["--audit-interval", "1s"]);
    assert_eq!(flag, (2, format!("error: --audit-interval: {message}")));
    let field = refused(&["--config", "config.yaml"]);
    assert_eq!(field, (2, format!("error: config.yaml: audit.interval: {message}")));
    let message = "error: --audit-interval audits a cluster and --no-cluster turns it off: give one";
    assert_eq!(refused(&["--audit-interval", "1h", "--no-cluster"]), (64, message.to_owned()));
}

#[test]
fn refuses_events_without_a_cluster() {
    let files = directory(&[("config.yaml", "events: true")]);
    let refused = |arguments: &[&str]| {
        let mut all = vec!["serve", "--self-signed"];
        all.extend_from_slice(arguments);
        let ended = run_in(files.path(), &all);
        (ended.code, ended.stderr.lines().next().unwrap_or_default().to_owned())
    };
    let message =
        "Events are written to a cluster, and none is configured; remove this, or give --kubeconfig FILE";
    assert_eq!(refused(&["--events"]), (2, format!("error: --events: {message}")));
    assert_eq!(refused(&["--config", "config.yaml"]), (2, format!("error: config.yaml: events: {message}")));
    let message = "error: --events writes to a cluster and --no-cluster turns it off: give one";
    assert_eq!(refused(&["--events", "--no-cluster"]), (64, message.to_owned()));
}

#[test]
fn refuses_a_pending_time_shorter_than_a_request_of_the_api_server() {
    let files = directory(&[("config.yaml", "limits: {pendingTime: 59s}")]);
    let path = files.path().join("config.yaml");
    let ended = run(&["serve", "--self-signed", "--config", argument(&path)]);
    let message = "limits.pendingTime: the API server may store an object up to 60 s after its admission, and the \
                   object must count until then; give at least 60s\n";
    assert_eq!((ended.code, ended.stderr.ends_with(message)), (2, true), "{}", ended.stderr);
}
