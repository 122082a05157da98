//! Reads single objects from the API server, as it stores them now.

use super::page_limit::PageLimitLayer;
use crate::admission::StoredObjects;
use futures_util::future::BoxFuture;
use hyper::Request;
use kube::Client;
use kube::client::ClientBuilder;
use ordinance_contract::Scope;
use tokio::sync::Semaphore;

/// Requests at the same time. Further ones wait, within the time of their caller.
const CONCURRENT: usize = 2;

/// The API server, on a connection of its own.
pub(super) struct ApiServerObjects {
    client: Client,
    permits: Semaphore,
}

// === impl ApiServerObjects ===

impl ApiServerObjects {
    /// # Errors
    ///
    /// No client can be made from the configuration.
    pub(super) fn new(config: kube::Config) -> kube::Result<Self> {
        let client = ClientBuilder::try_from(config)?.with_layer(&PageLimitLayer).build();
        Ok(Self { client, permits: Semaphore::new(CONCURRENT) })
    }

    async fn read(&self, object: &Scope<'_>) -> Result<Option<String>, String> {
        let _permit = self.permits.acquire().await.map_err(|error| error.to_string())?;
        let Some(url) = url(object) else { return Ok(None) };
        let request = Request::get(url).body(Vec::new()).map_err(|error| error.to_string())?;
        match self.client.request_text(request).await {
            Ok(json) => Ok(Some(json)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl StoredObjects for ApiServerObjects {
    fn get<'a>(&'a self, object: &'a Scope<'_>) -> BoxFuture<'a, Result<Option<String>, String>> {
        Box::pin(self.read(object))
    }
}

impl std::fmt::Debug for ApiServerObjects {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ApiServerObjects").finish_non_exhaustive()
    }
}

/// Returns the URL of an object, or `None` for names that no stored object has: they come from a review, which any client
/// may have sent. Without a resource version, the API server answers with what it stores now.
fn url(object: &Scope<'_>) -> Option<String> {
    let Scope { group, version, resource, namespace, name, .. } = object;
    let (required, optional) = ([version, resource, name], [group, namespace]);
    let is_named = required.iter().all(|part| is_segment(part));
    if !is_named || !optional.iter().all(|part| part.is_empty() || is_segment(part)) {
        return None;
    }
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let namespaces = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    Some(format!("{root}{namespaces}/{resource}/{name}"))
}

/// Returns whether a text is a segment of a URL's path as it is.
fn is_segment(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    !["", ".", ".."].contains(&text) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_an_object_by_its_url() {
        let volume = Scope {
            version: "v1".into(),
            resource: "persistentvolumes".into(),
            name: "pv".into(),
            ..Scope::default()
        };
        assert_eq!(url(&volume).as_deref(), Some("/api/v1/persistentvolumes/pv"));
        let set = Scope { group: "apps".into(), namespace: "shop".into(), ..volume };
        assert_eq!(url(&set).as_deref(), Some("/apis/apps/v1/namespaces/shop/persistentvolumes/pv"));
        for name in ["", ".", "..", "../../secrets/ca", "pv?watch=true", "pv#a", "%2e%2e", "p v", "ä"] {
            assert_eq!(url(&Scope { name: name.into(), ..set.clone() }), None, "{name}");
            assert_eq!(url(&Scope { namespace: format!("a/{name}").into(), ..set.clone() }), None, "{name}");
        }
    }
}
