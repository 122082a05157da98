//! Records when the API server last responded on a watch. Every part of a successful response counts.
//!
//! The watcher of `kube` reports neither bookmarks nor reconnections, and on a quiet watch nothing else shows that the
//! connection is alive. So the client records them, below the watcher.

use super::watch_set::WatchState;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::Response;
use hyper::body::{Body, Frame};
use std::sync::Arc;

/// Returns a function that records the head and each frame of a successful response, and passes the response on.
pub(super) fn recording<B>(
    state: Arc<WatchState>,
) -> impl Fn(Response<B>) -> Response<UnsyncBoxBody<Bytes, B::Error>> + Clone
where
    B: Body<Data = Bytes> + Send + 'static,
{
    move |response| {
        let state = response.status().is_success().then(|| Arc::clone(&state));
        record(state.as_deref());
        response.map(|body| {
            let each = move |frame: Frame<Bytes>| {
                record(state.as_deref());
                frame
            };
            body.map_frame(each).boxed_unsync()
        })
    }
}

fn record(state: Option<&WatchState>) {
    if let Some(state) = state {
        state.responded();
    }
}
