//! Removes `metadata.managedFields` from objects before they cross into a guest.
//!
//! The managed fields are often more than half of an object's text, and no rule reads them. Native code skips them at a
//! fraction of the cost of a guest.

use ordinance_json::Cursor;
use std::borrow::Cow;

/// Replaces the list of managed fields.
const NONE: &str = "[]";

/// Returns an object's JSON with an empty `metadata.managedFields`. Borrows an object without that field.
pub(super) fn without_managed_fields(json: &str) -> Cow<'_, str> {
    let mut cursor = Cursor::new(json, usize::MAX);
    let list = moved_to(&mut cursor, "metadata").and_then(|()| {
        moved_to(&mut cursor, "managedFields")?;
        cursor.skip().ok()
    });
    list.map_or(Cow::Borrowed(json), |list| without(json, list))
}

/// Enters the object at the cursor and moves to the value of its first member with this name, if there is one.
fn moved_to(cursor: &mut Cursor<'_>, name: &str) -> Option<()> {
    cursor.enter().ok().filter(|is_object| *is_object)?;
    while let Some(key) = cursor.next_key().ok()? {
        if key == name {
            return Some(());
        }
        cursor.skip().ok()?;
    }
    None
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
