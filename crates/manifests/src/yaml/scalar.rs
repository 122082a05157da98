//! The value of a plain scalar, by the rules of YAML 1.1 as kubectl's parser has them.

use super::quote::quote;
use granit_parser::ScalarStyle;
use serde_json::Number;

/// The value of a plain scalar.
#[derive(Debug, PartialEq)]
enum Plain {
    Null,
    Boolean(bool),
    Number(Number),
    /// Infinity or not a number, which JSON cannot express.
    NotFinite,
    Text,
}

/// Plain scalars that mean null.
pub const NULL_WORDS: [&str; 5] = ["", "~", "null", "Null", "NULL"];

/// Appends a scalar as JSON; `tag` is the suffix of a core tag, e.g. `int` of `!!int`.
///
/// # Errors
///
/// If the scalar is a number that JSON cannot express.
pub(super) fn write(
    json: &mut String,
    text: &str,
    style: ScalarStyle,
    tag: Option<&str>,
) -> Result<(), &'static str> {
    let plain = match tag {
        Some("bool" | "float" | "int" | "null") => meaning(text),
        None if style == ScalarStyle::Plain => meaning(text),
        _ => Plain::Text,
    };
    match plain {
        Plain::Null => json.push_str("null"),
        Plain::Boolean(value) => json.push_str(if value { "true" } else { "false" }),
        Plain::Number(number) => json.push_str(&number.to_string()),
        Plain::NotFinite => return Err("not a finite number, which is all that JSON can hold"),
        Plain::Text => quote(json, text),
    }
    Ok(())
}

fn meaning(text: &str) -> Plain {
    match text.as_bytes().first() {
        None | Some(b'~' | b'.' | b'+' | b'-' | b'0'..=b'9') => {}
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') if text.len() <= 5 => {}
        _ => return Plain::Text,
    }
    match text {
        _ if NULL_WORDS.contains(&text) => Plain::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Plain::Boolean(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Plain::Boolean(false)
        }
        ".nan" | ".NaN" | ".NAN" => Plain::NotFinite,
        _ if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF") => Plain::NotFinite,
        _ => number(&text.replace('_', "")).map_or(Plain::Text, Plain::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("", text.get(1..)?),
        _ => ("", text),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    integer(sign, digits).or_else(|| float(text, digits))
}

/// Hexadecimal, octal or binary by its prefix, else decimal.
fn integer(sign: &str, digits: &str) -> Option<Number> {
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    match sign {
        "-" => i64::from_str_radix(&format!("-{digits}"), radix).ok().map(Number::from),
        _ => u64::from_str_radix(digits, radix).ok().map(Number::from),
    }
}

fn float(text: &str, digits: &str) -> Option<Number> {
    let decimal = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if !digits.bytes().all(decimal) {
        return None;
    }
    text.parse().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let mut json = String::new();
        write(&mut json, text, ScalarStyle::Plain, None).map_or_else(|error| error.to_owned(), |()| json)
    }

    #[test]
    fn has_the_value_that_kubectl_reads() {
        for (text, expected) in [
            ("", "null"),
            ("~", "null"),
            ("NULL", "null"),
            ("nUll", "\"nUll\""),
            ("yes", "true"),
            ("y", "true"),
            ("No", "false"),
            ("yEs", "\"yEs\""),
            ("1", "1"),
            ("-7", "-7"),
            ("+7", "7"),
            ("0", "0"),
            ("0644", "420"),
            ("0o644", "420"),
            ("08", "8.0"),
            ("0x1F", "31"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "1.8446744073709552e+19"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1.5", "1.5"),
            (".5", "0.5"),
            ("1e3", "1000.0"),
            ("1e999", "\"1e999\""),
            (".", "\".\""),
            ("-", "\"-\""),
            ("+x", "\"+x\""),
            ("1.2.3", "\"1.2.3\""),
            ("10Gi", "\"10Gi\""),
            ("100m", "\"100m\""),
            ("12e", "\"12e\""),
            ("2001-12-14", "\"2001-12-14\""),
            ("1:30", "\"1:30\""),
            ("0x", "\"0x\""),
            ("--1", "\"--1\""),
            ("inf", "\"inf\""),
            ("a\"b\\\n", "\"a\\\"b\\\\\\n\""),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
        assert!(json(".inf").contains("finite") && json("-.Inf").contains("finite"));
    }

    #[test]
    fn a_tag_or_quotes_decide_the_type() {
        let tagged = |style, tag| {
            let mut json = String::new();
            write(&mut json, "1", style, tag).map(|()| json)
        };
        assert_eq!(tagged(ScalarStyle::DoubleQuoted, None), Ok("\"1\"".to_owned()));
        assert_eq!(tagged(ScalarStyle::Plain, Some("str")), Ok("\"1\"".to_owned()));
        assert_eq!(tagged(ScalarStyle::SingleQuoted, Some("int")), Ok("1".to_owned()));
    }
}
