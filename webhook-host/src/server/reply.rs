//! Builds the HTTP responses of the server.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

/// A response with its whole body.
pub(super) type Reply = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Returns a response with an AdmissionReview.
pub(super) fn review(body: impl Into<Bytes>) -> Reply {
    with_body(StatusCode::OK, JSON, body)
}

/// Returns a response with one line of text.
pub(super) fn text(status: StatusCode, line: impl Into<String>) -> Reply {
    let mut line = line.into();
    line.push('\n');
    with_body(status, TEXT, line.into_bytes())
}

/// Returns a response that allows only this method.
pub(super) fn method_not_allowed(method: &'static str) -> Reply {
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, format!("method not allowed; use {method}"));
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    reply
}

/// Returns a 503 with `Retry-After`, without which the API server does not retry. Closes the connection.
pub(super) fn busy(line: &str) -> Reply {
    let mut reply = closing(text(StatusCode::SERVICE_UNAVAILABLE, line));
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

/// Returns the response with the header that closes its connection.
pub(super) fn closing(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, CLOSE);
    reply
}

/// Returns whether the response closes its connection.
pub(super) fn is_closing(reply: &Reply) -> bool {
    reply.headers().get(CONNECTION) == Some(&CLOSE)
}

/// Returns a response with a body of this content type.
pub(super) fn with_body(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}
