//! Parses the AdmissionReview of a request. Objects stay text.

use super::envelope_fields::EnvelopeFields;
use ordinance_contract::{Operation, Phase, Request, Scope};
use serde::Deserialize;
use std::borrow::Cow;

/// The only supported API version.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The kind of the request and of the answer.
pub const KIND: &str = "AdmissionReview";
/// The longest name of a request, in bytes: Kubernetes limits names to DNS subdomains. The same limit applies to the
/// namespace, the kind, and the parts of the resource.
pub const NAME_BYTES: usize = 253;
/// The longest uid of a request and of an object, in bytes. The API server's uids have 36.
pub const UID_BYTES: usize = 64;

/// An admission review, parsed from a body that it borrows.
#[derive(Debug)]
pub struct AdmissionReview<'a>(AdmissionRequest<'a>);

/// Why a body is not a valid admission review, in one line. It may quote the body, so it must not be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReview {
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    Encoding,
    /// The JSON nests too deeply.
    #[error("the body nests deeper than {limit} levels")]
    Depth {
        /// The limit.
        limit: usize,
    },
    /// The body is not JSON, or a field has the wrong type.
    #[error("the body is not an AdmissionReview: {0}")]
    Shape(String),
    /// The kind is not `AdmissionReview`.
    #[error("the body is not of kind {KIND}")]
    Kind,
    /// The API version is not [`API_VERSION`].
    #[error("the AdmissionReview is not of {API_VERSION}, the only supported version")]
    Version,
    /// There is no field `request`.
    #[error("the AdmissionReview has no request")]
    NoRequest,
    /// The request has no uid, so it can't be answered.
    #[error("the request has no uid")]
    NoUid,
    /// A field is longer than any that an API server sends.
    #[error("{field} has {bytes} bytes, more than {limit}")]
    Long {
        /// The field, e.g. `request.name`.
        field: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The request of a review.
#[derive(Debug)]
pub(super) struct AdmissionRequest<'a> {
    pub(super) uid: Cow<'a, str>,
    pub(super) kind: RequestKind<'a>,
    pub(super) resource: RequestResource<'a>,
    pub(super) sub_resource: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) namespace: Cow<'a, str>,
    pub(super) operation: Operation,
    pub(super) user_info: Option<&'a str>,
    pub(super) object: Option<&'a str>,
    pub(super) old_object: Option<&'a str>,
    pub(super) dry_run: bool,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RequestKind<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RequestResource<'a> {
    #[serde(borrow, default)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
}

// === impl AdmissionReview ===

impl<'a> AdmissionReview<'a> {
    /// Parses a body whose JSON nests at most `depth` levels, in one pass. The objects are not validated: a policy parses them.
    ///
    /// # Errors
    ///
    /// The body is not a valid review.
    pub fn parse(body: &'a [u8], depth: usize) -> Result<Self, BadReview> {
        let text = str::from_utf8(body).map_err(|_| BadReview::Encoding)?;
        let request = EnvelopeFields::read(text, depth)?.request()?;
        request.check_lengths()?;
        Ok(Self(request))
    }

    /// Returns the uid of the request, which the answer must repeat.
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    /// Returns the operation on the object.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Returns the request that a policy reviews.
    pub fn request(&self, phase: Phase) -> Request<'_> {
        let request = &self.0;
        Request {
            operation: request.operation,
            phase,
            scope: self.scope(),
            kind: borrowed(&request.kind.kind),
            dry_run: request.dry_run,
            user_info: Cow::Borrowed(request.user_info.unwrap_or_default()),
            object: request.object.map(Cow::Borrowed),
            old_object: request.old_object.map(Cow::Borrowed),
        }
    }

    /// Returns the scope of the object.
    pub fn scope(&self) -> Scope<'_> {
        let request = &self.0;
        Scope {
            group: borrowed(&request.resource.group),
            version: borrowed(&request.resource.version),
            resource: borrowed(&request.resource.resource),
            subresource: borrowed(&request.sub_resource),
            namespace: borrowed(&request.namespace),
            name: borrowed(&request.name),
        }
    }
}

// === impl AdmissionRequest ===

impl AdmissionRequest<'_> {
    /// Refuses texts that the host would copy or remember, and that no API server sends.
    fn check_lengths(&self) -> Result<(), BadReview> {
        let Self { uid, kind, resource, sub_resource, name, namespace, .. } = self;
        let texts = [
            ("request.uid", uid, UID_BYTES),
            ("request.kind.kind", &kind.kind, NAME_BYTES),
            ("request.resource.group", &resource.group, NAME_BYTES),
            ("request.resource.version", &resource.version, NAME_BYTES),
            ("request.resource.resource", &resource.resource, NAME_BYTES),
            ("request.subResource", sub_resource, NAME_BYTES),
            ("request.name", name, NAME_BYTES),
            ("request.namespace", namespace, NAME_BYTES),
        ];
        match texts.into_iter().find(|(_, text, limit)| text.len() > *limit) {
            Some((field, text, limit)) => Err(BadReview::Long { field, bytes: text.len(), limit }),
            None => Ok(()),
        }
    }
}

fn borrowed(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}
