//! A TCP socket that a connection's task shares with the slots of its listener, which may close it.

use socket2::SockRef;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The size of the buffer for discarded bytes.
const DISCARDED: usize = 16 * 1024;

/// A TCP socket. Clones share it; it closes with the last one.
#[derive(Clone, Debug)]
pub(super) struct SharedSocket(Arc<TcpStream>);

// === impl SharedSocket ===

impl SharedSocket {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self(Arc::new(socket))
    }

    /// Sends each packet at once. Otherwise the last packet of a response waits for the client's acknowledgement.
    ///
    /// # Errors
    ///
    /// The socket is closed.
    pub(super) fn send_at_once(&self) -> io::Result<()> {
        self.0.set_nodelay(true)
    }

    /// Returns whether bytes have arrived that the connection's task has not read. This asks the kernel, because the
    /// runtime may not know of them yet.
    pub(super) fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        SockRef::from(&*self.0).peek(&mut byte).is_ok_and(|count| count > 0)
    }

    /// Closes both directions, so that the connection's task reads the end.
    pub(super) fn close(&self) {
        // This fails only if the client has closed the connection.
        let _ = self.shut_down(Shutdown::Both);
    }

    /// Closes the sending direction, and drops what arrives until the client closes the connection, too. A socket that is
    /// closed with unread bytes resets the connection, and the client may lose a response that it has not read.
    pub(super) async fn linger(&self, bytes: usize, time: Duration) {
        let _ = self.shut_down(Shutdown::Write);
        // At the limits the connection is reset all the same.
        let _ = timeout(time, self.discard(bytes)).await;
    }

    fn shut_down(&self, directions: Shutdown) -> io::Result<()> {
        SockRef::from(&*self.0).shutdown(directions)
    }

    /// Reads and drops at most about this number of bytes, up to the end or an error.
    async fn discard(&self, bytes: usize) {
        let mut buffer = vec![0; DISCARDED];
        let mut left = bytes;
        while left > 0 {
            let read = poll_fn(|cx| self.poll_read_once(cx, &mut ReadBuf::new(&mut buffer))).await;
            let Ok(count @ 1..) = read else { return };
            left = left.saturating_sub(count);
        }
    }

    fn poll_read_once(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncRead for SharedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_once(cx, buffer).map_ok(drop)
    }
}

impl AsyncWrite for SharedSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_down(Shutdown::Write))
    }
}
