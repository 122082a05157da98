//! One value of a JSON text, without reading the text after it.
//!
//! A struct with `serde` would read to the end, and fail if the text is cut off there.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::de::Read;
use std::borrow::Cow;
use std::fmt;

/// Returns the value at a path of keys, or `None` if it is absent, incomplete or of another type. Of equal keys the
/// first counts. The text after the value is not read.
pub fn at<'de, T: Deserialize<'de>>(
    mut json: serde_json::Deserializer<impl Read<'de>>,
    path: &[&'static str],
) -> Option<T> {
    let mut found = None;
    // The visitor ends with an error after the value; the result is in `found` by then.
    let _ = Member { path, found: &mut found }.deserialize(&mut json);
    found
}

/// Reads the value at a path of keys.
struct Member<'a, T> {
    path: &'a [&'static str],
    found: &'a mut Option<T>,
}

/// A key, borrowed if it has no escapes.
#[derive(serde::Deserialize)]
struct BorrowedKey<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Member<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            *self.found = Some(T::deserialize(deserializer)?);
            return Ok(());
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Member<'_, T> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else { return Ok(()) };
        while let Some(BorrowedKey(key)) = map.next_key()? {
            if key == *first {
                map.next_value_seed(Member { path: rest, found: &mut *self.found })?;
                return Err(A::Error::custom("the rest is not read"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Deserializer;
    use serde_json::value::RawValue;

    fn raw<'a>(json: &'a str, path: &[&'static str]) -> Option<&'a str> {
        at::<&RawValue>(Deserializer::from_str(json), path).map(RawValue::get)
    }

    #[test]
    fn finds_a_value_before_any_text() {
        assert_eq!(raw(r#"{"x":{"b":0},"a":{"c":[{}],"b": [1, 2] ,"#, &["a", "b"]), Some("[1, 2]"));
        assert_eq!(raw(r#"{"\u0061":1}"#, &["a"]), Some("1"));
        assert_eq!(raw("[]", &[]), Some("[]"));
    }

    #[test]
    fn the_first_of_equal_keys_counts() {
        assert_eq!(raw(r#"{"a":{},"a":{"b":1}}"#, &["a", "b"]), None);
        assert_eq!(raw(r#"{"a":{"b":1,"b":2}}"#, &["a", "b"]), Some("1"));
    }

    #[test]
    fn an_incomplete_value_is_none() {
        for json in ["", "[", r#"{"a""#, r#"{"a":"x"#, r#"{"a":[1"#, "7", r#"{"b":{"a":1}}"#] {
            assert_eq!(raw(json, &["a"]), None, "{json}");
        }
    }
}
