//! The HTTP responses of the server.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

/// A whole response.
pub(super) type Reply = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// An AdmissionReview.
pub(super) fn review(body: Vec<u8>) -> Reply {
    whole(StatusCode::OK, JSON, body)
}

/// One line of text.
pub(super) fn text(status: StatusCode, line: impl Into<String>) -> Reply {
    let mut line = line.into();
    line.push('\n');
    whole(status, TEXT, line.into_bytes())
}

/// No other method than this.
pub(super) fn only(method: &'static str) -> Reply {
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {method} is answered here"));
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    reply
}

/// Not now. The API server asks again only if it is told when.
pub(super) fn busy(line: &str) -> Reply {
    let mut reply = closing(text(StatusCode::SERVICE_UNAVAILABLE, line));
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

/// The same, and the connection ends after it.
pub(super) fn closing(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, CLOSE);
    reply
}

/// Any body.
pub(super) fn whole(status: StatusCode, kind: HeaderValue, body: Vec<u8>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}
