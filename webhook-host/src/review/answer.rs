//! Builds the answer to a review in one buffer.

use super::envelope::{API_VERSION, AdmissionReview, KIND};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use ordinance_contract::{
    ANNOTATION_KEY_BYTES, Annotation, Finding, MESSAGE_CHARS, Phase, Verdict, WARNING_CHARS, one_line,
};
use ordinance_engine::Failure;
use ordinance_report::{Cause, VerdictText};
use schemars::JsonSchema;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The key of the audit annotation that lists the severity and the rule of every finding.
const FINDINGS: &str = "findings";
/// Initial capacity of an answer in bytes, without its patch: enough for a few warnings.
const BODY: usize = 1024;

/// The end of a body: that of the response and that of the envelope.
const END: &[u8] = b"}}";
/// What stands between the rest of a response and its patch.
const PATCH: &[u8] = br#","patchType":"JSONPatch","patch":""#;

/// The context of an answer: the policy, the phase and the settings of the route.
#[derive(Clone, Copy, Debug)]
pub struct Answering<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// The webhook that sent the review.
    pub phase: Phase,
    /// The answer if the policy gives no verdict.
    pub on_error: OnError,
    /// The largest answer, in bytes.
    pub limit: usize,
}

/// The answer if a policy gives no verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Refuse the request, with code 500.
    #[default]
    Deny,
    /// Answer with an HTTP error, so that the webhook's `failurePolicy` decides.
    Defer,
}

/// The answer to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewAnswer {
    /// An AdmissionReview with a verdict.
    Verdict {
        /// Whether the request is allowed.
        allowed: bool,
        /// Whether the answer has a patch.
        patched: bool,
        /// The AdmissionReview.
        body: Vec<u8>,
    },
    /// An AdmissionReview that refuses the request, because the policy failed.
    Failed {
        /// Why there is no verdict.
        failure: Failure,
        /// The AdmissionReview.
        body: Vec<u8>,
    },
    /// An HTTP error: the policy failed, and `failurePolicy` decides.
    Deferred {
        /// Why there is no verdict.
        failure: Failure,
        /// The failure in one line.
        message: String,
    },
    /// HTTP 503: a later retry may succeed.
    Unavailable {
        /// One line.
        message: String,
    },
}

/// The AdmissionReview of the answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseEnvelope<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ResponseStatus<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "AuditAnnotations::is_empty")]
    audit_annotations: AuditAnnotations<'a>,
}

/// The policy's annotations, and one that lists its findings.
#[derive(Clone, Copy, Default)]
struct AuditAnnotations<'a> {
    own: &'a [Annotation],
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct ResponseStatus<'a> {
    code: u16,
    reason: &'static str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
struct Details<'a> {
    #[serde(serialize_with = "causes")]
    causes: &'a [Cause],
}

// === impl AdmissionReview ===

impl AdmissionReview<'_> {
    /// Returns the answer for a verdict or a failure.
    pub fn answer(self, by: &Answering<'_>, outcome: Result<Verdict, Failure>) -> ReviewAnswer {
        match outcome.and_then(|verdict| self.verdict(by, &verdict)) {
            Ok(answer) => answer,
            Err(
                failure @ (Failure::NotReady
                | Failure::Busy
                | Failure::Unconfirmed { .. }
                | Failure::Unreserved(_)),
            ) => ReviewAnswer::Unavailable { message: explain(by.policy, &failure) },
            Err(failure) => self.failed(by, failure),
        }
    }

    fn verdict(&self, by: &Answering<'_>, verdict: &Verdict) -> Result<ReviewAnswer, Failure> {
        let allowed = verdict.is_allowed();
        let text = VerdictText::from_findings(&verdict.findings);
        // The engine has checked the patch. A denied request gets none.
        let patch = verdict.patch.as_deref().filter(|_| allowed);
        let response = Response {
            uid: self.uid(),
            allowed,
            status: (!allowed).then(|| ResponseStatus::denied(&text)),
            warnings: &text.warnings,
            audit_annotations: AuditAnnotations { own: &verdict.audit, findings: &verdict.findings },
        };
        let body = response.into_body(patch);
        if body.len() > by.limit {
            return Err(Failure::Answer { limit: by.limit });
        }
        Ok(ReviewAnswer::Verdict { allowed, patched: patch.is_some(), body })
    }

    fn failed(&self, by: &Answering<'_>, failure: Failure) -> ReviewAnswer {
        let message = explain(by.policy, &failure);
        match by.on_error {
            OnError::Deny => {
                let body = refusal(self.uid(), 500, "InternalError", &message);
                ReviewAnswer::Failed { failure, body }
            }
            OnError::Defer => ReviewAnswer::Deferred { failure, message },
        }
    }
}

/// Returns a refusal by the host itself.
pub(crate) fn refusal(uid: &str, code: u16, reason: &'static str, message: &str) -> Vec<u8> {
    let status = ResponseStatus { code, reason, message: Cow::Borrowed(message), details: None };
    Response { uid, status: Some(status), ..Response::default() }.into_body(None)
}

/// Describes a failure in one line that names the policy, the limit and its setting.
pub(crate) fn explain(policy: &str, failure: &Failure) -> String {
    let line = match failure.setting() {
        Some(setting) => {
            format!("policy {policy:?} {failure}; the limit is {setting} of the webhook's configuration")
        }
        None => format!("policy {policy:?} {failure}"),
    };
    one_line(&line, MESSAGE_CHARS).into_owned()
}

/// Adds a patch to the response at the end of a body, in base64. That has no character that JSON escapes, so nothing searches for one.
fn add_patch(body: &mut Vec<u8>, patch: &str) {
    body.truncate(body.len() - END.len());
    body.extend_from_slice(PATCH);
    let start = body.len();
    body.resize(start + base64_bytes(patch), 0);
    let encoded = body.get_mut(start..).and_then(|text| STANDARD.encode_slice(patch, text).ok());
    body.truncate(start + encoded.unwrap_or_default());
    body.push(b'"');
    body.extend_from_slice(END);
}

/// Returns the length of a text in base64.
const fn base64_bytes(text: &str) -> usize {
    text.len().div_ceil(3) * 4
}

// === impl Response ===

impl Response<'_> {
    /// Returns the body of the answer with a patch, in one allocation unless its messages are long.
    fn into_body(self, patch: Option<&str>) -> Vec<u8> {
        let mut body = Vec::with_capacity(BODY + patch.map_or(0, base64_bytes));
        let envelope = ResponseEnvelope { api_version: API_VERSION, kind: KIND, response: self };
        // Serialising strings and maps of strings to memory can't fail.
        let _ = serde_json::to_writer(&mut body, &envelope);
        if let Some(patch) = patch {
            add_patch(&mut body, patch);
        }
        body
    }
}

// === impl ResponseStatus ===

impl<'a> ResponseStatus<'a> {
    /// kubectl prints "denied the request" only for this code and this reason.
    fn denied(text: &'a VerdictText) -> Self {
        Self {
            code: 403,
            reason: "Forbidden",
            message: Cow::Borrowed(&text.message),
            details: Some(Details { causes: &text.causes }),
        }
    }
}

// === impl AuditAnnotations ===

impl AuditAnnotations<'_> {
    fn is_empty(&self) -> bool {
        self.findings.is_empty() && !self.own.iter().any(|annotation| is_key(&annotation.key))
    }
}

impl Serialize for AuditAnnotations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for annotation in self.own.iter().filter(|annotation| is_key(&annotation.key)) {
            map.serialize_entry(&annotation.key, &one_line(&annotation.value, MESSAGE_CHARS))?;
        }
        if !self.findings.is_empty() {
            map.serialize_entry(FINDINGS, &one_line(&listed(self.findings), WARNING_CHARS))?;
        }
        map.end()
    }
}

/// Returns severity and rule of every finding, each pair once: `deny shared-export, warn nested-export`. A warning that
/// would be a denial has the severity `would-deny`.
fn listed(findings: &[Finding]) -> String {
    let mut findings: Vec<&Finding> = findings.iter().collect();
    findings.sort_by_key(|finding| (finding.rank(), &*finding.rule));
    findings.dedup_by_key(|finding| (finding.rank(), &*finding.rule));
    let words: Vec<String> =
        findings.iter().map(|finding| format!("{} {}", finding.word(), finding.rule)).collect();
    words.join(", ")
}

/// Returns whether the API server accepts this key, to which it prepends the webhook's name and a `/`.
fn is_key(key: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    key != FINDINGS
        && (1..=ANNOTATION_KEY_BYTES).contains(&key.len())
        && key.bytes().all(inner)
        && key.starts_with(|c: char| c.is_ascii_alphanumeric())
        && key.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn causes<S: Serializer>(causes: &&[Cause], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct CauseLine<'a> {
        reason: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        field: &'a str,
    }
    serializer.collect_seq(causes.iter().map(|cause| CauseLine {
        reason: "FieldValueForbidden",
        message: &cause.message,
        field: &cause.field,
    }))
}
