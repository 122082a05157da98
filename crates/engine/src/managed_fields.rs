//! Removes `metadata.managedFields` from objects before they cross into a guest.
//!
//! The managed fields are often more than half of an object's text, and no rule reads them. Native code skips them at a
//! fraction of the cost of a guest.

use ordinance_json as json;
use serde_json::Deserializer;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Replaces the list of managed fields.
const NONE: &str = "[]";

/// Returns an object's JSON with an empty `metadata.managedFields`. Borrows an object without that field.
pub(super) fn without_managed_fields(json: &str) -> Cow<'_, str> {
    match json::at::<&RawValue>(Deserializer::from_str(json), &["metadata", "managedFields"]) {
        Some(list) => without(json, list.get()),
        None => Cow::Borrowed(json),
    }
}

/// Returns the text with [`NONE`] in the place of a part of it.
fn without<'a>(text: &'a str, part: &str) -> Cow<'a, str> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    let (before, after) = (text.get(..start), text.get(start + part.len()..));
    let Some((before, after)) = before.zip(after) else { return Cow::Borrowed(text) };
    Cow::Owned([before, NONE, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empties_only_the_managed_fields_of_the_metadata() {
        let object = r#"{ "kind":"A", "metadata" : {"managedFields": [ {"fieldsV1":{"f:a":{}}} ],"name":"ä"},"spec":{"managedFields":[1]}} "#;
        let expected =
            r#"{ "kind":"A", "metadata" : {"managedFields": [],"name":"ä"},"spec":{"managedFields":[1]}} "#;
        assert_eq!(without_managed_fields(object), expected);
    }

    #[test]
    fn borrows_an_object_without_managed_fields() {
        for object in [
            r#"{"metadata":{"name":"a"}}"#,
            r#"{"metadata":null}"#,
            r#"{"spec":{"managedFields":[1]}}"#,
            r#"{"metadata":{"managedFields":[1"#,
            "[]",
            "",
        ] {
            assert!(
                matches!(without_managed_fields(object), Cow::Borrowed(same) if same == object),
                "{object}"
            );
        }
    }
}
