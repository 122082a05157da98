//! Reading foreign JSON: borrowed text, and `null` where a value was expected.
//!
//! Views are structs of the few fields that a caller reads, borrowed from the text; serde skips the rest. The API
//! server treats `null` as absent, so every field of a view does too ([`lenient`]). A value of a wrong type is an error
//! of the whole object: the API server never sends one, and an error is better than a guess.

mod equality;

pub use equality::is_equal;

use ordinance_json::RawText;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// A string that borrows from the object's text unless it holds an escape.
///
/// `Option<Cow<str>>` and `Vec<Cow<str>>` always own: serde borrows only where a `Cow` is a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(Cow<'a, str>);

/// Reads a field in which `null` counts as absent: `#[serde(default, deserialize_with = "json::lenient")]`.
pub fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a list in which `null` counts as empty, and a `null` element as the default value.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(maybe_list(deserializer)?.unwrap_or_default())
}

/// Reads a list as [`list`] does, or `None` where it is absent or `null`.
fn maybe_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<Elements<T>>::deserialize(deserializer)?.map(|Elements(list)| list))
}

/// Reads a map of strings in which `null` counts as empty, and a `null` value as an empty string.
pub fn strings<'de, D>(deserializer: D) -> Result<BTreeMap<Text<'de>, Text<'de>>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Option::<Strings<'de>>::deserialize(deserializer)?.unwrap_or_default().0)
}

/// The text of a field that is parsed on demand.
///
/// Views read such fields as a type parameter: a caller that parses them chooses `Raw`, any other one the default
/// `IgnoredAny`, which costs nothing.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct Raw<'a>(#[serde(borrow)] Option<RawText<'a>>);

/// A struct that is read from an object only; serde would read one from an array too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members<T>(pub T);

/// A list in which a `null` element counts as the default value.
struct Elements<T>(Vec<T>);

/// A map of strings in which a `null` value counts as empty.
#[derive(Default)]
struct Strings<'a>(BTreeMap<Text<'a>, Text<'a>>);

/// Parses the text of an object.
///
/// # Errors
///
/// The text is not an object, or a member has another type than `T` says.
pub fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    ordinance_json::read(text).map(|Members(object)| object)
}

/// Reads an object, or `None` where it is absent or `null`.
pub(crate) fn maybe_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Members<T>>::deserialize(deserializer)?.map(|Members(object)| object))
}

/// Reads an object, or the default value where it is absent or `null`.
pub fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(maybe_object(deserializer)?.unwrap_or_default())
}

/// Reads a list of objects, as [`list`] does.
pub fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(maybe_objects(deserializer)?.unwrap_or_default())
}

/// Reads a list of objects as [`objects`] does, or `None` where it is absent or `null`.
pub(crate) fn maybe_objects<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    let elements = maybe_list::<_, Members<T>>(deserializer)?;
    Ok(elements.map(|list| list.into_iter().map(|Members(object)| object).collect()))
}

/// Returns the text as a JSON string.
#[inline]
pub fn quoted(text: &str) -> String {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        return Value::from(text).to_string();
    }
    ["\"", text, "\""].concat()
}

/// Returns the text of a value that was passed over, or `null` if it is not JSON. What a patch copies has to be valid.
pub(crate) fn valid_or_null(text: &str) -> &str {
    if serde_json::from_str::<Value>(text).is_ok() { text } else { "null" }
}

/// Returns a JSON text that is the same for values that [`is_equal`] finds equal, or `None` for invalid JSON.
pub fn canonical(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(without_null_members(value).to_string())
}

fn without_null_members(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_null_members(value)))
            .collect(),
        Value::Array(elements) => elements.into_iter().map(without_null_members).collect(),
        value => value,
    }
}

// === impl Raw ===

impl<'a> Raw<'a> {
    /// Parses the field; an absent one or `null` is the default value.
    pub(crate) fn parse<T: Default + Deserialize<'a>>(self) -> Result<T, serde_json::Error> {
        self.0.map_or_else(|| Ok(T::default()), |raw| ordinance_json::read(raw.get()))
    }
}

// === impl Members ===

impl<T> Deref for Members<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for MembersVisitor<T> {
            type Value = Members<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Members)
            }
        }

        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

// === impl Elements ===

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for Elements<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor<T>(PhantomData<T>);

        impl<'de, T: Default + Deserialize<'de>> Visitor<'de> for ElementsVisitor<T> {
            type Value = Elements<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = elements.next_element::<Option<T>>()? {
                    list.push(element.unwrap_or_default());
                }
                Ok(Elements(list))
            }
        }

        deserializer.deserialize_seq(ElementsVisitor(PhantomData))
    }
}

// === impl Strings ===

impl<'de> Deserialize<'de> for Strings<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringsVisitor;

        impl<'de> Visitor<'de> for StringsVisitor {
            type Value = Strings<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut strings = BTreeMap::new();
                while let Some((name, value)) = members.next_entry::<Text<'de>, Option<Text<'de>>>()? {
                    strings.insert(name, value.unwrap_or_default());
                }
                Ok(Strings(strings))
            }
        }

        deserializer.deserialize_map(StringsVisitor)
    }
}

// === impl Text ===

impl Deref for Text<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Named<'a> {
        #[serde(borrow, deserialize_with = "lenient")]
        name: Text<'a>,
    }

    #[test]
    fn an_array_is_not_an_object() {
        assert_eq!(read::<Named<'_>>(r#"{"name":"a","other":[]}"#).ok(), Some(Named { name: "a".into() }));
        assert_eq!(read::<Named<'_>>(r#"["a"]"#).ok(), None);
    }

    #[test]
    fn text_borrows_where_it_can_and_null_is_absent() {
        let name = |text| read::<Named<'_>>(text).map(|named| named.name.0);
        assert!(matches!(name(r#"{"name":"a"}"#), Ok(Cow::Borrowed("a"))));
        assert!(matches!(name(r#"{"name":"\u0061"}"#), Ok(Cow::Owned(text)) if text == "a"));
        assert!(matches!(name(r#"{"name":null}"#), Ok(text) if text.is_empty()));
        assert!(name(r#"{"name":1}"#).is_err());
    }

    #[test]
    fn equal_texts_have_one_canonical_text() {
        let texts = [r#"{"b":[{"x":null}],"a":{"y":1}}"#, r#"{ "a": {"y":1,"z":null}, "b":[{}]}"#];
        assert_eq!(texts.map(canonical), [(); 2].map(|()| Some(r#"{"a":{"y":1},"b":[{}]}"#.to_owned())));
        assert_ne!(canonical("[null]"), canonical("[]"));
        assert_eq!(canonical("{"), None);
    }
}
