//! `ordinance serve` with a cluster: what it waits for, says and refuses.

use crate::files::{creation, directory, volume};
use crate::host::{Host, argument};
use crate::run::{run, run_in};
use ordinance_testkit::apiserver::{ApiServer, Verb};
use serde_json::json;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the server may take to do what is waited for, and how often one looks.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(10);

/// A directory with a kubeconfig that leads to it, and the path of that.
fn kubeconfig(api: &ApiServer) -> (TempDir, String) {
    let files = directory(&[("kubeconfig", &api.kubeconfig())]);
    let path = argument(&files.path().join("kubeconfig")).to_owned();
    (files, path)
}

/// Returns what `/readyz` says, once it has this status.
fn until_readyz(host: &Host, status: u16) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let told = host.admin("/readyz");
        if told.status == status {
            return told.body;
        }
        assert!(Instant::now() < end, "waited in vain for {status}: {told:?}");
        std::thread::sleep(LOOK);
    }
}

#[test]
fn a_server_is_ready_only_after_every_list() {
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
fn a_server_whose_watches_are_silent_is_unready_until_they_are_heard_of_again() {
    let api = ApiServer::start().unwrap();
    let (files, kubeconfig) = kubeconfig(&api);
    let config = files.path().join("config.yaml");
    std::fs::write(&config, "limits: {indexStaleness: 1s}").unwrap();
    let host = Host::start(&["--kubeconfig", &kubeconfig, "--config", argument(&config)]);
    let waiting = until_readyz(&host, 503);
    assert!(waiting.starts_with("waiting: ") && waiting.contains("were last heard of"), "{waiting}");
    for resource in ["persistentvolumes", "statefulsets", "persistentvolumeclaims"] {
        api.await_watch(resource);
        api.bookmark(resource);
    }
    until_readyz(&host, 200);
}

#[test]
fn what_the_policy_can_not_read_in_a_cluster_is_logged_without_its_content() {
    let api = ApiServer::start().unwrap();
    let mut unreadable = volume("pv-bad", "/srv");
    unreadable["spec"]["nfs"] = json!("a secret");
    api.put("persistentvolumes", unreadable);
    let (_files, kubeconfig) = kubeconfig(&api);
    let arguments = ["--kubeconfig", kubeconfig.as_str(), "--drain-delay", "0s"];
    let host = Host::start_after(&arguments, "left out of the index", || ());
    let line =
        "ordinance_index_unreadable_objects_total{policy=\"storage\",resource=\"persistentvolumes\"} 1";
    assert!(host.admin("/metrics").body.lines().any(|found| found == line));
    host.signal("TERM");
    let (code, log) = host.ended();
    assert_eq!((code, log.contains("a secret")), (Some(0), false), "{log}");
}

#[test]
fn what_exists_is_watched_or_given_but_not_both() {
    let api = ApiServer::start().unwrap();
    let (files, kubeconfig) = kubeconfig(&api);
    std::fs::write(files.path().join("config.yaml"), "state: [pv.json]").unwrap();
    let refused = |arguments: &[&str]| {
        let mut all = vec!["serve", "--self-signed", "--kubeconfig", &kubeconfig];
        all.extend_from_slice(arguments);
        let ended = run_in(files.path(), &all);
        (ended.code, ended.stderr.lines().next().unwrap_or_default().to_owned())
    };
    let told = "error: --kubeconfig and --state both say what exists: give one";
    assert_eq!(refused(&["--state", "pv.json"]), (64, told.to_owned()));
    let told = "error: config.yaml: state: what exists is watched in the cluster; leave it out, or give --no-cluster";
    assert_eq!(refused(&["--config", "config.yaml"]), (2, told.to_owned()));
    assert_eq!(api.asked("persistentvolumes"), []);
}

#[test]
fn an_admitted_object_counts_at_least_as_long_as_the_api_server_may_store_it() {
    let files = directory(&[("config.yaml", "limits: {pendingTime: 59s}")]);
    let path = files.path().join("config.yaml");
    let ended = run(&["serve", "--self-signed", "--config", argument(&path)]);
    let told = "limits.pendingTime: the API server may store an object for 60 s after it was admitted, and it must \
                count that long; give at least 60s\n";
    assert_eq!((ended.code, ended.stderr.ends_with(told)), (2, true), "{}", ended.stderr);
}
