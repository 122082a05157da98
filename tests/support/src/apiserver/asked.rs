//! What a client asks for, as far as lists and watches go.

use hyper::header::ACCEPT;
use hyper::{HeaderMap, Uri};

/// The content type by which a client asks for metadata alone.
const METADATA: &str = "as=PartialObjectMetadata";

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// A page of what there is.
    List,
    /// What happens from a version on.
    Watch,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The plural.
    pub resource: String,
    /// What is done with it.
    pub verb: Verb,
    /// From which version on; none for the newest.
    pub version: Option<u64>,
    /// How many objects at most.
    pub limit: Option<usize>,
    /// After which page.
    pub token: Option<String>,
    /// Whether metadata is all that is asked for.
    pub metadata_only: bool,
}

// === impl Asked ===

impl Asked {
    pub(crate) fn new(uri: &Uri, fields: &HeaderMap) -> Self {
        let parameter = |name: &str| {
            let pairs = uri.query().unwrap_or_default().split('&');
            pairs
                .filter_map(|pair| pair.split_once('='))
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let is_watch = parameter("watch").is_some_and(|value| matches!(value, "true" | "1"));
        Self {
            resource: uri.path().rsplit('/').next().unwrap_or_default().to_owned(),
            verb: if is_watch { Verb::Watch } else { Verb::List },
            version: parameter("resourceVersion").and_then(|version| version.parse().ok()),
            limit: parameter("limit").and_then(|limit| limit.parse().ok()),
            token: parameter("continue").map(str::to_owned),
            metadata_only: accepts(fields).is_some_and(|accepted| accepted.contains(METADATA)),
        }
    }
}

fn accepts(fields: &HeaderMap) -> Option<&str> {
    fields.get(ACCEPT)?.to_str().ok()
}
