//! The uid of a review that is too large to be read: it stands near the beginning.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// The uid, if it stands in the prefix.
pub(super) fn uid(prefix: &[u8]) -> Option<String> {
    let mut uid = None;
    let mut deserializer = serde_json::Deserializer::from_slice(prefix);
    // A prefix always ends in an error; what counts is what came before it.
    let _ = Member { path: &["request", "uid"], found: &mut uid }.deserialize(&mut deserializer);
    uid.filter(|uid: &String| !uid.is_empty())
}

/// Looks for the string at this path of keys.
struct Member<'a> {
    path: &'a [&'static str],
    found: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            deserializer.deserialize_str(self)
        } else {
            deserializer.deserialize_map(self)
        }
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the way to a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        *self.found = Some(text.to_owned());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else { return Ok(()) };
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if key == *first {
                map.next_value_seed(Member { path: rest, found: &mut *self.found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_uid_before_the_text_breaks_off() {
        let text =
            br#"{"kind":"AdmissionReview","metadata":{"uid":"no"},"request":{"uid":"yes","object":{"spec":"#;
        assert_eq!(uid(text).as_deref(), Some("yes"));
    }

    #[test]
    fn half_a_uid_is_none() {
        for text in [
            "",
            "{",
            r#"{"request":{"uid":"hal"#,
            r#"{"request":{"uid":"""#,
            r#"{"request":{"uid":7"#,
            "\u{0}",
        ] {
            assert_eq!(uid(text.as_bytes()), None, "{text}");
        }
    }
}
