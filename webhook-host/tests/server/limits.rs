//! Clients that exceed the limits.

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
use tokio::time::{Instant, timeout};

const SHORT: Duration = Duration::from_millis(50);

/// Returns everything that a raw socket receives until the server closes it.
async fn closed(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset closes the connection too.
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

/// With `start_paused`, time stands still while any task can run, and jumps to the next timer when none can.
#[tokio::test(start_paused = true)]
async fn closes_a_slow_handshake_after_five_seconds() {
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
async fn a_slow_handshake_does_not_block_others() {
    let host = host(Limits::default()).await;
    let _slow = TcpStream::connect(host.address).await.unwrap();
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
}

#[tokio::test]
async fn closes_a_connection_with_junk_or_plain_http() {
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
async fn answers_junk_within_tls_with_bad_request() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    client.send([0xfe; 100]).await;
    assert!(client.closed().await.starts_with("HTTP/1.1 400"));
}

#[tokio::test(start_paused = true)]
async fn closes_a_partial_head_five_seconds_after_its_first_byte() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    client.send("POST /mutate/test HT").await;
    let start = Instant::now();
    assert_eq!(client.closed().await, "");
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn closes_a_partial_second_head_five_seconds_after_its_first_byte() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    assert_eq!(client.post("/mutate/test", &review("{}")).await.status, 200);
    client.send("POST /mutate/test HT").await;
    let start = Instant::now();
    assert_eq!(client.closed().await, "");
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn keeps_an_idle_connection_for_two_minutes() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    assert_eq!(client.post("/mutate/test", &review("{}")).await.status, 200);
    let start = Instant::now();
    client.closed().await;
    assert_eq!(start.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn the_head_limit_does_not_apply_to_idle_connections() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(client.post("/mutate/test", &review("{}")).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn closes_a_trickling_head_five_seconds_after_its_first_byte() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    let start = Instant::now();
    while client.try_send("P").await.is_ok() && start.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(7), "{:?}", start.elapsed());
}

#[tokio::test]
async fn refuses_a_head_with_too_many_fields_or_bytes() {
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
async fn denies_an_oversized_body_with_its_uid() {
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
async fn denies_a_body_with_a_huge_length_without_reading_it_to_its_end() {
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
async fn answers_an_oversized_body_without_a_uid_with_an_http_error() {
    let host = host(Limits { body_bytes: 1_000, ..Limits::default() }).await;
    assert_eq!(host.post("/mutate/test", &"x".repeat(1_500)).await.status, 413);
}

#[tokio::test]
async fn accepts_a_body_of_exactly_the_limit() {
    let body = review("{}");
    let host = host(Limits { body_bytes: body.len(), ..Limits::default() }).await;
    assert_eq!(host.post("/mutate/test", &body).await.response()["allowed"], true);
}

#[tokio::test]
async fn gives_up_on_an_incomplete_body_after_its_time() {
    let host = host(Limits { body_time: SHORT, ..Limits::default() }).await;
    let mut client = host.connect().await;
    client.send(head("/mutate/test", 100) + "{").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.is_last()), (408, true));
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_slow_body_before_its_time() {
    let host = host(Limits { body_rate: 1_000, ..Limits::default() }).await;
    let mut client = host.connect().await;
    let start = Instant::now();
    client.send(head("/mutate/test", 100_000)).await;
    let reply = loop {
        client.send([b'x'; 100]).await;
        if let Ok(reply) = timeout(Duration::from_millis(200), client.reply()).await {
            break reply;
        }
    };
    assert_eq!(reply.status, 408);
    assert!((2..=4).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn serves_others_after_a_client_leaves_within_its_body() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    client.send(head("/mutate/test", 100) + "{").await;
    client.half_close().await;
    client.closed().await;
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
}

#[tokio::test]
async fn limits_the_memory_of_large_bodies() {
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
async fn refuses_a_connection_if_all_others_are_in_use() {
    for limits in [
        Limits { connections: 2, ..Limits::default() },
        Limits { connections_per_address: 2, ..Limits::default() },
    ] {
        let host = host(limits).await;
        let (mut first, mut second) = (host.connect().await, host.connect().await);
        for used in [&mut first, &mut second] {
            assert_eq!(used.post("/mutate/test", &review("{}")).await.status, 200);
        }
        assert!(host.try_connect().await.is_err());
        assert_eq!(host.metric("ordinance_connections_refused_total"), Some(1.0));
        assert_eq!(host.metric("ordinance_connections"), Some(2.0));
        first.half_close().await;
        first.closed().await;
        // The slot becomes free shortly after the connection is closed.
        while host.try_connect().await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}

/// Returns a judge on the pool that signals its start and waits for a release.
fn gate() -> (mpsc::Receiver<()>, mpsc::Sender<()>, Arc<dyn ordinance::judge::Judge>) {
    let (begun, started) = mpsc::channel();
    let (release, gate) = mpsc::channel();
    let (begun, gate) = (Mutex::new(begun), Mutex::new(gate));
    let judge = Policy::pool(move |_, _| {
        begun.lock().unwrap().send(()).unwrap();
        // The test may have ended.
        let _ = gate.lock().unwrap().recv();
        Ok(Verdict::allow())
    });
    (started, release, judge)
}

/// Waits for the judge to start without blocking the runtime.
async fn wait(started: mpsc::Receiver<()>) -> mpsc::Receiver<()> {
    tokio::task::spawn_blocking(move || {
        started.recv().unwrap();
        started
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn answers_503_to_a_request_that_waits_too_long_for_an_evaluation() {
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
async fn abandons_a_judge_that_does_not_end_by_the_deadline() {
    let (_started, release, judge) = gate();
    let limits = Limits { deadline: SHORT, ..Limits::default() };
    let host = Host::start(limits, judge).await;
    let response = host.post("/mutate/test", &review("{}")).await.response();
    assert_eq!((&response["uid"], &response["status"]["code"]), (&json!(UID), &json!(500)));
    assert!(response["status"]["message"].as_str().unwrap().contains("limits.policyTime"));
    drop(release);
}

#[tokio::test]
async fn a_blocking_judge_does_not_delay_trusted_policies() {
    let (started, _release, blocking) = gate();
    let host = Host::with(Limits { evaluations: 1, ..Limits::default() }, |metrics| {
        vec![
            ordinance::server::PolicyRoute::new("test", blocking, metrics),
            ordinance::server::PolicyRoute::new("trusted", allow(), metrics),
        ]
    })
    .await;
    let mut first = host.connect().await;
    first.send(request("{}")).await;
    let _started = wait(started).await;
    assert_eq!(host.post("/mutate/trusted", &review("{}")).await.status, 200);
}

#[tokio::test]
async fn evaluates_a_large_body_on_the_pool() {
    let test = std::thread::current().id();
    let judge = Policy::inline(move |_, _| {
        let inline = std::thread::current().id() == test;
        if inline { Ok(Verdict::allow()) } else { Err(Failure::InvalidResponse("elsewhere".to_owned())) }
    });
    // This runtime has one thread, so a connection's task runs on it.
    let host = Host::start(Limits { inline_bytes: 1_000, ..Limits::default() }, judge).await;
    for (length, allowed) in [(10, true), (1_000, false)] {
        let body = review(&format!("{:?}", "x".repeat(length)));
        assert_eq!(host.post("/mutate/test", &body).await.response()["allowed"], allowed);
    }
}

#[tokio::test]
async fn evaluates_on_the_pool_after_slow_small_reviews_of_the_connection() {
    let test = std::thread::current().id();
    let judge = Policy::inline(move |request, _| {
        if request.object.as_deref() == Some(r#""slow""#) {
            // Far more CPU time than an ordinary review takes.
            let sum = (0..20_000_000_u64).fold(0, |sum, number| std::hint::black_box(sum ^ number));
            std::hint::black_box(sum);
        }
        let inline = std::thread::current().id() == test;
        if inline { Ok(Verdict::allow()) } else { Err(Failure::InvalidResponse("elsewhere".to_owned())) }
    });
    let host = Host::start(Limits::default(), judge).await;
    let mut slow = host.connect().await;
    for (object, allowed) in [(r#""slow""#, true); 4].into_iter().chain([("{}", false)]) {
        slow.send(request(object)).await;
        assert_eq!(slow.reply().await.response()["allowed"], allowed, "{object}");
    }
    // Another connection is not affected.
    assert_eq!(host.post("/mutate/test", &review("{}")).await.response()["allowed"], true);
}

#[tokio::test]
async fn closes_a_client_that_does_not_read_its_response() {
    let verdict = Verdict { patch: Some(format!("[{:?}]", "x".repeat(900_000))), ..Verdict::allow() };
    let limits = Limits { answer_time: SHORT, ..Limits::default() };
    let host = Host::start(limits, Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let mut client = host.connect().await;
    // Responses accumulate until the buffers of both ends are full.
    while client.try_send(request("{}")).await.is_ok() {}
    while host.metric("ordinance_connections") != Some(0.0) {
        tokio::task::yield_now().await;
    }
}
