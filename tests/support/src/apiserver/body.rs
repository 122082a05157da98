//! The body of an answer: whole, or a stream that others write to, which may end or break.

use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What happens next to a stream.
#[derive(Debug)]
enum Next {
    Text(Bytes),
    Break,
}

/// The end of a stream that is written to; dropping it ends the body.
#[derive(Debug)]
pub(crate) struct Writer(UnboundedSender<Next>);

/// A body.
#[derive(Debug)]
pub(crate) struct Stream {
    parts: UnboundedReceiver<Next>,
    breaks: bool,
}

pub(crate) fn stream() -> (Writer, Stream) {
    let (sender, parts) = unbounded_channel();
    (Writer(sender), Stream { parts, breaks: false })
}

/// A body that is there at once.
pub(crate) fn whole(text: String) -> Stream {
    let (writer, body) = stream();
    writer.say(text);
    body
}

/// One that breaks after this.
pub(crate) fn broken(text: String) -> Stream {
    let (writer, body) = stream();
    writer.say(text);
    writer.tear();
    body
}

// === impl Writer ===

impl Writer {
    /// Without effect if the client is gone.
    pub(crate) fn say(&self, text: String) {
        let _ = self.0.send(Next::Text(text.into()));
    }

    /// The connection breaks once the client was sent all that was said.
    pub(crate) fn tear(&self) {
        let _ = self.0.send(Next::Break);
    }

    /// Whether the client still reads.
    pub(crate) fn is_read(&self) -> bool {
        !self.0.is_closed()
    }
}

// === impl Stream ===

impl Body for Stream {
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
            Some(Next::Text(text)) => Poll::Ready(Some(Ok(Frame::data(text)))),
            Some(Next::Break) => {
                // What is written is sent only while there is nothing more to write.
                self.breaks = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }
}
