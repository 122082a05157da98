//! Limits the size of a list's page: the tenants of a cluster determine how large its objects are.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::{Request, Response};
use std::error::Error;
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// The size of a page, as the API server sends it. An object has at most 3 MiB.
pub const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// The body of a response.
pub(super) type LimitedBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Limits the pages that a client reads. A watch has no limit, because it goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageLimitLayer;

/// A client with limited pages.
#[derive(Clone, Debug)]
pub(super) struct PageLimit<S>(S);

/// Returns whether a page exceeded its limit.
pub(super) fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_large)
}

impl<S> Layer<S> for PageLimitLayer {
    type Service = PageLimit<S>;

    fn layer(&self, inner: S) -> PageLimit<S> {
        PageLimit(inner)
    }
}

impl<S, R, B> Service<Request<R>> for PageLimit<S>
where
    S: Service<Request<R>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<LimitedBody>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default();
        let is_watch = query.split('&').any(|pair| ["watch=true", "watch=1"].contains(&pair));
        let response = self.0.call(request);
        Box::pin(async move {
            let response = response.await?;
            Ok(response.map(|body| match is_watch {
                true => body.map_err(Into::into).boxed_unsync(),
                false => Limited::new(body, PAGE_BYTES).boxed_unsync(),
            }))
        })
    }
}
