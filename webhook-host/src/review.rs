//! An admission review: from the bytes of a request to the bytes of its answer.
//!
//! A [`Review`] borrows the body; objects stay the text that they came as. Answering consumes it, so that no
//! answer can go out under another uid. Version `admission.k8s.io/v1` only.

mod answer;
mod depth;
mod prefix;
mod text;

pub(crate) use answer::refusal;
pub use answer::{Answer, Answering, OnError};

use ordinance_contract::{Operation, Phase, Request, Scope};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The version that is spoken.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The kind of both request and answer.
pub const KIND: &str = "AdmissionReview";

/// A request for a verdict, read from a body that it borrows.
#[derive(Debug)]
pub struct Review<'a>(Asked<'a>);

/// Why a body is no review that can be answered; one line for the caller, never for a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReview {
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    Encoding,
    /// Brackets nest too deep.
    #[error("the body nests deeper than {limit} levels")]
    Depth {
        /// The limit.
        limit: usize,
    },
    /// Not JSON, or not of a review's shape.
    #[error("the body is not an AdmissionReview: {0}")]
    Shape(String),
    /// Another kind of document.
    #[error("the body is not of kind {KIND}")]
    Kind,
    /// Another version.
    #[error("the AdmissionReview is not of {API_VERSION}, which is all that is spoken here")]
    Version,
    /// An answer, or nothing.
    #[error("the AdmissionReview has no request")]
    NoRequest,
    /// Nothing to answer to.
    #[error("the request has no uid")]
    NoUid,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    request: Option<Asked<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Kind<'a>,
    #[serde(borrow)]
    resource: Resource<'a>,
    #[serde(borrow, default)]
    sub_resource: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    operation: Operation,
    #[serde(borrow, default)]
    user_info: Option<&'a RawValue>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
    #[serde(default)]
    dry_run: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
}

// === impl Review ===

impl<'a> Review<'a> {
    /// Reads a body whose brackets nest at most that deep. One pass over the bytes for the depth, one for the rest.
    ///
    /// # Errors
    ///
    /// Why the body can't be answered by a review.
    pub fn parse(body: &'a [u8], depth: usize) -> Result<Self, BadReview> {
        let text = str::from_utf8(body).map_err(|_| BadReview::Encoding)?;
        if depth::exceeds(body, depth) {
            return Err(BadReview::Depth { limit: depth });
        }
        let envelope: Envelope<'a> = serde_json::from_str(text).map_err(|error| shape(&error))?;
        envelope.asked().map(Self)
    }

    /// Which request this is, in the API server's words.
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    /// What happens to the object.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// What a policy is asked.
    pub fn request(&self, phase: Phase) -> Request<'_> {
        let asked = &self.0;
        Request {
            operation: asked.operation,
            phase,
            scope: self.scope(),
            kind: borrowed(&asked.kind.kind),
            dry_run: asked.dry_run.unwrap_or_default(),
            user_info: Cow::Borrowed(asked.user_info.map_or("", RawValue::get)),
            object: asked.object.map(|raw| Cow::Borrowed(raw.get())),
            old_object: asked.old_object.map(|raw| Cow::Borrowed(raw.get())),
        }
    }

    /// Which object it is about.
    pub fn scope(&self) -> Scope<'_> {
        let asked = &self.0;
        Scope {
            group: borrowed(&asked.resource.group),
            version: borrowed(&asked.resource.version),
            resource: borrowed(&asked.resource.resource),
            subresource: borrowed(&asked.sub_resource),
            namespace: borrowed(&asked.namespace),
            name: borrowed(&asked.name),
        }
    }
}

/// The uid of a review of which only the beginning is there; none if it does not stand in it.
pub fn uid_of_prefix(prefix: &[u8]) -> Option<String> {
    prefix::uid(prefix)
}

// === impl Envelope ===

impl<'a> Envelope<'a> {
    /// The request, if all around it is as it must be.
    fn asked(self) -> Result<Asked<'a>, BadReview> {
        if self.kind != KIND {
            return Err(BadReview::Kind);
        }
        if self.api_version != API_VERSION {
            return Err(BadReview::Version);
        }
        let asked = self.request.ok_or(BadReview::NoRequest)?;
        if asked.uid.is_empty() { Err(BadReview::NoUid) } else { Ok(asked) }
    }
}

fn borrowed(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn shape(error: &serde_json::Error) -> BadReview {
    BadReview::Shape(text::one_line(&error.to_string(), text::REASON_CHARS).into_owned())
}
