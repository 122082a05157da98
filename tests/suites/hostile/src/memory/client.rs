//! Connections that send as much of a request as a trial wants.

use crate::host::HostProcess;
use anyhow::{Context, Result};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// How long a read or a write may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects to a server whose CA it trusts.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// A TLS connection.
#[derive(Debug)]
pub(crate) struct Connection(StreamOwned<ClientConnection, TcpStream>);

// === impl Client ===

impl Client {
    pub(crate) fn new(host: &HostProcess) -> Self {
        Self { address: host.https(), config: Arc::clone(&host.tls) }
    }

    /// Connects, and completes the handshake.
    pub(crate) fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let connection = ClientConnection::new(Arc::clone(&self.config), ServerName::try_from("localhost")?)?;
        let mut stream = StreamOwned::new(connection, stream);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Connection(stream))
    }

    /// Sends a whole request on a new connection, and returns the status of the response.
    pub(crate) fn status(&self, path: &str, body: &str) -> Result<u16> {
        let mut connection = self.connect()?;
        connection.send_part(path, body, body.len())?;
        connection.status()
    }
}

// === impl Connection ===

impl Connection {
    /// Sends the head of a request and the first bytes of its body.
    pub(crate) fn send_part(&mut self, path: &str, body: &str, bytes: usize) -> Result<()> {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.0.write_all(head.as_bytes())?;
        self.0.write_all(body.as_bytes().get(..bytes).context("a part of the body")?)?;
        Ok(self.0.flush()?)
    }

    /// Reads the status line of the response.
    fn status(&mut self) -> Result<u16> {
        let mut head = Vec::new();
        let mut part = [0; 1024];
        while !head.contains(&b'\n') {
            match self.0.read(&mut part) {
                Ok(0) => break,
                Ok(length) => head.extend_from_slice(part.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let head = String::from_utf8_lossy(&head);
        Ok(head.split_whitespace().nth(1).context("no response")?.parse()?)
    }
}
