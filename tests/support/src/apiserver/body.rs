//! Bodies of answers: complete ones, and streams that the server writes to, ends or breaks.

use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A part of a stream.
#[derive(Debug)]
enum StreamPart {
    Text(Bytes),
    Break,
}

/// The sending end of a stream. Dropping it ends the body.
#[derive(Debug)]
pub(crate) struct StreamWriter(UnboundedSender<StreamPart>);

/// A body that is sent as its parts arrive.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    parts: UnboundedReceiver<StreamPart>,
    breaks: bool,
}

pub(crate) fn stream() -> (StreamWriter, ResponseBody) {
    let (sender, parts) = unbounded_channel();
    (StreamWriter(sender), ResponseBody { parts, breaks: false })
}

/// Returns a complete body.
pub(crate) fn whole(text: String) -> ResponseBody {
    let (writer, body) = stream();
    writer.write(text);
    body
}

/// Returns a body that breaks after a text.
pub(crate) fn broken(text: String) -> ResponseBody {
    let (writer, body) = stream();
    writer.write(text);
    writer.abort();
    body
}

// === impl StreamWriter ===

impl StreamWriter {
    /// Writes a text. Has no effect if the client is gone.
    pub(crate) fn write(&self, text: String) {
        let _ = self.0.send(StreamPart::Text(text.into()));
    }

    /// Breaks the connection after everything written so far was sent.
    pub(crate) fn abort(&self) {
        let _ = self.0.send(StreamPart::Break);
    }

    /// Whether the client still reads.
    pub(crate) fn is_read(&self) -> bool {
        !self.0.is_closed()
    }
}

// === impl ResponseBody ===

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.breaks {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        }
        match ready!(self.parts.poll_recv(context)) {
            Some(StreamPart::Text(text)) => Poll::Ready(Some(Ok(Frame::data(text)))),
            Some(StreamPart::Break) => {
                // hyper flushes written data only while the body is pending.
                self.breaks = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }
}
