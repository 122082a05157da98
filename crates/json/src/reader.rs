//! Reads a view of a JSON text: the fields that a type names. What no field names is passed over without being parsed or validated.
//!
//! `serde_json` reads the same types, and validates each byte of what they ignore, which is most of a Kubernetes object. In
//! WebAssembly it also looks for the end of a string only four bytes at a time. Numbers, strings with escapes and values of any type
//! are left to it, and errors have its words.

use crate::brackets::{self, NoEnd};
use crate::string;
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, Expected, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;
use serde_json::{Error, Number};
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

/// The levels that a text may nest, those included that are passed over: as many as `serde_json` reads.
const LEVELS: usize = 127;

/// The name by which [`RawText`] asks for the text of a value.
const RAW: &str = "$ordinance::RawText";

/// The text of a value that was passed over. From [`read`] it may be no valid JSON; `serde_json` validates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawText<'a>(&'a str);

/// Reads a value.
///
/// # Errors
///
/// The text is not JSON as far as it is read, or a value has another type than the field that names it.
pub fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    let mut reader = Reader { text, position: 0, levels: LEVELS };
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(Error::custom("trailing characters")),
    }
}

/// A position in a text, before a value.
struct Reader<'de> {
    text: &'de str,
    position: usize,
    /// The levels that may be entered.
    levels: usize,
}

/// The members of an object, or the elements of a list.
struct Entries<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// The byte that ends them.
    end: u8,
    is_first: bool,
    is_over: bool,
}

/// A visitor that takes no value, so that `serde_json` says what was expected instead.
struct Nothing<'e>(&'e dyn Expected);

// === impl RawText ===

impl<'a> RawText<'a> {
    /// The text of `null`.
    pub const NULL: Self = Self("null");

    /// Returns the text.
    pub fn get(self) -> &'a str {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor;

        impl<'de> Visitor<'de> for RawVisitor {
            type Value = RawText<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(RawText(text))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, other: D) -> Result<Self::Value, D::Error> {
                <&RawValue>::deserialize(other).map(|raw| RawText(raw.get()))
            }
        }

        deserializer.deserialize_newtype_struct(RAW, RawVisitor)
    }
}

// === impl Reader ===

impl<'de> Reader<'de> {
    /// Moves to the next token, and returns its first byte.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.position) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.position += 1,
                byte => return byte.copied(),
            }
        }
    }

    fn rest(&self) -> &'de [u8] {
        self.text.as_bytes().get(self.position..).unwrap_or_default()
    }

    /// Moves on by this many bytes, and returns their text.
    fn take(&mut self, bytes: usize) -> Result<&'de str, Error> {
        let text = self.text.get(self.position..self.position + bytes);
        self.position += bytes;
        text.ok_or_else(|| Error::custom("expected value"))
    }

    /// Passes over the value, and returns its text.
    fn skip(&mut self) -> Result<&'de str, Error> {
        match self.peek() {
            Some(b'"') => match self.rest().get(1..).and_then(string::end) {
                Some(end) => self.take(end + 1),
                None => Err(Error::custom("EOF while parsing a string")),
            },
            Some(b'{' | b'[') => {
                let end = brackets::end(self.rest(), self.levels).map_err(|error| match error {
                    NoEnd::Deep => Error::custom("recursion limit exceeded"),
                    NoEnd::Open => Error::custom("EOF while parsing an object or a list"),
                })?;
                self.take(end)
            }
            None => Err(Error::custom("EOF while parsing a value")),
            Some(_) => {
                let is_scalar = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                match self.rest().iter().take_while(is_scalar).count() {
                    0 => Err(Error::custom("expected value")),
                    bytes => self.take(bytes),
                }
            }
        }
    }

    /// Returns the string that begins here, borrowed if it has no escapes.
    fn string(&mut self) -> Result<Cow<'de, str>, Error> {
        let rest = self.rest().get(1..).unwrap_or_default();
        let plain = string::plain_bytes(rest);
        if rest.get(plain) == Some(&b'"') {
            self.position += 1;
            let text = self.take(plain)?;
            self.position += 1;
            return Ok(Cow::Borrowed(text));
        }
        self.escaped().map(Cow::Owned)
    }

    /// Returns the string with escapes that begins here.
    #[cold]
    fn escaped(&mut self) -> Result<String, Error> {
        serde_json::from_str(self.skip()?)
    }

    /// Returns the number that begins here.
    fn number(&mut self) -> Result<Number, Error> {
        serde_json::from_str(self.skip()?)
    }

    /// Returns the error that the value has another type than expected. This is no generic code, of which each view would have a copy.
    #[cold]
    fn unexpected(&mut self, expected: &dyn Expected) -> Error {
        let value = self.skip();
        let Err(error) =
            value.and_then(|raw| serde_json::Deserializer::from_str(raw).deserialize_any(Nothing(expected)));
        error
    }

    /// Gives a visitor the object or the list that begins here.
    fn visit_entries<V, T>(&mut self, end: u8, visit: V) -> Result<T, Error>
    where
        V: FnOnce(&mut Entries<'_, 'de>) -> Result<T, Error>,
    {
        self.levels = self.levels.checked_sub(1).ok_or_else(|| Error::custom("recursion limit exceeded"))?;
        self.position += 1;
        let mut entries = Entries { reader: self, end, is_first: true, is_over: false };
        let value = visit(&mut entries)?;
        if !entries.is_over && entries.next()? {
            return Err(Error::custom("trailing characters"));
        }
        self.levels += 1;
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    /// Leaves values of any type to `serde_json`: no view has one.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut value = serde_json::Deserializer::from_str(self.skip()?);
        let visited = value.deserialize_any(visitor)?;
        value.end()?;
        Ok(visited)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'{') => self.visit_entries(b'}', |members| visitor.visit_map(members)),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    /// A struct is read from an object only, unlike by `serde_json`.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'[') => self.visit_entries(b']', |elements| visitor.visit_seq(elements)),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"') => match self.string()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b't' | b'f') => visitor.visit_bool(serde_json::from_str(self.skip()?)?),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                match (number.as_i64(), number.as_u64(), number.as_f64()) {
                    (Some(number), ..) => visitor.visit_i64(number),
                    (_, Some(number), _) => visitor.visit_u64(number),
                    (.., number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
                }
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'n') if self.skip()? == "null" => visitor.visit_none(),
            Some(b'n') => Err(Error::custom("expected ident")),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == RAW {
            visitor.visit_borrowed_str(self.skip()?)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let raw = self.skip()?;
        serde_json::Deserializer::from_str(raw).deserialize_enum(name, variants, visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

// === impl Nothing ===

impl<'de> Visitor<'de> for Nothing<'_> {
    type Value = Infallible;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

// === impl Entries ===

impl<'de> Entries<'_, 'de> {
    /// Moves to the next entry. Returns whether there is one, and moves behind the end if there is none.
    fn next(&mut self) -> Result<bool, Error> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.reader.peek() {
            Some(byte) if byte == self.end => {
                self.reader.position += 1;
                self.is_over = true;
                return Ok(false);
            }
            Some(b',') if !is_first => self.reader.position += 1,
            Some(_) if is_first => {}
            Some(_) => return Err(Error::custom("expected `,` or the end of the object or the list")),
            None => return Err(Error::custom("EOF while parsing an object or a list")),
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for &mut Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.is_over || !self.next()? {
            return Ok(None);
        }
        if self.reader.peek() != Some(b'"') {
            return Err(Error::custom("key must be a string"));
        }
        let key = seed.deserialize(&mut *self.reader)?;
        if self.reader.peek() != Some(b':') {
            return Err(Error::custom("expected `:`"));
        }
        self.reader.position += 1;
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for &mut Entries<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.is_over || !self.next()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct View<'a> {
        #[serde(borrow)]
        text: Cow<'a, str>,
        number: Option<i64>,
        flag: bool,
        #[serde(borrow)]
        list: Vec<Option<View<'a>>>,
        map: BTreeMap<String, f64>,
        kind: Option<Kind>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Kind {
        A,
        B,
    }

    /// Reads a view in both ways, and compares the results.
    fn view(text: &str) -> Result<View<'_>, String> {
        let both = [read(text), serde_json::from_str(text)].map(|view: Result<View<'_>, Error>| {
            view.map_err(|error| error.to_string().split(" at line ").next().unwrap_or_default().to_owned())
        });
        let [ours, library] = both;
        assert_eq!(ours, library, "{text}");
        ours
    }

    #[test]
    fn reads_what_the_library_reads() {
        for text in [
            "{}",
            r#" { "text" : "a" , "other" : {"x":[1,{"y":"]}"}]} , "number" : -7, "flag":true } "#,
            r#"{"text":"\u00e4\n","list":[null,{"text":"b"},{}],"map":{"a":1,"b":2.5e3},"kind":"B"}"#,
            r#"{"number":null,"kind":null,"list":[],"map":{}}"#,
            r#"{"t\u0065xt":"a"}"#,
        ] {
            assert!(view(text).is_ok(), "{text}");
        }
        let borrowed = read::<View<'_>>(r#"{"text":"a"}"#).expect("read");
        assert!(matches!(borrowed.text, Cow::Borrowed("a")));
    }

    #[test]
    fn a_value_of_another_type_has_the_error_of_the_library() {
        for (text, error) in [
            (r#"{"text":1}"#, "invalid type: integer `1`, expected a string"),
            (r#"{"list":"a"}"#, "invalid type: string \"a\", expected a sequence"),
            (r#"{"list":{}}"#, "invalid type: map, expected a sequence"),
            (r#"{"flag":[1]}"#, "invalid type: sequence, expected a boolean"),
            (r#"{"number":1.5}"#, "invalid type: floating point `1.5`, expected i64"),
            (r#"{"kind":"C"}"#, "unknown variant `C`, expected `A` or `B`"),
            (r#"{"text":"a","text":"b"}"#, "duplicate field `text`"),
        ] {
            assert_eq!(view(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_is_read() {
        for text in [
            "",
            "{",
            r#"{"text""#,
            r#"{"text":"a"#,
            r#"{"text":"a"}x"#,
            r#"{"text":"a",}"#,
            r#"{"text" "a"}"#,
            r#"{"text":"a" "flag":true}"#,
            r#"{text:"a"}"#,
            r#"{"number":1x}"#,
            r#"{"number":nul}"#,
            r#"{"list":[{} {}]}"#,
            r#"{"list":[,]}"#,
            r#"{"other":[}"#,
            r#"{"other":}"#,
            "{\"text\":\"a\u{1}\"}",
            r#"{"text":"\x"}"#,
        ] {
            assert!(read::<View<'_>>(text).is_err(), "{text}");
        }
        assert!(read::<View<'_>>(r#"{"other":[1 2,,tru]}"#).is_ok(), "what is passed over is not validated");
    }

    #[test]
    fn nesting_is_limited_as_in_the_library() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        for levels in [1, LEVELS - 1, LEVELS, LEVELS + 1, 10_000] {
            let text = nested(levels);
            let is_read = read::<Value>(&text).is_ok();
            assert_eq!(is_read, serde_json::from_str::<Value>(&text).is_ok(), "{levels}");
            let ignored = format!(r#"{{"other":{text}}}"#);
            assert_eq!(read::<View<'_>>(&ignored).is_ok(), levels < LEVELS, "{levels}");
        }
    }

    #[test]
    fn a_raw_text_is_the_text_of_its_value() {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            a: Option<RawText<'a>>,
            #[serde(borrow)]
            b: RawText<'a>,
        }
        let raw: Raw<'_> = read(r#"{ "a" : null, "b" : [1, "]"] }"#).expect("read");
        assert_eq!((raw.a, raw.b.get()), (None, r#"[1, "]"]"#));
        let validated: Raw<'_> = serde_json::from_str(r#"{"b":[1 ]}"#).expect("read");
        assert_eq!((validated.a, validated.b.get()), (None, "[1 ]"));
    }

    fn scalars() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            "[a-z\"\\\\\n\u{e4}]{0,12}".prop_map(Value::from),
        ]
    }

    fn values() -> impl Strategy<Value = Value> {
        scalars().prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"]{0,9}", inner, 0..5).prop_map(|members| json!(members)),
            ]
        })
    }

    /// Objects with the members of a view, often of their types, and with others.
    fn views() -> impl Strategy<Value = Value> {
        let text = prop_oneof![3 => "[a-z\u{e4}\"]{0,20}".prop_map(Value::from), 1 => scalars()];
        let number = prop_oneof![3 => any::<i64>().prop_map(Value::from), 1 => scalars()];
        let members =
            (text, number, prop_oneof![3 => any::<bool>().prop_map(Value::from), 1 => values()], values());
        let object = members.prop_map(
            |(text, number, flag, other)| json!({"text": text, "number": number, "a": other, "flag": flag, "z": other}),
        );
        object.prop_recursive(3, 12, 4, |inner| {
            let list = prop::collection::vec(prop_oneof![4 => inner.clone(), 1 => scalars()], 0..4);
            (inner, list).prop_map(|(mut object, list)| {
                object["list"] = list.into();
                object
            })
        })
    }

    proptest! {
        #[test]
        fn a_view_is_read_as_by_the_library(value in views(), is_pretty: bool) {
            let text = if is_pretty { format!("{value:#}") } else { value.to_string() };
            let _ = view(&text);
        }

        #[test]
        fn a_changed_byte_is_read_as_by_the_library_or_passed_over(value in views(), at: usize, byte in 0..128_u8) {
            let mut bytes = value.to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(text) = String::from_utf8(bytes)
                && let Ok(library) = serde_json::from_str::<View<'_>>(&text)
            {
                prop_assert_eq!(read::<View<'_>>(&text).ok(), Some(library), "{}", text);
            }
        }
    }
}
