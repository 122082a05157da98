//! The contract between host and policy as plain Rust types, the mirror of `policy.wit` beside it.
//!
//! Every item means what the item of the same name in `policy.wit` means; it is documented there. The JSON form of
//! these types (camelCase) is that of the npm package. Nothing here knows what a policy is about.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The text of `policy.wit`, for whoever makes or checks a component.
pub const WIT: &str = include_str!("../policy.wit");

/// What a policy says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// A DNS label, e.g. `storage`.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// The kinds whose stored objects the host runs through `keys`.
    pub watches: Vec<Watch>,
    /// The JSON Schema of the settings.
    pub settings_schema: String,
}

/// A kind whose objects hold or use keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// The API group; empty for the core group.
    pub group: String,
    /// e.g. `v1`.
    pub version: String,
    /// The plural, lower case.
    pub resource: String,
    /// Whether `metadata` is all that `keys` reads.
    pub metadata_only: bool,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The setting's path; empty for the document.
    pub field: String,
    /// One line: what is wrong, and what may stand there.
    pub message: String,
}

/// Which object a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope<'a> {
    /// The API group; empty for the core group.
    #[serde(borrow)]
    pub group: Cow<'a, str>,
    /// e.g. `v1`.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// The plural, lower case.
    #[serde(borrow)]
    pub resource: Cow<'a, str>,
    /// e.g. `scale`; empty for the object itself.
    #[serde(borrow)]
    pub subresource: Cow<'a, str>,
    /// Empty for an object without a namespace.
    #[serde(borrow)]
    pub namespace: Cow<'a, str>,
    /// Empty while the API server has not generated it.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
}

/// What an object does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stance {
    /// Has it for itself: indexed, shown to others, reserved at admission.
    Holds,
    /// Takes part in it: indexed and shown to others, never reserved.
    Uses,
    /// Only asks who holds or uses it.
    Looks,
}

/// A place in a named tree, and what an object does with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The tree.
    pub realm: String,
    /// The way from the root, by whole segments.
    pub path: Vec<String>,
    /// What the object does with it.
    pub stance: Stance,
    /// All that could change a verdict on somebody else's overlap.
    #[serde(default)]
    pub note: String,
}

/// Another object's key that overlaps one of this object's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// The tree.
    pub realm: String,
    /// The way from the root.
    pub path: Vec<String>,
    /// [`Stance::Holds`] or [`Stance::Uses`].
    pub stance: Stance,
    /// The note of the key.
    pub note: String,
    /// The object; of a group the first by name.
    #[serde(deserialize_with = "owned_scope")]
    pub holder: Scope<'static>,
    /// How many objects this entry stands for.
    pub count: u32,
}

/// The operation under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// A new object.
    Create,
    /// A change of a stored one.
    Update,
    /// A removal.
    Delete,
    /// A connection to a subresource such as `exec`.
    Connect,
}

/// Which webhook asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// A patch may be given.
    Mutate,
    /// A patch that is still due is a refusal.
    Validate,
}

/// An admission request. Objects are JSON text, as the API server sent them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// What happens to the object.
    pub operation: Operation,
    /// Which webhook asks.
    pub phase: Phase,
    /// Which object.
    #[serde(borrow)]
    pub scope: Scope<'a>,
    /// The object's kind.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
    /// Whether nothing will be stored.
    #[serde(default)]
    pub dry_run: bool,
    /// `userInfo` as JSON; empty if there is none.
    #[serde(borrow, default)]
    pub user_info: Cow<'a, str>,
    /// The object as JSON; none on delete.
    #[serde(borrow, default)]
    pub object: Option<Cow<'a, str>>,
    /// The stored object as JSON; none on create.
    #[serde(borrow, default)]
    pub old_object: Option<Cow<'a, str>>,
}

/// One reason of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The field at fault.
    pub field: String,
    /// One line.
    pub message: String,
}

/// A note for the API server's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// At most 63 of `[A-Za-z0-9._-]`.
    pub key: String,
    /// Free text, one line.
    pub value: String,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether the request may pass.
    pub allowed: bool,
    /// One line, said only with a refusal.
    #[serde(default)]
    pub message: String,
    /// The same as structure.
    #[serde(default)]
    pub causes: Vec<Cause>,
    /// One line each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// A JSON Patch (RFC 6902) as JSON text.
    #[serde(default)]
    pub patch: Option<String>,
    /// Notes for the audit log.
    #[serde(default)]
    pub audit: Vec<Annotation>,
}

/// What `review` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The verdict.
    Decided(Verdict),
    /// The verdict depends on who else holds or uses these.
    Needs(Vec<Key>),
}

/// A holding outlives the text that it is read from.
fn owned_scope<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Scope<'static>, D::Error> {
    Ok(Scope::deserialize(deserializer)?.into_owned())
}

// === impl Scope ===

impl Scope<'_> {
    /// The same scope, owned.
    pub fn into_owned(self) -> Scope<'static> {
        Scope {
            group: Cow::Owned(self.group.into_owned()),
            version: Cow::Owned(self.version.into_owned()),
            resource: Cow::Owned(self.resource.into_owned()),
            subresource: Cow::Owned(self.subresource.into_owned()),
            namespace: Cow::Owned(self.namespace.into_owned()),
            name: Cow::Owned(self.name.into_owned()),
        }
    }

    /// The same scope without a copy of its texts.
    pub fn borrowed(&self) -> Scope<'_> {
        Scope {
            group: Cow::Borrowed(&self.group),
            version: Cow::Borrowed(&self.version),
            resource: Cow::Borrowed(&self.resource),
            subresource: Cow::Borrowed(&self.subresource),
            namespace: Cow::Borrowed(&self.namespace),
            name: Cow::Borrowed(&self.name),
        }
    }

    /// Whether both name one object; the version of the API does not matter. A subresource such as a Scale is an object
    /// of its own: a review of it is shown what the stored object of its name holds.
    pub fn same_object(&self, other: &Scope<'_>) -> bool {
        self.group == other.group
            && self.resource == other.resource
            && self.subresource == other.subresource
            && self.namespace == other.namespace
            && self.name == other.name
    }
}

// === impl Verdict ===

impl Verdict {
    /// A yes without a word.
    pub const fn allow() -> Self {
        Self {
            allowed: true,
            message: String::new(),
            causes: Vec::new(),
            warnings: Vec::new(),
            patch: None,
            audit: Vec::new(),
        }
    }
}
