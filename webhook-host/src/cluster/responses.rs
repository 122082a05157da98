//! When the API server was last heard of on a watch: each part of a good response counts, bookmarks too.
//!
//! The watcher keeps bookmarks and reconnections to itself, and they are what says that a quiet watch is alive. So it is
//! seen below it, at the client.

use super::freshness::Watched;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::Response;
use hyper::body::{Body, Frame};
use std::sync::Arc;

/// Tells a watch of what comes, and passes it on.
pub(super) fn listening<B>(
    watched: Arc<Watched>,
) -> impl Fn(Response<B>) -> Response<UnsyncBoxBody<Bytes, B::Error>> + Clone
where
    B: Body<Data = Bytes> + Send + 'static,
{
    move |response| {
        let watched = response.status().is_success().then(|| Arc::clone(&watched));
        hear(watched.as_deref());
        response.map(|body| {
            let each = move |frame: Frame<Bytes>| {
                hear(watched.as_deref());
                frame
            };
            body.map_frame(each).boxed_unsync()
        })
    }
}

fn hear(watched: Option<&Watched>) {
    if let Some(watched) = watched {
        watched.heard();
    }
}
