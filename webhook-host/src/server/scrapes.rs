//! The listener for `/metrics`, in the format that the client asks for.

use super::plain::PlainListener;
use super::reply::{self, Reply};
use crate::metrics::{ListenerLabel, Metrics};
use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

const PROMETHEUS: HeaderValue =
    HeaderValue::from_static(prometheus_client::encoding::prometheus_text::CONTENT_TYPE);
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The listener for metrics with its thread. Dropping it ends both.
#[derive(Debug)]
pub struct MetricsListener(PlainListener);

// === impl MetricsListener ===

impl MetricsListener {
    /// Starts serving on a bound listener.
    ///
    /// # Errors
    ///
    /// The system has no resources for the thread, or the listener can't be used.
    pub fn start(listener: TcpListener, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let shown = Arc::clone(metrics);
        let answers = move |request: &Request<_>| answer(request, &shown);
        PlainListener::start(listener, ListenerLabel::Metrics, metrics, answers).map(Self)
    }

    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

fn answer<B>(request: &Request<B>, metrics: &Metrics) -> Reply {
    if request.uri().path() != "/metrics" {
        return reply::text(StatusCode::NOT_FOUND, "not found; the path is /metrics");
    }
    let (kind, text) = if asks_for_open_metrics(request.headers()) {
        (OPEN_METRICS, metrics.open_metrics())
    } else {
        (PROMETHEUS, metrics.text())
    };
    reply::with_body(StatusCode::OK, kind, text.into_bytes())
}

/// Returns whether an `Accept` header names OpenMetrics, other than with the weight 0.
fn asks_for_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(is_open_metrics)
}

fn is_open_metrics(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let is_named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"));
    let weight = parts.find_map(|parameter| parameter.strip_prefix("q=")?.parse::<f32>().ok());
    is_named && weight.is_none_or(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(accept: &str) -> bool {
        let accept = HeaderValue::from_str(accept).expect("a header");
        asks_for_open_metrics(&HeaderMap::from_iter([(ACCEPT, accept)]))
    }

    #[test]
    fn only_an_accept_header_that_names_open_metrics_asks_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert!(asks(prometheus) && asks("Application/OpenMetrics-Text"));
        for accept in ["*/*", "text/plain", "text/*;q=1, */*", "application/openmetrics-text;q=0", ""] {
            assert!(!asks(accept), "{accept}");
        }
        assert!(!asks_for_open_metrics(&HeaderMap::new()));
    }
}
