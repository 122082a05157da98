//! The answer to a review: what the API server reads, built in one buffer.

use super::{API_VERSION, KIND, Review, text::one_line};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use ordinance_contract::{Annotation, Cause, Phase, Verdict};
use ordinance_engine::Failure;
use schemars::JsonSchema;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Characters of a warning. The API server cuts longer ones once all together exceed 4 KiB.
const WARNING_CHARS: usize = 240;
/// Warnings of one answer.
const WARNINGS: usize = 10;
/// Bytes of an audit annotation's key.
const ANNOTATION_KEY: usize = 63;
/// Bytes that most answers have without their patch: a few warnings.
const BODY: usize = 1024;
/// Characters of a message; a screenful, which the reader of kubectl sees whole.
const MESSAGE_CHARS: usize = 2_000;

/// In whose name, and how, a review is answered.
#[derive(Clone, Copy, Debug)]
pub struct Answering<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// Which webhook asks.
    pub phase: Phase,
    /// What becomes of a request on which there is no verdict.
    pub on_error: OnError,
    /// Bytes that an answer may have.
    pub limit: usize,
}

/// What becomes of a request on which a policy gives no verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// It is refused, with code 500.
    #[default]
    Deny,
    /// The webhook's `failurePolicy` decides: the answer is an HTTP error.
    Defer,
}

/// What goes back to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An AdmissionReview with a verdict.
    Verdict {
        /// Whether the request may pass.
        allowed: bool,
        /// Whether it is patched.
        patched: bool,
        /// The AdmissionReview.
        body: Vec<u8>,
    },
    /// An AdmissionReview that refuses for want of a verdict.
    Failed {
        /// Why there is none.
        failure: Failure,
        /// The AdmissionReview.
        body: Vec<u8>,
    },
    /// An HTTP error: there is no verdict, and `failurePolicy` decides.
    Deferred {
        /// Why there is none.
        failure: Failure,
        /// The same in one line.
        message: String,
    },
    /// Asking again later may help.
    Unavailable,
}

/// The AdmissionReview that goes back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
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
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "warnings")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "no_annotation", serialize_with = "annotations")]
    audit_annotations: &'a [Annotation],
}

#[derive(Serialize)]
struct Status<'a> {
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

// === impl Review ===

impl Review<'_> {
    /// The answer that a verdict, or the want of one, leads to.
    pub fn answer(self, by: &Answering<'_>, outcome: Result<Verdict, Failure>) -> Answer {
        match outcome.and_then(|verdict| self.verdict(by, &verdict)) {
            Ok(answer) => answer,
            Err(Failure::NotReady | Failure::Busy) => Answer::Unavailable,
            Err(failure) => self.failed(by, failure),
        }
    }

    fn verdict(&self, by: &Answering<'_>, verdict: &Verdict) -> Result<Answer, Failure> {
        // Checked where it came in; a refusal changes nothing.
        let patch = verdict.patch.as_deref().filter(|_| verdict.allowed);
        let response = Response {
            uid: self.uid(),
            allowed: verdict.allowed,
            status: (!verdict.allowed).then(|| Status::refused(by.policy, verdict)),
            patch_type: patch.map(|_| "JSONPatch"),
            patch: patch.and_then(encoded),
            warnings: &verdict.warnings,
            audit_annotations: &verdict.audit,
        };
        let body = response.into_body();
        if body.len() > by.limit {
            return Err(Failure::Answer { limit: by.limit });
        }
        Ok(Answer::Verdict { allowed: verdict.allowed, patched: patch.is_some(), body })
    }

    fn failed(&self, by: &Answering<'_>, failure: Failure) -> Answer {
        let message = explain(by.policy, &failure);
        match by.on_error {
            OnError::Deny => {
                let body = refusal(self.uid(), 500, "InternalError", &message);
                Answer::Failed { failure, body }
            }
            OnError::Defer => Answer::Deferred { failure, message },
        }
    }
}

/// A refusal by the host itself, by uid alone.
pub(crate) fn refusal(uid: &str, code: u16, reason: &'static str, message: &str) -> Vec<u8> {
    let status = Status { code, reason, message: Cow::Borrowed(message), details: None };
    Response { uid, status: Some(status), ..Response::default() }.into_body()
}

/// The failure in one line that names policy, limit and setting.
pub(crate) fn explain(policy: &str, failure: &Failure) -> String {
    let line = match failure.setting() {
        Some(setting) => {
            format!("policy {policy:?} {failure}; the limit is {setting} of the webhook's configuration")
        }
        None => format!("policy {policy:?} {failure}"),
    };
    one_line(&line, MESSAGE_CHARS).into_owned()
}

/// Why something is refused, in one line.
fn refused<'a>(policy: &str, message: &'a str) -> Cow<'a, str> {
    let message = one_line(message, MESSAGE_CHARS);
    if message.is_empty() { Cow::Owned(format!("policy {policy:?} gave no reason")) } else { message }
}

/// The words of a verdict as an answer would have them.
pub(crate) fn worded(policy: &str, verdict: Verdict) -> Verdict {
    let line = |text: &str, chars| one_line(text, chars).into_owned();
    let message =
        if verdict.allowed { String::new() } else { refused(policy, &verdict.message).into_owned() };
    let causes = verdict.causes.into_iter();
    let causes =
        causes.map(|cause| Cause { message: line(&cause.message, MESSAGE_CHARS), ..cause }).collect();
    let warnings = shown(&verdict.warnings).map(Cow::into_owned).collect();
    Verdict { message, causes, warnings, patch: verdict.patch.filter(|_| verdict.allowed), ..verdict }
}

/// A patch in base64 as a JSON string, which needs no search for what to escape.
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
        let envelope = Envelope { api_version: API_VERSION, kind: KIND, response: self };
        // Strings and maps of strings, written to memory: there is nothing that can fail.
        let _ = serde_json::to_writer(&mut body, &envelope);
        body
    }
}

// === impl Status ===

impl<'a> Status<'a> {
    /// kubectl says "denied the request" only if both code and reason are these.
    fn refused(policy: &str, verdict: &'a Verdict) -> Self {
        Self {
            code: 403,
            reason: "Forbidden",
            message: refused(policy, &verdict.message),
            details: (!verdict.causes.is_empty()).then_some(Details { causes: &verdict.causes }),
        }
    }
}

fn warnings<S: Serializer>(warnings: &&[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(shown(warnings))
}

/// The warnings that are said; the last of them may say how many there are besides.
fn shown(warnings: &[String]) -> impl Iterator<Item = Cow<'_, str>> {
    let shown = if warnings.len() > WARNINGS { WARNINGS - 1 } else { warnings.len() };
    let more = warnings.len() - shown;
    let last = (more > 0).then(|| Cow::Owned(format!("and {more} more warnings")));
    warnings.iter().take(shown).map(|warning| one_line(warning, WARNING_CHARS)).chain(last)
}

fn annotations<S: Serializer>(annotations: &&[Annotation], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for annotation in annotations.iter().filter(|annotation| is_key(&annotation.key)) {
        map.serialize_entry(&annotation.key, &one_line(&annotation.value, MESSAGE_CHARS))?;
    }
    map.end()
}

fn no_annotation(annotations: &&[Annotation]) -> bool {
    !annotations.iter().any(|annotation| is_key(&annotation.key))
}

/// Whether the API server takes this after the webhook's name and a `/`.
fn is_key(key: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=ANNOTATION_KEY).contains(&key.len())
        && key.bytes().all(inner)
        && key.starts_with(|c: char| c.is_ascii_alphanumeric())
        && key.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn causes<S: Serializer>(causes: &&[Cause], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Line<'a> {
        reason: &'static str,
        message: Cow<'a, str>,
        #[serde(skip_serializing_if = "str::is_empty")]
        field: &'a str,
    }
    serializer.collect_seq(causes.iter().map(|cause| Line {
        reason: "FieldValueForbidden",
        message: one_line(&cause.message, MESSAGE_CHARS),
        field: &cause.field,
    }))
}
