//! A TCP proxy in the place of a kube-proxy: it forwards connections to a Service's address to one of the endpoints.

use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A listener in front of endpoints. It chooses them in turn for each connection. Dropping it closes the connections
/// too.
#[derive(Debug)]
pub struct ServiceProxy {
    address: SocketAddr,
    endpoints: Arc<RwLock<Vec<SocketAddr>>>,
    task: JoinHandle<()>,
}

// === impl ServiceProxy ===

impl ServiceProxy {
    /// Listens on an address without endpoints: connections are closed at once.
    ///
    /// # Errors
    ///
    /// Returns an error if it can't listen there.
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("can't listen on {address}; below port 1024 that needs root, or net.ipv4.ip_unprivileged_port_start=0")
        })?;
        let (address, endpoints) = (listener.local_addr()?, Arc::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&endpoints)));
        Ok(Self { address, endpoints, task })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the endpoints for new connections. Existing connections stay.
    pub fn set_endpoints(&self, endpoints: Vec<SocketAddr>) {
        *self.endpoints.write().unwrap_or_else(PoisonError::into_inner) = endpoints;
    }
}

impl Drop for ServiceProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, endpoints: Arc<RwLock<Vec<SocketAddr>>>) {
    let mut connections = JoinSet::new();
    for turn in 0.. {
        let Ok((client, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        if let Some(endpoint) = choose(&endpoints, turn) {
            connections.spawn(join(client, endpoint));
        }
    }
}

fn choose(endpoints: &RwLock<Vec<SocketAddr>>, turn: usize) -> Option<SocketAddr> {
    let endpoints = endpoints.read().unwrap_or_else(PoisonError::into_inner);
    endpoints.get(turn.checked_rem(endpoints.len())?).copied()
}

async fn join(mut client: TcpStream, endpoint: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(endpoint).await {
        // A kube-proxy forwards packets as they come. With Nagle's algorithm a small one waits up to 40 ms for the
        // acknowledgement of the one before.
        let _ = client.set_nodelay(true).and(server.set_nodelay(true));
        // Either side may reset the connection. Closing the other side passes that on.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Starts a server that sends one word to each connection, and returns its address.
    async fn serve_word(word: &'static str) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(word.as_bytes()).await;
            }
        });
        Ok(address)
    }

    async fn read_word(address: SocketAddr) -> Result<String> {
        let mut word = String::new();
        TcpStream::connect(address).await?.read_to_string(&mut word).await?;
        Ok(word)
    }

    #[tokio::test]
    async fn connections_go_to_the_endpoints_in_turn() -> Result<()> {
        let service_proxy = ServiceProxy::bind("127.0.0.1:0".parse()?).await?;
        service_proxy.set_endpoints(vec![serve_word("one").await?, serve_word("two").await?]);
        let mut words =
            [read_word(service_proxy.address()).await?, read_word(service_proxy.address()).await?];
        words.sort();
        assert_eq!(words, ["one", "two"]);
        Ok(())
    }

    #[tokio::test]
    async fn without_an_endpoint_a_connection_is_closed() -> Result<()> {
        let service_proxy = ServiceProxy::bind("127.0.0.1:0".parse()?).await?;
        assert_eq!(read_word(service_proxy.address()).await?, "");
        Ok(())
    }
}
