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
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The key of the audit annotation that lists the severity and the rule of every finding.
const FINDINGS: &str = "findings";
/// Initial capacity of an answer in bytes, without its patch: enough for a few warnings.
const BODY: usize = 1024;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Box<RawValue>>,
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
            patch_type: patch.map(|_| "JSONPatch"),
            patch: patch.and_then(encoded),
            warnings: &text.warnings,
            audit_annotations: AuditAnnotations { own: &verdict.audit, findings: &verdict.findings },
        };
        let body = response.into_body();
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
    Response { uid, status: Some(status), ..Response::default() }.into_body()
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

/// Encodes a patch in base64, as a JSON string. Base64 has no character that JSON escapes, so nothing searches for one.
fn encoded(patch: &str) -> Option<Box<RawValue>> {
    let mut text = String::with_capacity(2 + patch.len().div_ceil(3) * 4);
    text.push('"');
    STANDARD.encode_string(patch, &mut text);
    text.push('"');
    RawValue::from_string(text).ok()
}

// === impl Response ===

impl Response<'_> {
    fn into_body(self) -> Vec<u8> {
        let patch = self.patch.as_ref().map_or(0, |patch| patch.get().len());
        let mut body = Vec::with_capacity(BODY + patch);
        let envelope = ResponseEnvelope { api_version: API_VERSION, kind: KIND, response: self };
        // Serialising strings and maps of strings to memory can't fail.
        let _ = serde_json::to_writer(&mut body, &envelope);
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
