//! The objects that are read, and the errors.

use ordinance_contract::{Operation, Phase, Request, Scope};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::ops::Range;

/// An object in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The object's identity. The resource is guessed from the kind, as kubectl does without a cluster.
    pub scope: Scope<'static>,
    /// e.g. `StatefulSet`.
    pub kind: String,
    /// The object as JSON, with its keys in the order of the text.
    pub json: String,
    /// The line in which the object begins, from 1.
    pub line: u64,
    /// The column in which the object begins, from 1, in characters.
    pub column: u64,
    /// The span in the text, from the first key to the end of the last value. Empty for an object of
    /// [`parse`](crate::parse).
    pub bytes: Range<usize>,
}

/// The part of an object that the API server adds when it stores it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredObject {
    metadata: Option<StoredMetadata>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredMetadata {
    uid: Option<String>,
}

/// A part of a text that is not an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ManifestError {
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// One line.
    pub message: String,
    /// What is wrong.
    pub kind: ManifestErrorKind,
    /// Whether the line may be quoted: whether it is part of a manifest of a kind that is read.
    pub is_quotable: bool,
}

/// What is wrong with a part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManifestErrorKind {
    /// It is not YAML or JSON, or it exceeds a limit.
    #[default]
    Syntax,
    /// It has template actions (`{{ … }}`), and is not YAML before they are carried out.
    Template,
    /// It is YAML or JSON, but neither an object nor a part of one: it has no `apiVersion` beside `kind`, `items` or
    /// `metadata`.
    NoObject,
    /// It is an incomplete object.
    Object,
}

/// The objects of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadObjects {
    /// The objects in the order of the text, with an error in the place of each part that cannot be read.
    pub objects: Vec<Result<Manifest, ManifestError>>,
    /// The number of objects of other kinds.
    pub skipped: u64,
}

/// Returns whether objects of an `apiVersion` and a `kind` are read.
pub type KindFilter<'a> = &'a (dyn Fn(&str, &str) -> bool + Sync);

/// The maximum nesting of an object; equal to that of an admission review.
pub const DEPTH: usize = 128;

/// The annotation in which kubectl keeps the manifest of the last apply.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The uid of a stored object whose text leaves it out.
const UNKNOWN_UID: &str = "unknown";

/// The byte order mark that some editors write at the beginning of a file.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// Returns the annotations of a stored object that an apply of another manifest keeps.
fn kept_annotations(stored: &Manifest) -> Map<String, Value> {
    if !stored.json.contains("\"annotations\"") {
        return Map::new();
    }
    let annotations = annotations_of(&stored.json);
    let applied = annotations.get(LAST_APPLIED).and_then(Value::as_str).map(annotations_of);
    let is_kept = |name: &String| applied.as_ref().is_none_or(|applied| !applied.contains_key(name));
    annotations.into_iter().filter(|(name, _)| is_kept(name)).collect()
}

fn annotations_of(json: &str) -> Map<String, Value> {
    let object: Value = serde_json::from_str(json).unwrap_or_default();
    object.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default()
}

// === impl ReadObjects ===

impl ReadObjects {
    /// Adds the objects of the next part of the text.
    pub(crate) fn append(&mut self, next: Self) {
        self.objects.extend(next.objects);
        self.skipped += next.skipped;
    }

    /// Returns these objects and those of the next part of the text.
    pub(crate) fn joined(mut self, next: Self) -> Self {
        self.append(next);
        self
    }
}

// === impl Manifest ===

impl Manifest {
    /// Returns whether the object has a uid. The API server adds one when it stores an object.
    pub fn has_uid(&self) -> bool {
        // Few manifests have one, and almost none has the word elsewhere: most are not parsed.
        if !self.json.contains("\"uid\"") {
            return false;
        }
        let object = serde_json::from_str::<StoredObject>(&self.json).unwrap_or_default();
        object.metadata.unwrap_or_default().uid.is_some_and(|uid| !uid.is_empty())
    }

    /// Returns the object as the API server stores it: with a uid, even if the text has none.
    #[must_use]
    pub fn stored(self) -> Self {
        let Cow::Owned(json) = self.stored_json() else { return self };
        Self { json, ..self }
    }

    /// Returns the JSON of the object [as stored](Self::stored).
    pub fn stored_json(&self) -> Cow<'_, str> {
        if self.has_uid() {
            return Cow::Borrowed(&self.json);
        }
        let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(&self.json) else {
            return Cow::Borrowed(&self.json);
        };
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("uid".to_owned(), UNKNOWN_UID.into());
        }
        Cow::Owned(Value::Object(object).to_string())
    }

    /// The admission request for its creation.
    pub fn creation(&self, phase: Phase) -> Request<'_> {
        Request {
            operation: Operation::Create,
            phase,
            scope: self.scope.borrowed(),
            kind: (&*self.kind).into(),
            dry_run: false,
            user_info: "".into(),
            object: Some((&*self.json).into()),
            old_object: None,
        }
    }

    /// Returns the JSON of the object after it is applied to a stored one: annotations that only the stored one has stay,
    /// unless the last apply wrote them.
    pub fn applied_json(&self, stored: &Self) -> Cow<'_, str> {
        let kept = kept_annotations(stored);
        if kept.is_empty() {
            return self.stored_json();
        }
        let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(&self.stored_json()) else {
            return self.stored_json();
        };
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            return self.stored_json();
        };
        let own = metadata.remove("annotations").and_then(|own| own.as_object().cloned());
        let mut annotations = kept;
        annotations.extend(own.unwrap_or_default());
        metadata.insert("annotations".to_owned(), annotations.into());
        Cow::Owned(Value::Object(object).to_string())
    }

    /// The admission request that applies this object to a stored one.
    pub fn update<'a>(&'a self, stored: &'a Self, phase: Phase) -> Request<'a> {
        Request {
            operation: Operation::Update,
            object: Some(self.applied_json(stored)),
            old_object: Some((&*stored.json).into()),
            ..self.creation(phase)
        }
    }
}
