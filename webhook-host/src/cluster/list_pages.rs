//! The pages of a list. The API server answers with the latest state, because they name no resource version.

use super::page_limit;
use kube::Client;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The most objects of a page. After a page that exceeds [`PAGE_BYTES`](super::page_limit::PAGE_BYTES), the pages have fewer.
const PAGE: u32 = 500;

/// By how much a page shrinks.
const SHRINK: u32 = 4;

/// The pages of a list, one after the other.
#[derive(Debug)]
pub(crate) struct ListPages {
    path: String,
    /// The label selector of a list of metadata only.
    labels: Option<String>,
    fields: Option<String>,
    limit: u32,
    /// The continue token of the next page; empty for the first one, `None` after the last one.
    next: Option<String>,
}

/// The part of a page that leads to the next one.
#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    // A list has them, even if it is empty: without objects, they are null in a list of metadata
    // (`asPartialObjectMetadataList` in k8s.io/apiserver). Without `deserialize_with`, they could be missing.
    #[serde(rename = "items", deserialize_with = "Option::deserialize")]
    _items: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: String,
}

// === impl ListPages ===

impl ListPages {
    /// Returns the pages of all objects at a path.
    pub(crate) fn new(path: String) -> Self {
        Self { path, labels: None, fields: None, limit: PAGE, next: Some(String::new()) }
    }

    /// Returns the pages of a list of objects with labels, of which the API server sends only the metadata.
    pub(super) fn of_metadata(path: String, labels: String) -> Self {
        Self { labels: Some(labels), ..Self::new(path) }
    }

    /// Narrows the list by a field selector.
    pub(super) fn with_fields(self, fields: Option<String>) -> Self {
        Self { fields, ..self }
    }

    /// Returns the next page as the API server sends it, or `None` after the last one.
    ///
    /// # Errors
    ///
    /// The API server does not return the page, or not as a list in JSON.
    pub(crate) async fn next(&mut self, client: &Client) -> kube::Result<Option<String>> {
        let Some(token) = self.next.clone() else { return Ok(None) };
        loop {
            match self.page(client, &token).await {
                Ok((text, next)) => {
                    self.next = Some(next).filter(|next| !next.is_empty());
                    return Ok(Some(text));
                }
                Err(error) if self.limit > 1 && page_limit::is_too_large(&error) => {
                    self.limit = (self.limit / SHRINK).max(1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn page(&self, client: &Client, token: &str) -> kube::Result<(String, String)> {
        let mut parameters = ListParams::default().limit(self.limit);
        parameters.label_selector.clone_from(&self.labels);
        parameters.field_selector.clone_from(&self.fields);
        parameters.continue_token = Some(token.to_owned()).filter(|token| !token.is_empty());
        let request = Request::new(&self.path);
        let request = match &self.labels {
            Some(_) => request.list_metadata(&parameters),
            None => request.list(&parameters),
        };
        let request = request.map_err(kube::Error::BuildRequest)?;
        let text = client.request_text(request).await?;
        let next = next_token(&text).map_err(kube::Error::SerdeError)?;
        Ok((text, next))
    }
}

/// Returns the token of the page after a page; empty after the last one. Passes over the objects: parsing them here would delay the
/// requests of this thread, and the callers parse them anyway.
fn next_token(page: &str) -> Result<String, serde_json::Error> {
    // An object that nests too deeply for the first reader is no error of the page.
    let page: Page = ordinance_json::read(page).or_else(|_| serde_json::from_str(page))?;
    Ok(page.metadata.next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_has_no_items_or_null_and_other_json_is_no_list() {
        let is_page = |items: &str| next_token(&format!(r#"{{"metadata":{{}}{items}}}"#)).is_ok();
        assert_eq!([r#","items":[]"#, r#","items":null"#, ""].map(is_page), [true, true, false]);
        assert_eq!([r#","items":[{"a":[]}"#, r#","items":{}"#, r#","items":1"#].map(is_page), [false; 3]);
    }

    #[test]
    fn an_object_may_nest_deeply() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        let page = format!(r#"{{"items":[{{"spec":{deep}}}],"metadata":{{"continue":"a"}}}}"#);
        assert_eq!(next_token(&page).expect("a page"), "a");
    }

    #[test]
    fn the_token_may_come_before_the_objects_or_after_them() {
        let metadata = r#""metadata":{"resourceVersion":"7","continue":"a\"b"}"#;
        let items = r#""items":[{"metadata":{"continue":"c"}}]"#;
        for page in [format!("{{{metadata},{items}}}"), format!("{{{items},{metadata}}}")] {
            assert_eq!(next_token(&page).expect("a page"), "a\"b");
        }
    }
}
