//! Clients that open connections and send no request.

use crate::harness::{Client, Host, allow, closed, head, is_closed, request, review, socket_from};
use ordinance::limits::Limits;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

const A: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const B: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const C: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

async fn host(limits: Limits) -> Host {
    Host::start(limits, allow()).await
}

/// Returns a connection from this address that has carried a review.
async fn used(host: &Host, from: Ipv4Addr) -> Client {
    let mut client = host.connect_from(from).await;
    is_served(&mut client).await;
    client
}

async fn is_served(client: &mut Client) {
    assert_eq!(client.post("/mutate/test", &review("{}")).await.status, 200);
}

fn closed_at(host: &Host, limit: &str) -> Option<f64> {
    host.metric(&format!(r#"ordinance_connections_closed_total{{listener="Https",reason="{limit}"}}"#))
}

#[tokio::test]
async fn the_oldest_connection_without_a_request_makes_room_for_a_new_one() {
    let host = host(Limits { connections: 3, ..Limits::default() }).await;
    let mut used = used(&host, A).await;
    let (mut first, mut second) = (host.connect_from(A).await, host.connect_from(A).await);
    let mut new = host.connect_from(B).await;
    assert_eq!(first.closed().await, "");
    for client in [&mut used, &mut second, &mut new] {
        is_served(client).await;
    }
    assert_eq!(closed_at(&host, "Connections"), Some(1.0));
    assert_eq!(host.metric("ordinance_connections"), Some(3.0));
    assert_eq!(host.metric("ordinance_handshakes_failed_total"), Some(0.0));
}

#[tokio::test]
async fn the_oldest_connection_without_a_request_makes_room_within_its_address() {
    let host = host(Limits { connections_per_address: 2, ..Limits::default() }).await;
    let (mut used, mut other) = (used(&host, A).await, host.connect_from(B).await);
    let mut silent = host.connect_from(A).await;
    let mut new = host.connect_from(A).await;
    assert_eq!(silent.closed().await, "");
    for client in [&mut used, &mut other, &mut new] {
        is_served(client).await;
    }
    assert_eq!(closed_at(&host, "ConnectionsPerAddress"), Some(1.0));
}

#[tokio::test]
async fn the_api_server_gets_in_beside_idle_tls_connections_from_three_addresses() {
    let host = host(Limits { connections: 60, connections_per_address: 25, ..Limits::default() }).await;
    let mut idle = Vec::new();
    for _ in 0..25 {
        for from in [A, B, C] {
            idle.push(host.connect_from(from).await);
        }
    }
    assert_eq!(host.post("/mutate/test", &review("{}")).await.status, 200);
    assert_eq!(host.metric("ordinance_connections_refused_total"), Some(0.0));
}

#[tokio::test]
async fn refused_requests_do_not_make_a_connection_one_that_is_kept() {
    let host = host(Limits { connections: 2, connections_per_address: 1, ..Limits::default() }).await;
    let mut legitimate = used(&host, A).await;
    for request in [
        head("/mutate/other", 0),
        head("/mutate/test", 2) + "{}",
        "GET /mutate/test HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
    ] {
        let mut stranger = host.connect_from(B).await;
        stranger.send(request).await;
        let reply = stranger.reply().await;
        assert!(reply.status >= 400 && reply.is_last(), "{reply:?}");
        stranger.closed().await;
    }
    is_served(&mut legitimate).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_request_in_progress_is_not_closed_for_a_new_connection() {
    let host = host(Limits { connections: 1, ..Limits::default() }).await;
    let request = request("{}");
    let in_head = request.find("\r\n\r\n").unwrap() - 10;
    let in_body = request.len() - 10;
    for sent in [in_head, in_body] {
        let mut client = host.connect_from(A).await;
        client.send(&request[..sent]).await;
        // Lets the server read.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let refused = socket_from(B, host.address).await;
        closed(&refused).await;
        client.send(&request[sent..]).await;
        assert_eq!(client.reply().await.status, 200);
        client.half_close().await;
        client.closed().await;
        while host.metric("ordinance_connections") != Some(0.0) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(host.metric("ordinance_connections_refused_total"), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn a_first_head_that_stays_incomplete_does_not_keep_its_connection() {
    let host = host(Limits { connections: 1, ..Limits::default() }).await;
    let mut slow = host.connect_from(A).await;
    slow.send("P").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    is_served(&mut host.connect_from(B).await).await;
    assert_eq!(slow.closed().await, "");
}

#[tokio::test(start_paused = true)]
async fn closes_a_connection_without_a_first_request_after_ten_seconds() {
    let host = host(Limits::default()).await;
    let mut client = host.connect().await;
    let start = Instant::now();
    assert_eq!(client.closed().await, "");
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(closed_at(&host, "FirstRequestTime"), Some(1.0));
}

#[tokio::test]
async fn the_oldest_waiting_connection_of_an_address_is_closed_first() {
    let host = host(Limits { waiting_per_address: 2, ..Limits::default() }).await;
    let mut idle = host.connect_from(A).await;
    let elsewhere = socket_from(B, host.address).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(socket_from(A, host.address).await);
    }
    closed(&waiting[0]).await;
    assert!(![&waiting[1], &waiting[2], &elsewhere].into_iter().any(is_closed));
    is_served(&mut idle).await;
    assert_eq!(closed_at(&host, "WaitingPerAddress"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn silent_connections_hold_no_turn_of_a_handshake() {
    let host = host(Limits { handshakes: 1, ..Limits::default() }).await;
    let start = Instant::now();
    let mut waiting = Vec::new();
    for _ in 0..70 {
        waiting.push(TcpStream::connect(host.address).await.unwrap());
    }
    is_served(&mut host.connect().await).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// Returns the bytes of a valid ClientHello.
fn client_hello() -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(config.into(), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test(start_paused = true)]
async fn clients_that_do_not_finish_their_handshake_hold_no_turn() {
    let host = host(Limits { handshakes: 1, ..Limits::default() }).await;
    let (hello, start) = (client_hello(), Instant::now());
    let mut unfinished = Vec::new();
    for sent in [hello.len(), hello.len() - 1, 3] {
        let mut socket = TcpStream::connect(host.address).await.unwrap();
        socket.write_all(&hello[..sent]).await.unwrap();
        unfinished.push(socket);
    }
    // The server has computed its part of the first handshake.
    assert_ne!(unfinished[0].read(&mut [0; 64]).await.unwrap(), 0);
    is_served(&mut host.connect().await).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
