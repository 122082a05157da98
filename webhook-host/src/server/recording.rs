//! The listener for `/reviews`: the kept reviews, a line of JSON for each.

use super::plain::PlainListener;
use super::reply::{self, Reply};
use crate::metrics::{ListenerLabel, Metrics};
use crate::recording::Recorder;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// The path of the kept reviews.
pub const REVIEWS_PATH: &str = "/reviews";

const JSON_LINES: HeaderValue = HeaderValue::from_static("application/jsonl");

/// The listener for kept reviews with its thread. Dropping it ends both.
#[derive(Debug)]
pub struct RecordingListener(PlainListener);

// === impl RecordingListener ===

impl RecordingListener {
    /// Starts serving on a bound listener.
    ///
    /// # Errors
    ///
    /// The system has no resources for the thread, or the listener can't be used.
    pub fn start(listener: TcpListener, recorder: Recorder, metrics: &Metrics) -> io::Result<Self> {
        let answers = move |request: &Request<_>| answer(request.uri().path(), &recorder);
        PlainListener::start(listener, ListenerLabel::Recording, metrics, answers).map(Self)
    }

    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

fn answer(path: &str, recorder: &Recorder) -> Reply {
    match path {
        REVIEWS_PATH => reply::with_body(StatusCode::OK, JSON_LINES, recorder.lines().into_bytes()),
        _ => reply::text(StatusCode::NOT_FOUND, format!("not found; the path is {REVIEWS_PATH}")),
    }
}
