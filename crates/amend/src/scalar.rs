//! Single values as text: plain where that is read as the same by every reader of YAML, else quoted.

use granit_parser::ScalarStyle;
use serde_json::Value;

/// How texts are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// Only where they must be.
    Needed,
    /// As in JSON.
    Json,
}

/// A value that is no collection, or an empty one.
pub(crate) fn written(value: &Value, quotes: Quotes) -> Option<String> {
    match value {
        Value::String(text) => Some(text_as(text, quotes)),
        Value::Array(items) if !items.is_empty() => None,
        Value::Object(members) if !members.is_empty() => None,
        other => Some(other.to_string()),
    }
}

/// A text.
pub(crate) fn text_as(text: &str, quotes: Quotes) -> String {
    match quotes {
        Quotes::Needed if is_plain(text) => text.to_owned(),
        Quotes::Needed if !text.contains(needs_escape) => single(text),
        _ => double(text),
    }
}

/// A text in the place of another one, quoted as that was.
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

/// Control characters, and what some readers of YAML take for the end of a line or of nothing at all.
fn needs_escape(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Words that are no texts to one reader or another.
const WORDS: [&str; 11] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"];

/// Whether a text without quotes is read as itself, in flow collections too: a letter or `$`, `/`, `_` first, so that it
/// is no number, and nothing that means something to YAML.
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
    fn quotes_only_what_would_be_something_else() {
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
    fn a_text_in_the_place_of_another_is_quoted_as_that_was() {
        assert_eq!(text_like("a", ScalarStyle::DoubleQuoted, Quotes::Needed), "\"a\"");
        assert_eq!(text_like("a'", ScalarStyle::SingleQuoted, Quotes::Needed), "'a'''");
        assert_eq!(text_like("a", ScalarStyle::Plain, Quotes::Json), "\"a\"");
        assert_eq!(text_like("a", ScalarStyle::Literal, Quotes::Needed), "a");
    }
}
