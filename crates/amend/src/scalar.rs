//! Scalars as text: plain where every YAML reader reads the same value, else quoted.

use granit_parser::ScalarStyle;
use ordinance_manifests::BYTE_ORDER_MARK;
use serde_json::Value;

/// When strings are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// Only where it is necessary.
    Needed,
    /// Always double quotes, as in JSON: a flow mapping of JSON stays JSON.
    Json,
}

/// Returns a scalar or an empty collection in one line, or `None` for a filled collection.
pub(crate) fn written(value: &Value, quotes: Quotes) -> Option<String> {
    match value {
        Value::String(text) => Some(text_as(text, quotes)),
        Value::Array(items) if !items.is_empty() => None,
        Value::Object(members) if !members.is_empty() => None,
        other => Some(other.to_string()),
    }
}

/// Returns a string with the necessary quotes.
pub(crate) fn text_as(text: &str, quotes: Quotes) -> String {
    match quotes {
        Quotes::Needed if is_plain(text) => text.to_owned(),
        Quotes::Needed if !text.contains(needs_escape) => single(text),
        _ => double(text),
    }
}

/// A string in the place of a scalar of this style, in the same quotes where they suffice.
pub(crate) fn text_like(text: &str, style: ScalarStyle, quotes: Quotes) -> String {
    match style {
        ScalarStyle::DoubleQuoted => double(text),
        ScalarStyle::SingleQuoted if !text.contains(needs_escape) => single(text),
        _ => text_as(text, quotes),
    }
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let json = Value::from(text).to_string();
    json.chars().fold(String::with_capacity(json.len()), |mut written, char| {
        match needs_escape(char) {
            true => written.push_str(&format!("\\u{:04x}", u32::from(char))),
            false => written.push(char),
        }
        written
    })
}

/// Control characters, and characters that some YAML readers take for line breaks or drop.
fn needs_escape(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | BYTE_ORDER_MARK)
}

/// Plain words that some YAML reader reads as another type than string, in lower case.
const WORDS: [&str; 11] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"];

/// Whether a string without quotes is read as itself, also in flow collections: it begins with a letter, `$`, `/` or
/// `_`, so that it is not a number, and has no indicator of YAML.
fn is_plain(text: &str) -> bool {
    let starts_well = text.starts_with(|first: char| first.is_alphabetic() || "$/_".contains(first));
    let is_harmless = |char: char| char.is_alphanumeric() || "$/_()-.+=~@% ".contains(char);
    let is_separate = text.ends_with(' ') || text.contains("  ");
    starts_well
        && text.chars().all(is_harmless)
        && !is_separate
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_where_the_value_would_change() {
        let written: Vec<String> =
            ["$(POD)/a b", "metadata.name", "yes", "1", "", "a: b", "it's", "a, b", "a\tb", "\u{2028}"]
                .map(|text| text_as(text, Quotes::Needed))
                .into();
        assert_eq!(
            written,
            [
                "$(POD)/a b",
                "metadata.name",
                "'yes'",
                "'1'",
                "''",
                "'a: b'",
                "'it''s'",
                "'a, b'",
                "\"a\\tb\"",
                "\"\\u2028\""
            ]
        );
    }

    #[test]
    fn keeps_the_quotes_of_the_replaced_scalar() {
        assert_eq!(text_like("a", ScalarStyle::DoubleQuoted, Quotes::Needed), "\"a\"");
        assert_eq!(text_like("a'", ScalarStyle::SingleQuoted, Quotes::Needed), "'a'''");
        assert_eq!(text_like("a", ScalarStyle::Plain, Quotes::Json), "\"a\"");
        assert_eq!(text_like("a", ScalarStyle::Literal, Quotes::Needed), "a");
    }
}
