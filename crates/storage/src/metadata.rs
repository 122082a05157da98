//! `metadata`, with the annotations and labels that a caller names.

use crate::json::{self, Raw, Text};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// `metadata`, its annotations read as `A`, its labels as `L` and its uid as `R`.
///
/// All three are skipped by default. A struct of named annotations keeps the long values of other tools unread; wrapped in
/// [`Members`](crate::json::Members) it is read from an object only.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    bound(
        deserialize = "A: Default + Deserialize<'de>, L: Default + Deserialize<'de>, R: Default + Deserialize<'de>"
    )
)]
pub struct Metadata<'a, A = IgnoredAny, L = IgnoredAny, R = IgnoredAny> {
    /// Empty while the API server has not generated it.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Text<'a>,
    /// The prefix of a name that the API server generates.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub generate_name: Text<'a>,
    uid: R,
    /// `annotations`; `null` is the default value.
    #[serde(deserialize_with = "json::lenient")]
    pub annotations: A,
    /// `labels`; `null` is the default value.
    #[serde(deserialize_with = "json::lenient")]
    pub labels: L,
    deletion_timestamp: Option<IgnoredAny>,
}

/// Annotations that a caller reads besides those that a view knows.
pub trait OtherAnnotations<'a>: Default {
    /// Returns the field for the annotation of this name, or `None` to skip the annotation.
    fn field(&mut self, name: &str) -> Option<&mut Text<'a>>;
}

/// No other annotation is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAnnotations;

// === impl Metadata ===

impl<'a, A, L> Metadata<'a, A, L, Raw<'a>> {
    /// Parses `metadata.uid`; empty while the object is not stored.
    ///
    /// # Errors
    ///
    /// It is not a string.
    pub fn uid(&self) -> Result<Text<'a>, serde_json::Error> {
        self.uid.parse()
    }
}

impl<A, L, R> Metadata<'_, A, L, R> {
    /// Returns whether the object is being deleted.
    pub fn is_being_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

// === impl NoAnnotations ===

impl<'a> OtherAnnotations<'a> for NoAnnotations {
    fn field(&mut self, _name: &str) -> Option<&mut Text<'a>> {
        None
    }
}
