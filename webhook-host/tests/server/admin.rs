//! Health and metrics on the second listener.

use crate::harness::{Host, allow, review};
use ordinance::limits::Limits;
use ordinance::metrics::Metrics;
use ordinance::server::{Admin, Readiness};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

fn start(readiness: &Readiness, metrics: &Arc<Metrics>) -> Admin {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    Admin::start(listener, readiness.clone(), Arc::clone(metrics)).unwrap()
}

/// Sends a request and returns the status and the body.
fn ask(admin: &Admin, method: &str, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(admin.address()).unwrap();
    write!(socket, "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn readyz_reports_the_state_and_livez_is_always_ok() {
    let readiness = Readiness::new();
    let admin = start(&readiness, &Arc::default());
    let health = || (ask(&admin, "GET", "/livez").0, ask(&admin, "GET", "/readyz"));
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
    let admin = start(&Readiness::new(), &Arc::default());
    assert_eq!(ask(&admin, "GET", "/").0, 404);
    assert_eq!(ask(&admin, "POST", "/livez").0, 405);
    assert_eq!(ask(&admin, "HEAD", "/livez"), (200, String::new()));
}

#[test]
fn dropping_the_listener_closes_it() {
    let admin = start(&Readiness::new(), &Arc::default());
    let address = admin.address();
    let _idle = TcpStream::connect(address).unwrap();
    drop(admin);
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn metrics_count_answered_and_rejected_requests() {
    let host = Host::start(Limits::default(), allow()).await;
    host.post("/mutate/test", &review("{}")).await;
    host.post("/mutate/test", "no review").await;
    let admin = start(&host.readiness, &host.metrics);
    let (status, text) = ask(&admin, "GET", "/metrics");
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
