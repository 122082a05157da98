//! Reading foreign JSON: borrowed text, and `null` where a value was expected.
//!
//! The API server treats `null` as absent, so every field of a view does. A value of a wrong type makes the object
//! unreadable.

use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::ops::Deref;

/// A string that borrows from the object's text unless it holds an escape.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a field in which `null` counts as absent: `#[serde(default, deserialize_with = "view::lenient")]`.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Why a text can't be read, in one line without a position: the text is not the one that the user wrote.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

// === impl Text ===

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Named<'a> {
        #[serde(borrow, deserialize_with = "lenient")]
        name: Text<'a>,
    }

    #[test]
    fn text_borrows_where_it_can_and_null_is_absent() {
        let named = |text| serde_json::from_str::<Named<'_>>(text).map(|named| named.name.0);
        assert!(matches!(named(r#"{"name":"a"}"#), Ok(Cow::Borrowed("a"))));
        assert!(matches!(named(r#"{"name":"\u0061"}"#), Ok(Cow::Owned(text)) if text == "a"));
        assert!(matches!(named(r#"{"name":null}"#), Ok(text) if text.is_empty()));
        assert!(named(r#"{"name":1}"#).is_err());
    }
}
