//! The fields of an AdmissionReview that the host reads, as they are found in one pass over the body.

use super::envelope::{API_VERSION, AdmissionRequest, BadReview, KIND, RequestKind, RequestResource};
use ordinance_contract::{Operation, one_line, without_position};
use ordinance_json::{Cursor, CursorError, unquoted};
use serde::Deserialize;
use std::borrow::Cow;

/// The longest reason for a bad request, in characters.
const REASON_CHARS: usize = 240;

/// The value of a field that is absent or `null`.
const NULL: &str = "null";

/// The fields of a review, each as it is in the body; `None` if it is absent.
#[derive(Default)]
pub(super) struct EnvelopeFields<'a> {
    kind: Option<&'a str>,
    api_version: Option<&'a str>,
    /// `None` within if it is `null`.
    request: Option<Option<RequestFields<'a>>>,
}

/// The fields of the request.
#[derive(Default)]
struct RequestFields<'a> {
    uid: Option<&'a str>,
    kind: Option<&'a str>,
    resource: Option<&'a str>,
    sub_resource: Option<&'a str>,
    name: Option<&'a str>,
    namespace: Option<&'a str>,
    operation: Option<&'a str>,
    user_info: Option<&'a str>,
    object: Option<&'a str>,
    old_object: Option<&'a str>,
    dry_run: Option<&'a str>,
}

// === impl EnvelopeFields ===

impl<'a> EnvelopeFields<'a> {
    /// Reads a body that nests at most `limit` levels.
    pub(super) fn read(body: &'a str, limit: usize) -> Result<Self, BadReview> {
        let (mut fields, mut cursor) = (Self::default(), Cursor::new(body, limit));
        if !cursor.enter()? {
            return Err(shape("it is no object"));
        }
        while let Some(key) = cursor.next_key()? {
            let is_repeated = match &*key {
                "kind" => fields.kind.replace(cursor.skip()?).is_some(),
                "apiVersion" => fields.api_version.replace(cursor.skip()?).is_some(),
                "request" => fields.request.replace(RequestFields::read(&mut cursor)?).is_some(),
                _ => {
                    cursor.skip()?;
                    false
                }
            };
            if is_repeated {
                return Err(repeated("", &key));
            }
        }
        if cursor.is_at_end() { Ok(fields) } else { Err(shape("there is something after its end")) }
    }

    /// Checks kind, version and uid, and returns the request.
    pub(super) fn request(self) -> Result<AdmissionRequest<'a>, BadReview> {
        if text("kind", self.kind)? != KIND {
            return Err(BadReview::Kind);
        }
        if text("apiVersion", self.api_version)? != API_VERSION {
            return Err(BadReview::Version);
        }
        let request = self.request.flatten().ok_or(BadReview::NoRequest)?.parsed()?;
        if request.uid.is_empty() { Err(BadReview::NoUid) } else { Ok(request) }
    }
}

// === impl RequestFields ===

impl<'a> RequestFields<'a> {
    /// Reads the object at the cursor; `None` if it is `null`.
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<Self>, BadReview> {
        if !cursor.enter()? {
            return if cursor.skip()? == NULL { Ok(None) } else { Err(shape("request: it is no object")) };
        }
        let mut fields = Self::default();
        while let Some(key) = cursor.next_key()? {
            let value = cursor.skip()?;
            if let Some(field) = fields.field(&key)
                && field.replace(value).is_some()
            {
                return Err(repeated("request: ", &key));
            }
        }
        Ok(Some(fields))
    }

    fn field(&mut self, key: &str) -> Option<&mut Option<&'a str>> {
        Some(match key {
            "uid" => &mut self.uid,
            "kind" => &mut self.kind,
            "resource" => &mut self.resource,
            "subResource" => &mut self.sub_resource,
            "name" => &mut self.name,
            "namespace" => &mut self.namespace,
            "operation" => &mut self.operation,
            "userInfo" => &mut self.user_info,
            "object" => &mut self.object,
            "oldObject" => &mut self.old_object,
            "dryRun" => &mut self.dry_run,
            _ => return None,
        })
    }

    fn parsed(self) -> Result<AdmissionRequest<'a>, BadReview> {
        Ok(AdmissionRequest {
            uid: text("request.uid", self.uid)?,
            kind: self.kind.map_or(Ok(RequestKind::default()), |raw| parsed("request.kind", raw))?,
            resource: required::<RequestResource<'a>>("request.resource", self.resource)?,
            sub_resource: text("request.subResource", self.sub_resource)?,
            name: text("request.name", self.name)?,
            namespace: text("request.namespace", self.namespace)?,
            operation: required::<Operation>("request.operation", self.operation)?,
            user_info: present(self.user_info),
            object: present(self.object),
            old_object: present(self.old_object),
            dry_run: present(self.dry_run).map_or(Ok(false), |raw| parsed("request.dryRun", raw))?,
        })
    }
}

impl From<CursorError> for BadReview {
    fn from(error: CursorError) -> Self {
        match error {
            CursorError::Deep { limit } => Self::Depth { limit },
            CursorError::Syntax { .. } => Self::Shape(error.to_string()),
        }
    }
}

/// Returns the text of a field that is no `null`.
fn present(raw: Option<&str>) -> Option<&str> {
    raw.filter(|raw| *raw != NULL)
}

/// Returns a string; an empty one if the field is absent.
fn text<'a>(field: &str, raw: Option<&'a str>) -> Result<Cow<'a, str>, BadReview> {
    let Some(raw) = raw else { return Ok(Cow::Borrowed("")) };
    unquoted(raw).ok_or_else(|| shape(&format!("{field}: it is no string")))
}

fn required<'a, T: Deserialize<'a>>(field: &str, raw: Option<&'a str>) -> Result<T, BadReview> {
    parsed(field, raw.ok_or_else(|| shape(&format!("{field}: it is missing")))?)
}

fn parsed<'a, T: Deserialize<'a>>(field: &str, raw: &'a str) -> Result<T, BadReview> {
    serde_json::from_str(raw).map_err(|error| {
        let reason = error.to_string();
        shape(&format!("{field}: {}", without_position(&reason)))
    })
}

fn repeated(within: &str, key: &str) -> BadReview {
    shape(&format!("{within}duplicate field `{key}`"))
}

fn shape(reason: &str) -> BadReview {
    BadReview::Shape(one_line(reason, REASON_CHARS).into_owned())
}
