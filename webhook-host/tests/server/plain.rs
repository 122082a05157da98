//! Health checks and metrics, each on a listener of its own.

use crate::harness::{Host, allow, closed, is_closed, review, socket_from};
use ordinance::limits::Limits;
use ordinance::metrics::Metrics;
use ordinance::server::{
    MetricsListener, PLAIN_CONNECTIONS, PLAIN_CONNECTIONS_PER_ADDRESS, ProbeListener, Readiness,
};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;

const GET_LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";

struct Reply {
    status: u16,
    head: String,
    body: String,
}

fn probes(readiness: &Readiness, metrics: &Metrics) -> ProbeListener {
    ProbeListener::start(TcpListener::bind("127.0.0.1:0").unwrap(), readiness.clone(), metrics).unwrap()
}

fn scrapes(metrics: &Arc<Metrics>) -> MetricsListener {
    MetricsListener::start(TcpListener::bind("127.0.0.1:0").unwrap(), metrics).unwrap()
}

/// Waits until the metrics have a line. A connection is counted after it is closed.
async fn reported(metrics: &Metrics, line: &str) {
    while !metrics.text().lines().any(|found| found == line) {
        tokio::task::yield_now().await;
    }
}

/// Sends a request with more header fields, and reads until the server closes the connection.
fn ask_with(address: SocketAddr, method: &str, path: &str, fields: &str) -> Reply {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "{method} {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n").unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let Reply { status, body, .. } = ask_with(address, method, path, "");
    (status, body)
}

#[test]
fn readyz_reports_the_state_and_livez_is_always_ok() {
    let readiness = Readiness::new();
    let probes = probes(&readiness, &Metrics::new());
    let health = || (ask(probes.address(), "GET", "/livez").0, ask(probes.address(), "GET", "/readyz"));
    assert_eq!(health(), (200, (503, "starting\n".to_owned())));
    readiness.ready();
    assert_eq!(health(), (200, (200, "ready\n".to_owned())));
    readiness.not_ready();
    assert_eq!(health(), (200, (503, "starting\n".to_owned())));
    readiness.stopping();
    assert_eq!(health(), (200, (503, "stopping\n".to_owned())));
}

#[test]
fn refuses_other_paths_and_methods() {
    let metrics = Arc::new(Metrics::new());
    let (probes, scrapes) = (probes(&Readiness::new(), &metrics), scrapes(&metrics));
    assert_eq!(ask(probes.address(), "GET", "/").0, 404);
    assert_eq!(ask(probes.address(), "POST", "/livez").0, 405);
    assert_eq!(ask(probes.address(), "HEAD", "/livez"), (200, String::new()));
    assert_eq!(ask(scrapes.address(), "GET", "/livez").0, 404);
    assert_eq!(ask(scrapes.address(), "POST", "/metrics").0, 405);
    let (status, line) = ask(probes.address(), "GET", "/metrics");
    assert_eq!((status, line.contains("metricsListen")), (404, true));
}

#[test]
fn dropping_the_listener_closes_it() {
    let probes = probes(&Readiness::new(), &Metrics::new());
    let address = probes.address();
    let _idle = TcpStream::connect(address).unwrap();
    drop(probes);
    assert!(TcpStream::connect(address).is_err());
}

/// Opens connections that send these bytes, in turn from eight addresses.
async fn hostile_sockets(to: SocketAddr, count: usize, bytes: &[u8]) -> Vec<tokio::net::TcpStream> {
    let mut sockets = Vec::new();
    for (number, last) in (0..count).zip((2..10).cycle()) {
        let mut socket = socket_from(Ipv4Addr::new(127, 0, 0, last), to).await;
        // The server may have closed it already.
        let _ = socket.write_all(bytes).await;
        assert_eq!(sockets.len(), number);
        sockets.push(socket);
    }
    sockets
}

#[tokio::test]
async fn probes_are_answered_beside_silent_and_slow_connections() {
    let metrics = Metrics::new();
    let probes = probes(&Readiness::new(), &metrics);
    for bytes in ["", "G", "GET /livez HTTP/1.1\r\n"] {
        let _open = hostile_sockets(probes.address(), 4 * PLAIN_CONNECTIONS, bytes.as_bytes()).await;
        assert_eq!(ask(probes.address(), "GET", "/livez").0, 200, "{bytes:?}");
    }
}

#[tokio::test]
async fn probes_are_answered_beside_clients_that_do_not_read_metrics() {
    let metrics = Arc::new(Metrics::new());
    let (probes, scrapes) = (probes(&Readiness::new(), &metrics), scrapes(&metrics));
    let get = b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
    let _open = hostile_sockets(scrapes.address(), 4 * PLAIN_CONNECTIONS, get).await;
    assert_eq!(ask(probes.address(), "GET", "/livez").0, 200);
    assert_eq!(ask(scrapes.address(), "GET", "/metrics").0, 200);
}

#[tokio::test]
async fn the_oldest_silent_connection_of_an_address_is_closed_first() {
    let metrics = Metrics::new();
    let probes = probes(&Readiness::new(), &metrics);
    let mut sockets = Vec::new();
    for _ in 0..=PLAIN_CONNECTIONS_PER_ADDRESS {
        sockets.push(socket_from(Ipv4Addr::LOCALHOST, probes.address()).await);
    }
    closed(&sockets[0]).await;
    assert!(sockets[1..].iter().all(|socket| !is_closed(socket)));
    let line = r#"ordinance_connections_closed_total{listener="Probes",reason="ConnectionsPerAddress"} 1"#;
    reported(&metrics, line).await;
}

#[tokio::test]
async fn closes_a_connection_whose_head_does_not_arrive() {
    let metrics = Metrics::new();
    let probes = probes(&Readiness::new(), &metrics);
    let silent = socket_from(Ipv4Addr::LOCALHOST, probes.address()).await;
    let mut slow = socket_from(Ipv4Addr::LOCALHOST, probes.address()).await;
    for byte in GET_LIVEZ.as_bytes() {
        if is_closed(&slow) || slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    closed(&silent).await;
    closed(&slow).await;
    let line = r#"ordinance_connections_closed_total{listener="Probes",reason="FirstRequestTime"} 2"#;
    reported(&metrics, line).await;
}

#[tokio::test]
async fn metrics_count_answered_and_rejected_requests() {
    let host = Host::start(Limits::default(), allow()).await;
    host.post("/mutate/test", &review("{}")).await;
    host.post("/mutate/test", "no review").await;
    let scrapes = scrapes(&host.metrics);
    let (status, text) = ask(scrapes.address(), "GET", "/metrics");
    assert_eq!(status, 200);
    for line in [
        r#"ordinance_requests_total{policy="test",verdict="Allow",operation="CREATE"} 1"#,
        r#"ordinance_requests_rejected_total{code="400"} 1"#,
        r#"ordinance_evaluation_duration_seconds_count{policy="test"} 1"#,
        r#"ordinance_queue_duration_seconds_count{policy="test"} 2"#,
        r#"ordinance_request_duration_seconds_count{policy="test"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
}

#[test]
fn metrics_have_the_format_that_the_client_asks_for() {
    let scrapes = scrapes(&Arc::new(Metrics::new()));
    let get = |fields| ask_with(scrapes.address(), "GET", "/metrics", fields);
    for fields in ["", "Accept: */*\r\n", "Accept: text/plain\r\n"] {
        let reply = get(fields);
        assert!(
            reply.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
            "{}",
            reply.head
        );
        assert!(!reply.body.contains("# EOF") && !reply.body.contains("# UNIT"), "{}", reply.body);
    }
    let reply = get("Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n");
    assert!(
        reply.head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{}",
        reply.head
    );
    assert!(reply.body.ends_with("# EOF\n"), "{}", reply.body);
}

/// In this format a sample belongs to the family of its exact name, or, for a histogram, of its name without a suffix.
#[test]
fn every_sample_of_the_prometheus_format_belongs_to_a_declared_family() {
    let metrics = Metrics::new();
    metrics.route("test").evaluation.observe(std::time::Duration::from_secs(1));
    let text = metrics.text();
    let mut families = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        assert!(families.insert((name, kind == "histogram")), "{line} twice");
    }
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let name = sample.split(['{', ' ']).next().unwrap();
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let is_declared = families.contains(&(name, false))
            || of_histogram.is_some_and(|histogram| families.contains(&(histogram, true)));
        assert!(is_declared, "{sample}");
    }
}
