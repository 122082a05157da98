//! Clients that open connections and send no request.

use crate::good_client::{connect_from, handshake};
use crate::host::HostProcess;
use anyhow::Result;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_rustls::client::TlsStream;

/// How often a client replaces the connections that the host has closed.
const REFILL: Duration = Duration::from_secs(1);

/// The pause between two connections that replace others, so that the attack leaves a core to the host.
const STEP: Duration = Duration::from_millis(20);

/// Sockets from several addresses that send these bytes and then nothing. Dropping this closes them.
pub(crate) struct SilentSockets {
    _clients: JoinSet<()>,
}

// === impl SilentSockets ===

impl SilentSockets {
    /// Opens this number of sockets from each of the addresses from 127.0.0.2, and replaces those that the host closes.
    pub(crate) async fn open(to: SocketAddr, addresses: u8, each: usize, bytes: &[u8]) -> Self {
        let mut clients = JoinSet::new();
        for last in 2..2 + addresses {
            let sockets = refilled(Vec::new(), last, to, each, bytes, Duration::ZERO).await;
            let bytes = bytes.to_vec();
            clients.spawn(async move {
                let mut sockets = sockets;
                let mut ticks = interval(REFILL);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    sockets = refilled(sockets, last, to, each, &bytes, STEP).await;
                }
            });
        }
        Self { _clients: clients }
    }
}

/// Drops the closed sockets, and opens others instead.
async fn refilled(
    mut sockets: Vec<TcpStream>,
    last: u8,
    to: SocketAddr,
    count: usize,
    bytes: &[u8],
    pause: Duration,
) -> Vec<TcpStream> {
    sockets.retain(is_open);
    for _ in sockets.len()..count {
        // The host may refuse or close it.
        if let Ok(mut socket) = connect_from(last, to).await {
            let _ = socket.write_all(bytes).await;
            sockets.push(socket);
        }
        sleep(pause).await;
    }
    sockets
}

fn is_open(socket: &TcpStream) -> bool {
    match socket.try_read(&mut [0; 4096]) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// Returns a valid ClientHello for this host.
pub(crate) fn client_hello(host: &HostProcess) -> Result<Vec<u8>> {
    let name = ServerName::from(host.https().ip());
    let mut client = rustls::ClientConnection::new(Arc::clone(&host.tls), name)?;
    let mut hello = Vec::new();
    client.write_tls(&mut hello)?;
    Ok(hello)
}

/// Opens this number of TLS connections from each of the addresses from 127.0.0.2 that send no request.
pub(crate) async fn idle_connections(
    host: &HostProcess,
    addresses: u8,
    each: usize,
) -> Vec<TlsStream<TcpStream>> {
    let mut idle = Vec::new();
    for _ in 0..each {
        for last in 2..2 + addresses {
            let Ok(socket) = connect_from(last, host.https()).await else { continue };
            // The host may close it.
            if let Ok(stream) = handshake(host, socket).await {
                idle.push(stream);
            }
        }
    }
    idle
}
