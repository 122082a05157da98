//! The accept loop, and the stages of the stop.

use super::slots::Slots;
use super::{Readiness, Shared, Stop, connection};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The connections that have been accepted; dropping them ends them.
struct Connections {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    tasks: JoinSet<()>,
    stop: Stop,
}

/// Accepts and serves until the server has stopped.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>, readiness: Readiness, stop: Stop) {
    let mut at_once = stop.clone();
    tokio::select! {
        biased;
        () = at_once.at_once() => {}
        () = in_order(listener, shared, readiness, stop) => {}
    }
}

async fn in_order(listener: TcpListener, shared: Arc<Shared>, readiness: Readiness, mut stop: Stop) {
    let (delay, rest) = (shared.limits.drain_delay, shared.limits.drain_time);
    let mut connections = Connections::new(shared, stop.clone());
    let drained = async {
        stop.ordered().await;
        readiness.stopping();
        tracing::info!(?delay, "stopping: unready, and still accepting");
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
    fn new(shared: Arc<Shared>, stop: Stop) -> Self {
        let slots = Slots::new(&shared.limits, shared.metrics.connections.open.clone());
        Self { shared, slots, tasks: JoinSet::new(), stop }
    }

    /// Accepts for ever.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => self.serve(socket, peer),
                Err(error) if concerns_one(&error) => {}
                Err(error) => {
                    self.shared.metrics.connections.accepts_failed.inc();
                    tracing::warn!(%error, "can't accept for now");
                    sleep(self.shared.limits.accept_pause).await;
                }
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Accepts what the system already has, and closes the listener.
    fn accept_last(&mut self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((socket, peer)) = listener.accept() {
            if let Ok(socket) = to_tokio(socket) {
                self.serve(socket, peer);
            }
        }
    }

    /// Serves a connection in a task of its own, or closes it as one too many.
    fn serve(&mut self, socket: TcpStream, peer: SocketAddr) {
        let Some(slot) = self.slots.take(peer.ip()) else {
            self.shared.metrics.connections.refused.inc();
            return;
        };
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        self.tasks.spawn(async move {
            connection::serve(socket, shared, stop).await;
            drop(slot);
        });
    }

    /// Closes what is idle and waits that long for the rest.
    async fn finish(mut self, time: std::time::Duration) {
        self.stop.finish();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(time, all).await.is_err() {
            tracing::warn!(open = self.tasks.len(), "stopped with connections open");
        }
    }
}

fn to_tokio(socket: std::net::TcpStream) -> io::Result<TcpStream> {
    socket.set_nonblocking(true)?;
    TcpStream::from_std(socket)
}

/// Whether an accept failed for the sake of the connection that it would have accepted.
fn concerns_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
