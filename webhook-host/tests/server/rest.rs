//! Clients that write a whole request before they read, and are answered before its end.

use crate::harness::{Client, Host, Reply, UID, allow, head, review};
use ordinance::limits::Limits;
use std::time::Duration;
use tokio::time::Instant;

/// More than the buffers of both ends can hold.
const LARGE: usize = 16 * 1024 * 1024;

async fn host(limits: Limits) -> Host {
    Host::start(limits, allow()).await
}

/// Writes everything, then reads the response and the end of the connection.
async fn write_then_read(host: &Host, pieces: &[&[u8]]) -> Reply {
    let mut client = host.connect().await;
    for piece in pieces {
        client.send(piece).await;
    }
    let reply = client.reply().await;
    assert!(reply.is_last(), "{reply:?}");
    assert_eq!(client.closed().await, "");
    reply
}

fn large_review() -> String {
    review(&format!("{:?}", "x".repeat(LARGE)))
}

fn assert_too_large(reply: &Reply) {
    let response = reply.response();
    assert_eq!((response["uid"].as_str(), response["status"]["code"].as_u64()), (Some(UID), Some(413)));
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_with_its_uid() {
    let host = host(Limits::default()).await;
    let body = large_review();
    let head = head("/mutate/test", body.len());
    assert_too_large(&write_then_read(&host, &[head.as_bytes(), body.as_bytes()]).await);
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_answered_with_its_uid() {
    let host = host(Limits::default()).await;
    let body = large_review();
    let head = "POST /mutate/test HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let mut chunks = Vec::new();
    for chunk in body.as_bytes().chunks(60_000) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    assert_too_large(&write_then_read(&host, &[head.as_bytes(), &chunks, b"0\r\n\r\n"]).await);
}

#[tokio::test]
async fn every_early_answer_reaches_a_client_that_writes_first() {
    let host = host(Limits { body_bytes: 32 << 20, bodies_bytes: 32 << 20, ..Limits::default() }).await;
    let mut reserved = host.connect().await;
    reserved.send(head("/mutate/test", 32 << 20) + "{").await;
    let known = head("/mutate/test", LARGE);
    for (head, status) in [
        (head("/mutate/other", LARGE), 404),
        (known.replace("POST", "PUT"), 405),
        (known.replace("application/json", "text/plain"), 415),
        (known.clone(), 503),
        (format!("{}X: {}\r\n\r\n", known.trim_end_matches("\r\n"), "x".repeat(20_000)), 431),
        ("\r\nno HTTP\r\n\r\n".to_owned(), 400),
    ] {
        let reply = write_then_read(&host, &[head.as_bytes(), &vec![b'x'; LARGE]]).await;
        assert_eq!(reply.status, status, "{head:.80}");
    }
}

/// Sends bytes until the server closes the connection, and returns their number.
async fn send_until_closed(client: &mut Client) -> usize {
    let (piece, mut sent) = (vec![b'x'; 64 * 1024], 0);
    while client.try_send(&piece).await.is_ok() {
        sent += piece.len();
        assert!(sent < 1 << 30, "the server reads without a limit");
    }
    sent
}

#[tokio::test]
async fn stops_reading_after_a_number_of_bytes() {
    let host = host(Limits { linger_bytes: 32 << 20, ..Limits::default() }).await;
    let mut client = host.connect().await;
    client.send(head("/mutate/other", usize::MAX / 2)).await;
    let sent = send_until_closed(&mut client).await;
    assert!(sent > 31 << 20, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn stops_waiting_for_the_rest_after_five_seconds() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    client.send(head("/mutate/other", 100)).await;
    assert_eq!(client.reply().await.status, 404);
    let start = Instant::now();
    while host.metric("ordinance_connections") != Some(0.0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_connection_that_waits_for_the_rest_makes_room_for_a_new_one() {
    let host = host(Limits { connections: 1, ..Limits::default() }).await;
    let mut client = host.connect().await;
    client.send(head("/mutate/other", 100)).await;
    assert_eq!(client.reply().await.status, 404);
    assert_eq!(client.closed().await, "");
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
}
