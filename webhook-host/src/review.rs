//! An admission review: from the bytes of a request to the bytes of its answer.
//!
//! A [`AdmissionReview`] borrows the body; objects stay the text that they came as. Answering consumes it, so that no
//! answer can go out under another uid. Version `admission.k8s.io/v1` only.

mod answer;
mod prefix;

pub use answer::{Answering, OnError, ReviewAnswer};
pub(crate) use answer::{explain, refusal};

use ordinance_contract::{Operation, Phase, Request, Scope, one_line};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The version that is spoken.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// Characters of a reason for a bad request.
const REASON_CHARS: usize = 240;
/// The kind of both request and answer.
pub const KIND: &str = "AdmissionReview";

/// A request for a verdict, read from a body that it borrows.
#[derive(Debug)]
pub struct AdmissionReview<'a>(AdmissionRequest<'a>);

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
struct RequestEnvelope<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    request: Option<AdmissionRequest<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionRequest<'a> {
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: RequestKind<'a>,
    #[serde(borrow)]
    resource: RequestResource<'a>,
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
struct RequestKind<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct RequestResource<'a> {
    #[serde(borrow, default)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
}

// === impl AdmissionReview ===

impl<'a> AdmissionReview<'a> {
    /// Reads a body whose brackets nest at most that deep. One pass over the bytes for the depth, one for the rest.
    ///
    /// # Errors
    ///
    /// Why the body can't be answered by a review.
    pub fn parse(body: &'a [u8], depth: usize) -> Result<Self, BadReview> {
        let text = str::from_utf8(body).map_err(|_| BadReview::Encoding)?;
        if ordinance_json::exceeds(body, depth) {
            return Err(BadReview::Depth { limit: depth });
        }
        let envelope: RequestEnvelope<'a> = serde_json::from_str(text).map_err(|error| shape(&error))?;
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

/// The answer to a review that is larger than it may be, of which the beginning is there: a refusal, which holds whatever
/// `failurePolicy` says.
///
/// # Errors
///
/// Without a uid there can be no answer: the reason in one line.
pub fn too_large(begun: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let line = format!(
        "the review is larger than {limit} bytes; the limit is limits.bodyBytes of the webhook's configuration"
    );
    match uid_of_prefix(begun) {
        Some(uid) => Ok(refusal(&uid, 413, "RequestEntityTooLarge", &line)),
        None => Err(line),
    }
}

/// Returns the uid of a truncated review, or `None` if the part does not contain it.
pub fn uid_of_prefix(prefix: &[u8]) -> Option<String> {
    prefix::uid(prefix)
}

// === impl RequestEnvelope ===

impl<'a> RequestEnvelope<'a> {
    /// The request, if all around it is as it must be.
    fn asked(self) -> Result<AdmissionRequest<'a>, BadReview> {
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
    BadReview::Shape(one_line(&error.to_string(), REASON_CHARS).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::Verdict;
    use proptest::prelude::*;

    const REVIEW: &str = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1","kind":{"group":"apps","version":"v1","kind":"Scale"},"resource":{"group":"apps","version":"v1","resource":"statefulsets"},"subResource":"scale","name":"w\u0065b","namespace":"default","operation":"UPDATE","userInfo":{"username":"a"},"object":{"a" : [1]},"oldObject":{},"dryRun":true,"options":null}}"#;
    const BY: Answering<'_> =
        Answering { policy: "test", phase: Phase::Mutate, on_error: OnError::Deny, limit: 1_000_000 };

    #[test]
    fn a_request_is_the_reviews_own_text() {
        let review = AdmissionReview::parse(REVIEW.as_bytes(), 128).unwrap();
        assert_eq!(
            review.request(Phase::Validate),
            Request {
                operation: Operation::Update,
                phase: Phase::Validate,
                scope: Scope {
                    group: "apps".into(),
                    version: "v1".into(),
                    resource: "statefulsets".into(),
                    subresource: "scale".into(),
                    namespace: "default".into(),
                    name: "web".into(),
                },
                kind: "Scale".into(),
                dry_run: true,
                user_info: r#"{"username":"a"}"#.into(),
                object: Some(r#"{"a" : [1]}"#.into()),
                old_object: Some("{}".into()),
            }
        );
    }

    #[test]
    fn a_uid_of_any_characters_comes_back_as_it_was() {
        let body = REVIEW.replace("u-1", r#"\"},\u0000\n{"#);
        let review = AdmissionReview::parse(body.as_bytes(), 128).unwrap();
        let ReviewAnswer::Verdict { body, .. } = review.answer(&BY, Ok(Verdict::allow())) else {
            panic!("no verdict")
        };
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["response"]["uid"], "\"},\0\n{");
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(AdmissionReview::parse(&body, 128).is_err());
            prop_assert_eq!(uid_of_prefix(&body), None);
        }

        #[test]
        fn a_review_with_one_byte_changed_is_read_or_refused(at in 0..REVIEW.len(), byte: u8) {
            let mut body = REVIEW.as_bytes().to_vec();
            body[at] = byte;
            if let Ok(review) = AdmissionReview::parse(&body, 128) {
                prop_assert!(!review.uid().is_empty());
            }
        }

        #[test]
        fn a_review_cut_off_is_refused_and_its_uid_is_whole_or_unknown(end in 0..REVIEW.len()) {
            let begun = &REVIEW.as_bytes()[..end];
            prop_assert!(AdmissionReview::parse(begun, 128).is_err());
            let known = end > REVIEW.find("u-1\"").unwrap() + 3;
            prop_assert_eq!(uid_of_prefix(begun), known.then(|| "u-1".to_owned()));
        }
    }
}
