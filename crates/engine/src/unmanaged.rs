//! What of an object crosses into a guest: all but `metadata.managedFields`.
//!
//! Who set which field is often more than half of an object's text, and no rule asks for it; to pass over it costs native
//! code a fraction of what it costs a guest.

use ordinance_json as json;
use serde_json::Deserializer;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What takes the place of the list.
const NONE: &str = "[]";

/// An object's JSON with an empty `metadata.managedFields`; borrowed as it is if it has none.
pub(super) fn without_managed_fields(json: &str) -> Cow<'_, str> {
    match json::at::<&RawValue>(Deserializer::from_str(json), &["metadata", "managedFields"]) {
        Some(list) => without(json, list.get()),
        None => Cow::Borrowed(json),
    }
}

/// The text with another in the place of a part of it.
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
    fn an_object_keeps_all_but_its_managed_fields() {
        let object = r#"{ "kind":"A", "metadata" : {"managedFields": [ {"fieldsV1":{"f:a":{}}} ],"name":"ä"},"spec":{"managedFields":[1]}} "#;
        let expected =
            r#"{ "kind":"A", "metadata" : {"managedFields": [],"name":"ä"},"spec":{"managedFields":[1]}} "#;
        assert_eq!(without_managed_fields(object), expected);
    }

    #[test]
    fn an_object_without_them_is_borrowed() {
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
