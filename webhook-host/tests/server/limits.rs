//! Clients that do not keep to the limits.

use crate::harness::{Host, Policy, Reply, UID, allow, head, request, review};
use ordinance::limits::Limits;
use ordinance_contract::Verdict;
use ordinance_engine::Failure;
use serde_json::json;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

const SHORT: Duration = Duration::from_millis(50);

/// Everything that a raw socket gets until the server closes it.
async fn closed(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is as closed as an end.
    let _ = socket.read_to_end(&mut bytes).await;
    bytes
}

async fn host(limits: Limits) -> Host {
    Host::start(limits, allow()).await
}

fn too_large(reply: &Reply) {
    let response = reply.response();
    assert_eq!((&response["uid"], &response["allowed"]), (&json!(UID), &json!(false)));
    assert_eq!(response["status"]["code"], 413);
    assert_eq!(response["status"]["reason"], "RequestEntityTooLarge");
}

/// The clock of a test that starts paused stands while there is anything to do, and jumps to the next timer when
/// there is not.
#[tokio::test(start_paused = true)]
async fn a_slow_handshake_is_closed_after_five_seconds() {
    let host = host(Limits { handshakes: 2, ..Limits::default() }).await;
    let start = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..5 {
        slow.push(TcpStream::connect(host.address).await.unwrap());
    }
    for socket in slow {
        assert_eq!(closed(socket).await, b"");
    }
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
    assert_eq!(host.metric("ordinance_handshakes_failed_total"), Some(5.0));
}

#[tokio::test]
async fn a_handshake_under_way_does_not_keep_others_from_theirs() {
    let host = host(Limits::default()).await;
    let _slow = TcpStream::connect(host.address).await.unwrap();
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
}

#[tokio::test]
async fn junk_and_plain_http_end_the_connection() {
    let host = host(Limits::default()).await;
    for bytes in [&[0xfe_u8; 4_096][..], b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"\x16\x03\x01\xff\xff\x00"] {
        let mut socket = TcpStream::connect(host.address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let reply = closed(socket).await;
        assert!(!reply.starts_with(b"HTTP"), "{reply:?}");
    }
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
}

#[tokio::test]
async fn junk_inside_tls_is_a_bad_request() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    client.send([0xfe; 100]).await;
    assert!(client.closed().await.starts_with("HTTP/1.1 400"));
}

#[tokio::test(start_paused = true)]
async fn half_a_head_is_closed_five_seconds_after_its_first_byte() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    client.send("POST /mutate/test HT").await;
    let start = Instant::now();
    assert_eq!(client.closed().await, "");
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn half_a_second_head_is_closed_five_seconds_after_its_first_byte() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    assert_eq!(client.post("/mutate/test", &review("{}")).await.status, 200);
    client.send("POST /mutate/test HT").await;
    let start = Instant::now();
    assert_eq!(client.closed().await, "");
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_for_two_minutes() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    assert_eq!(client.post("/mutate/test", &review("{}")).await.status, 200);
    let start = Instant::now();
    client.closed().await;
    assert_eq!(start.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_be_idle_for_longer_than_a_head_may_take() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(client.post("/mutate/test", &review("{}")).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_by_drops_is_closed_five_seconds_after_its_first_byte() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    let start = Instant::now();
    while client.try_send("P").await.is_ok() && start.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(7), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_head_of_too_many_fields_or_bytes_is_refused() {
    let host = host(Limits::default()).await;
    let fields = |count: usize| (0..count).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    let long = |bytes: usize| format!("X-Long: {}\r\n", "x".repeat(bytes));
    for (more, status) in
        [(fields(61), 200), (fields(62), 431), (long(15 * 1024), 200), (long(17 * 1024), 431)]
    {
        let mut client = host.connect().await;
        let request = request("{}").replacen("\r\n\r\n", &format!("\r\n{more}\r\n"), 1);
        // The server may close while this is still being sent.
        let _ = client.try_send(request).await;
        assert_eq!(client.reply().await.status, status, "{} bytes more", more.len());
    }
}

#[tokio::test]
async fn a_body_over_its_size_is_refused_by_its_uid() {
    let limits = Limits { body_bytes: 10_000, ..Limits::default() };
    let host = host(limits).await;
    let body = review(&format!("{:?}", "x".repeat(12_000)));
    too_large(&host.post("/mutate/test", &body).await);

    let mut client = host.connect().await;
    client.send("POST /mutate/test HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for piece in body.as_bytes().chunks(1_000) {
        client.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await;
    }
    client.send("0\r\n\r\n").await;
    too_large(&client.reply().await);
}

#[tokio::test]
async fn a_body_that_is_announced_as_endless_is_refused_by_its_uid_and_not_read_to_its_end() {
    let host = host(Limits { body_bytes: 10_000, ..Limits::default() }).await;
    let mut client = host.connect().await;
    let begun = review("{}");
    client.send(head("/mutate/test", usize::MAX / 2) + &begun[..begun.len() - 2]).await;
    client.send("x".repeat(21_000)).await;
    let reply = client.reply().await;
    too_large(&reply);
    assert!(reply.is_last());
    client.closed().await;
}

#[tokio::test]
async fn a_body_over_its_size_without_a_uid_is_an_http_error() {
    let host = host(Limits { body_bytes: 1_000, ..Limits::default() }).await;
    assert_eq!(host.post("/mutate/test", &"x".repeat(1_500)).await.status, 413);
}

#[tokio::test]
async fn a_body_at_its_size_is_read() {
    let body = review("{}");
    let host = host(Limits { body_bytes: body.len(), ..Limits::default() }).await;
    assert_eq!(host.post("/mutate/test", &body).await.response()["allowed"], true);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let host = host(Limits { body_time: SHORT, ..Limits::default() }).await;
    let mut client = host.connect().await;
    client.send(head("/mutate/test", 100) + "{").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.is_last()), (408, true));
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_slower_than_its_rate_is_given_up_before_its_time() {
    let host = host(Limits { body_rate: 1_000, ..Limits::default() }).await;
    let mut client = host.connect().await;
    let start = Instant::now();
    client.send(head("/mutate/test", 100_000)).await;
    while start.elapsed() < Duration::from_secs(9) && client.try_send([b'x'; 100]).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!((2..=4).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(client.reply().await.status, 408);
}

#[tokio::test]
async fn a_client_that_goes_away_in_its_body_is_forgotten() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    client.send(head("/mutate/test", 100) + "{").await;
    client.half_close().await;
    client.closed().await;
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
}

#[tokio::test]
async fn large_bodies_hold_no_more_memory_than_they_may() {
    let (started, release, judge) = gate();
    let limits = Limits { inline_bytes: 2_000, bodies_bytes: 6_000, ..Limits::default() };
    let host = Host::start(limits, judge).await;
    let body = review(&format!("{:?}", "x".repeat(3_000)));
    let mut first = host.connect().await;
    first.send(head("/mutate/test", body.len()) + &body).await;
    let started = wait(started).await;
    let reply = host.post("/mutate/test", &body).await;
    assert_eq!((reply.status, reply.field("retry-after")), (503, Some("1")));
    release.send(()).unwrap();
    assert_eq!(first.reply().await.status, 200);
    release.send(()).unwrap();
    assert_eq!(host.post("/mutate/test", &body).await.status, 200);
    drop(started);
}

#[tokio::test]
async fn connections_are_counted_in_all_and_by_address() {
    for limits in [
        Limits { connections: 2, ..Limits::default() },
        Limits { connections_per_address: 2, ..Limits::default() },
    ] {
        let host = host(limits).await;
        let (mut first, _second) = (host.connect().await, host.connect().await);
        assert!(host.try_connect().await.is_err());
        assert_eq!(host.metric("ordinance_connections_refused_total"), Some(1.0));
        assert_eq!(host.metric("ordinance_connections"), Some(2.0));
        first.half_close().await;
        first.closed().await;
        // The place is free a moment after the connection is closed.
        while host.try_connect().await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}

/// A judge on the pool that says when it has begun and goes on when it is told to.
fn gate() -> (mpsc::Receiver<()>, mpsc::Sender<()>, Arc<dyn ordinance::judge::Judge>) {
    let (begun, started) = mpsc::channel();
    let (release, gate) = mpsc::channel();
    let (begun, gate) = (Mutex::new(begun), Mutex::new(gate));
    let judge = Policy::pool(move |_, _| {
        begun.lock().unwrap().send(()).unwrap();
        // The test may be over.
        let _ = gate.lock().unwrap().recv();
        Ok(Verdict::allow())
    });
    (started, release, judge)
}

/// Waits for the judge to begin without blocking the runtime.
async fn wait(started: mpsc::Receiver<()>) -> mpsc::Receiver<()> {
    tokio::task::spawn_blocking(move || {
        started.recv().unwrap();
        started
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn who_waits_too_long_for_a_turn_is_told_to_come_again() {
    let (started, release, judge) = gate();
    let host = Host::start(Limits { evaluations: 1, queue_time: SHORT, ..Limits::default() }, judge).await;
    let mut first = host.connect().await;
    first.send(request("{}")).await;
    let _started = wait(started).await;
    let reply = host.post("/mutate/test", &review("{}")).await;
    assert_eq!((reply.status, reply.field("retry-after"), reply.is_last()), (503, Some("1"), true));
    assert_eq!(host.metric(r#"ordinance_requests_shed_total{policy="test",reason="Queue"}"#), Some(1.0));
    release.send(()).unwrap();
    assert_eq!(first.reply().await.response()["allowed"], true);
}

#[tokio::test]
async fn a_judge_that_never_ends_is_given_up_after_the_deadline() {
    let (_started, release, judge) = gate();
    let limits = Limits { deadline: SHORT, ..Limits::default() };
    let host = Host::start(limits, judge).await;
    let response = host.post("/mutate/test", &review("{}")).await.response();
    assert_eq!((&response["uid"], &response["status"]["code"]), (&json!(UID), &json!(500)));
    assert!(response["status"]["message"].as_str().unwrap().contains("limits.policyTime"));
    drop(release);
}

#[tokio::test]
async fn judges_that_block_hold_up_neither_health_nor_trusted_policies() {
    let (started, _release, blocking) = gate();
    let host = Host::with(Limits { evaluations: 1, ..Limits::default() }, |metrics| {
        vec![
            ordinance::server::Route::new("test", blocking, metrics),
            ordinance::server::Route::new("trusted", allow(), metrics),
        ]
    })
    .await;
    let mut first = host.connect().await;
    first.send(request("{}")).await;
    let _started = wait(started).await;
    assert_eq!(host.post("/mutate/trusted", &review("{}")).await.status, 200);
}

#[tokio::test]
async fn a_large_body_is_never_judged_in_the_task_of_its_connection() {
    let test = std::thread::current().id();
    let judge = Policy::inline(move |_, _| {
        let inline = std::thread::current().id() == test;
        if inline { Ok(Verdict::allow()) } else { Err(Failure::Nonsense("elsewhere".to_owned())) }
    });
    // This runtime has one thread, so a connection's task runs on it.
    let host = Host::start(Limits { inline_bytes: 1_000, ..Limits::default() }, judge).await;
    for (length, allowed) in [(10, true), (1_000, false)] {
        let body = review(&format!("{:?}", "x".repeat(length)));
        assert_eq!(host.post("/mutate/test", &body).await.response()["allowed"], allowed);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_closed() {
    let verdict = Verdict { patch: Some(format!("[{:?}]", "x".repeat(900_000))), ..Verdict::allow() };
    let limits = Limits { answer_time: SHORT, ..Limits::default() };
    let host = Host::start(limits, Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let mut client = host.connect().await;
    // Answers pile up until the buffers of both ends are full.
    while client.try_send(request("{}")).await.is_ok() {}
    while host.metric("ordinance_connections") != Some(0.0) {
        tokio::task::yield_now().await;
    }
}
