//! `ordinance serve`: start, requests, certificate reload and shutdown.

use crate::files::{creation, directory, pair, volume, write};
use crate::host::{Host, argument, client};
use serde_json::Value;

fn allowed(body: &str) -> bool {
    serde_json::from_str::<Value>(body).unwrap()["response"]["allowed"].as_bool().unwrap()
}

/// Returns the soft and the hard limit on open files of a process.
#[cfg(target_os = "linux")]
fn open_files(pid: u32) -> (String, String) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn raises_the_soft_limit_on_file_descriptors_to_the_hard_one() {
    let host = Host::start_in_shell("ulimit -Sn 256");
    let (soft, hard) = open_files(host.ready.pid);
    assert_eq!(soft, hard);
    assert_ne!(soft, "256");
}

#[cfg(target_os = "linux")]
#[test]
fn warns_of_too_few_file_descriptors_for_its_connections() {
    let host = Host::start_in_shell("ulimit -n 1024");
    assert!(host.seen.iter().any(|line| line.contains("limits.connections")), "{:?}", host.seen);
}

#[test]
fn refuses_a_second_volume_on_the_same_directory() {
    let host = Host::start(&[]);
    assert_eq!(host.admin("/readyz").status, 200);
    let ask = |name, path: &str| {
        allowed(&host.post("/validate/storage", &creation(&volume(name, path)).to_string()).body)
    };
    assert!(ask("pv", "/srv/www"));
    assert!(!ask("pv2", "/srv/www"));
    assert!(ask("pv2", "/srv/www2"));
}

#[test]
fn knows_the_objects_of_state_from_the_start() {
    let files = directory(&[("pv.json", &volume("pv", "/srv/www").to_string())]);
    let host = Host::start(&["--state", argument(files.path())]);
    let review = creation(&volume("pv2", "/srv/www")).to_string();
    assert!(!allowed(&host.post("/validate/storage", &review).body));
}

#[test]
fn each_policy_has_its_own_path_settings_and_index() {
    let config = "policies:\n  strict: {}\n  lenient:\n    settings: {mode: Warn}\n";
    let files = directory(&[("o.yaml", config)]);
    let host = Host::start(&["--config", argument(&files.path().join("o.yaml"))]);
    for policy in ["strict", "lenient"] {
        let path = format!("/validate/{policy}");
        assert!(allowed(&host.post(&path, &creation(&volume("pv", "/a")).to_string()).body));
    }
    let second = creation(&volume("pv2", "/a")).to_string();
    assert!(!allowed(&host.post("/validate/strict", &second).body));
    assert!(allowed(&host.post("/validate/lenient", &second).body));
    assert_eq!(host.post("/validate/storage", &second).status, 404);
}

#[test]
fn metrics_show_the_size_of_each_index() {
    let files = directory(&[("pv.json", &volume("pv", "/a").to_string())]);
    let host = Host::start(&["--state", argument(files.path())]);
    let shows = |objects: usize| {
        let (metrics, line) = (host.metrics(), "ordinance_index_objects{policy=\"storage\"} ");
        metrics.contains(&format!("\n{line}{objects}\n"))
    };
    assert!(shows(1));
    host.post("/validate/storage", &creation(&volume("pv2", "/b")).to_string());
    assert!(shows(2));
    host.post("/validate/storage", &creation(&volume("pv3", "/b")).to_string());
    assert!(shows(2));
}

#[test]
fn the_ready_file_contains_addresses_ca_and_pid() {
    let host = Host::start(&[]);
    for address in [&host.ready.https, &host.ready.admin, &host.ready.metrics] {
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
    }
    assert!(host.ready.ca_bundle.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(host.ready.pid > 0);
}

#[test]
fn serves_a_new_certificate_without_a_restart() {
    let ((first, first_key), (second, second_key)) = (pair(), pair());
    let files = directory(&[("tls.crt", &first), ("tls.key", &first_key)]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("tls.crt"), path("tls.key"));
    let mut host =
        Host::with_certificate(&["--tls-cert", &certificate, "--tls-key", &key, "--reload-interval", "10ms"]);
    let trusts =
        |host: &Host, ca: &str| client(ca).get(format!("https://{}/", host.ready.https)).call().is_ok();
    assert!(trusts(&host, &first) && !trusts(&host, &second));
    write(files.path(), "tls.key", &second_key);
    host.log_until("is not the key of");
    assert!(trusts(&host, &first));
    write(files.path(), "tls.crt", &second);
    host.log_until("in use from now on");
    assert!(trusts(&host, &second) && !trusts(&host, &first));
    let metrics = host.metrics();
    assert!(
        metrics.contains(r#"ordinance_reloads_total{what="Certificate",outcome="Taken"} 1"#),
        "{metrics}"
    );
}

#[test]
fn a_signal_stops_gracefully_and_a_second_one_at_once() {
    for signal in ["TERM", "INT"] {
        let mut host = Host::start(&["--drain-delay", "1h"]);
        let review = creation(&volume("pv", "/a")).to_string();
        let before = host.post("/mutate/storage", &review);
        assert_eq!((before.status, before.closes), (200, false));
        host.signal(signal);
        host.log_until("stopping");
        assert_eq!(host.admin("/readyz").status, 503);
        assert_eq!(host.admin("/livez").status, 200);
        let after = host.post("/mutate/storage", &review);
        assert_eq!((after.status, after.closes), (200, true));
        host.signal(signal);
        let (code, log) = host.ended();
        assert_eq!(code, Some(0), "{log}");
    }
}

#[test]
fn sigterm_ends_the_server_at_once_without_a_drain_delay() {
    let host = Host::start(&["--drain-delay", "0s"]);
    host.signal("TERM");
    let (code, log) = host.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.ends_with("stopped"), "{log}");
}

#[test]
fn logs_json_on_request() {
    let mut host = Host::start(&["--log-format", "json", "--drain-delay", "0s"]);
    host.signal("TERM");
    for line in host.log_until("stopped") {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}
