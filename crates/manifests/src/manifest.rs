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

/// The uid of a stored object whose text leaves it out.
const UNKNOWN_UID: &str = "unknown";

/// The byte order mark that some editors write at the beginning of a file.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

// === impl ReadObjects ===

impl ReadObjects {
    /// Adds the objects of the next part of the text.
    pub(crate) fn append(&mut self, next: Self) {
        self.objects.extend(next.objects);
        self.skipped += next.skipped;
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

    /// The admission request that replaces a stored object by this one.
    pub fn update<'a>(&'a self, stored: &'a Self, phase: Phase) -> Request<'a> {
        Request {
            operation: Operation::Update,
            object: Some(self.stored_json()),
            old_object: Some((&*stored.json).into()),
            ..self.creation(phase)
        }
    }
}
