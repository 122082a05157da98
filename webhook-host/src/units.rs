//! Durations and sizes as text: `15s`, `250ms`, `64Mi`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Serialises a [`Duration`] as text such as `15s`: `#[serde(with = "DurationText")]`.
pub struct DurationText;

/// Serialises a number of bytes as text such as `64Mi`: `#[serde(with = "ByteSize")]`.
pub struct ByteSize;

/// The units of sizes with their bytes, the largest first.
const UNITS: [(&str, usize); 3] = [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];

// === impl DurationText ===

impl DurationText {
    /// Parses a duration.
    ///
    /// # Errors
    ///
    /// The text is not a duration.
    pub fn parse(text: &str) -> Result<Duration, String> {
        humantime::parse_duration(text)
            .map_err(|_| format!("`{text}` is not a duration; write e.g. 15s or 250ms"))
    }

    /// Deserialises a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text: Cow<'de, str> = serde::Deserialize::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }

    /// Serialises a duration.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*span))
    }
}

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration.",
            "pattern": r"^[0-9]+[a-z]+( ?[0-9]+[a-z]+)*$",
            "examples": ["15s", "250ms", "2m"],
        })
    }
}

// === impl ByteSize ===

impl ByteSize {
    /// Parses a size.
    ///
    /// # Errors
    ///
    /// The text is not a size.
    pub fn parse(text: &str) -> Result<usize, String> {
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
        let (number, bytes) = unit.unwrap_or((text, 1));
        let size = number.parse::<usize>().ok().and_then(|number| number.checked_mul(bytes));
        size.ok_or_else(|| format!("`{text}` is not a size; write e.g. 512Ki, 64Mi or a number of bytes"))
    }

    /// Deserialises a size.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_any(Size)
    }

    /// Serialises a size in the largest unit that divides it.
    pub fn serialize<S: Serializer>(size: &usize, serializer: S) -> Result<S::Ok, S::Error> {
        let fitting = |(_, bytes): &&(&str, usize)| *size > 0 && size.is_multiple_of(*bytes);
        match UNITS.iter().find(fitting) {
            Some((unit, bytes)) => serializer.collect_str(&format_args!("{}{unit}", size / bytes)),
            None => serializer.serialize_u64(*size as u64),
        }
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "description": "A number of bytes.",
            "minimum": 0,
            "pattern": "^[0-9]+(Ki|Mi|Gi)?$",
            "examples": ["512Ki", "64Mi", 16384],
        })
    }
}

struct Size;

impl Visitor<'_> for Size {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a size such as 512Ki, 64Mi or a number of bytes")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<usize, E> {
        usize::try_from(bytes).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<usize, E> {
        usize::try_from(bytes).map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(bytes), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<usize, E> {
        ByteSize::parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_sizes_with_and_without_a_unit() {
        assert_eq!(
            ["0", "16384", "512Ki", "7Mi", "2Gi"].map(ByteSize::parse).map(Result::unwrap),
            [0, 16_384, 512 << 10, 7 << 20, 2 << 30]
        );
        for text in ["", "Mi", "1.5Mi", "-1", "7MB", "99999999999999999999", "18446744073709551615Ki"] {
            assert!(ByteSize::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn serialises_a_size_in_its_largest_exact_unit() {
        let written = [0, 1, 1000, 1024, 7 << 20, 3 << 30]
            .map(|size: usize| ByteSize::serialize(&size, serde_json::value::Serializer).unwrap());
        assert_eq!(
            written.map(|value| value.to_string()),
            ["0", "1", "1000", "\"1Ki\"", "\"7Mi\"", "\"3Gi\""]
        );
    }

    #[test]
    fn refuses_a_duration_without_a_unit() {
        assert_eq!(DurationText::parse("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(
            DurationText::parse("15"),
            Err("`15` is not a duration; write e.g. 15s or 250ms".to_owned())
        );
    }
}
