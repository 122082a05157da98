//! The accept loop, and the phases of a shutdown.

use super::connection::{OpenConnection, SharedState};
use super::readiness::Readiness;
use super::slots::{Slot, SlotLimits, Slots};
use super::socket::SharedSocket;
use super::stop::Stop;
use super::stream::Activity;
use crate::metrics::ListenerLabel;
use std::io;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The open connections. Dropping this closes them.
struct Connections {
    shared: Arc<SharedState>,
    slots: Arc<Slots>,
    tasks: JoinSet<()>,
    stop: Stop,
}

/// Accepts and serves connections until the server has stopped.
pub(super) async fn run(listener: TcpListener, shared: Arc<SharedState>, readiness: Readiness, stop: Stop) {
    let mut immediate = stop.clone();
    tokio::select! {
        biased;
        () = immediate.immediate() => {}
        () = run_gracefully(listener, shared, readiness, stop) => {}
    }
}

async fn run_gracefully(
    listener: TcpListener,
    shared: Arc<SharedState>,
    readiness: Readiness,
    mut stop: Stop,
) {
    let (delay, rest) = (shared.limits.drain_delay, shared.limits.drain_time);
    let mut connections = Connections::new(shared, stop.clone());
    let drained = async {
        stop.requested().await;
        readiness.stopping();
        tracing::info!(?delay, "stopping: not ready, but still accepting connections");
        sleep(delay).await;
    };
    tokio::select! {
        () = drained => {}
        () = connections.accept(&listener) => {}
    }
    connections.accept_last(listener);
    connections.finish(rest).await;
}

// === impl Connections ===

impl Connections {
    fn new(shared: Arc<SharedState>, stop: Stop) -> Self {
        let metrics = shared.metrics.connections.of_listener(ListenerLabel::Https);
        let slots = Slots::new(SlotLimits::of_server(&shared.limits), metrics);
        Self { shared, slots, tasks: JoinSet::new(), stop }
    }

    /// Accepts connections forever.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    let (socket, activity) = (SharedSocket::new(socket), Activity::default());
                    let slot = self.slots.take_soon(peer.ip(), &socket, &activity).await;
                    self.serve(socket, activity, slot);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.shared.metrics.connections.accepts_failed.inc();
                    tracing::warn!(%error, "can't accept connections; trying again");
                    sleep(self.shared.limits.accept_pause).await;
                }
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Accepts the connections that the kernel has queued, and closes the listener.
    fn accept_last(&mut self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((socket, peer)) = listener.accept() {
            if let Ok(socket) = to_tokio(socket) {
                let (socket, activity) = (SharedSocket::new(socket), Activity::default());
                let slot = self.slots.take(peer.ip(), &socket, &activity);
                self.serve(socket, activity, slot);
            }
        }
    }

    /// Serves a connection in a task of its own, or closes it if it has no slot.
    fn serve(&mut self, socket: SharedSocket, activity: Activity, slot: Option<Slot>) {
        let Some(slot) = slot else {
            self.shared.metrics.connections.refused.inc();
            return;
        };
        let connection = OpenConnection::new(socket, activity, slot);
        self.tasks.spawn(connection.serve(Arc::clone(&self.shared), self.stop.clone()));
    }

    /// Closes idle connections and waits at most this long for the others.
    async fn finish(mut self, time: std::time::Duration) {
        self.stop.finish();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(time, all).await.is_err() {
            tracing::warn!(open = self.tasks.len(), "stopped with open connections");
        }
    }
}

fn to_tokio(socket: std::net::TcpStream) -> io::Result<TcpStream> {
    socket.set_nonblocking(true)?;
    TcpStream::from_std(socket)
}

/// Returns whether a failed accept concerns only the connection that it would have returned.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
