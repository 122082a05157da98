//! Whether two JSON values are equal.

use ordinance_json::RawText;
use serde_json::{Map, Value};

/// Returns whether two values are equal, whatever the order of members; a `null` member counts as absent. Two objects differ if
/// members of the same name before the others of that name do.
pub fn is_equal(one: RawText<'_>, other: RawText<'_>) -> bool {
    let (one, other) = (one.get(), other.get());
    one == other || !differ_in_a_string(one, other) && are_equal_values(one, other)
}

/// Returns true if the first difference of two valid texts is within a string that is a value: up to there they have the same names
/// and as many elements, so that the values at one place differ. Most updates change an image or a variable, and neither text
/// has to be parsed then.
fn differ_in_a_string(one: &str, other: &str) -> bool {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let Some(start) = open_string(one.as_bytes().get(..same).unwrap_or_default()) else { return false };
    [one, other].into_iter().all(|text| text.get(start..).is_some_and(is_plain_value))
}

/// Returns where the string begins, after its quote, that a beginning of a text ends in.
fn open_string(beginning: &[u8]) -> Option<usize> {
    let (mut start, mut bytes) = (None, beginning.iter().enumerate());
    while let Some((position, byte)) = bytes.next() {
        match (byte, start) {
            (b'"', None) => start = Some(position + 1),
            (b'"', Some(_)) => start = None,
            (b'\\', Some(_)) => drop(bytes.next()),
            _ => {}
        }
    }
    start
}

/// Returns whether the string that a text begins within has no escapes, and is no name of a member.
fn is_plain_value(text: &str) -> bool {
    let Some((string, rest)) = text.split_once('"') else { return false };
    !string.contains('\\') && !rest.trim_start().starts_with(':')
}

/// Parses and compares two values. A number out of range, which no parser of values takes, equals only its own text.
fn are_equal_values(one: &str, other: &str) -> bool {
    match (serde_json::from_str(one), serde_json::from_str(other)) {
        (Ok(one), Ok(other)) => same(&one, &other),
        _ => false,
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => same_members(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}

/// Returns whether two objects have the same members. Each pair is compared once: nested objects would otherwise cost
/// twice as much with each level.
fn same_members(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    let present = |object: &Map<String, Value>| object.values().filter(|value| !value.is_null()).count();
    let is_in_other =
        |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| same(value, other));
    present(one) == present(other) && one.iter().filter(|(_, value)| !value.is_null()).all(is_in_other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares two values, and checks that a difference in a string is one.
    fn is_equal(one: &str, other: &str) -> bool {
        let raw = |text| serde_json::from_str::<RawText<'_>>(text).expect("JSON");
        let equal = super::is_equal(raw(one), raw(other));
        assert_eq!(equal, are_equal_values(one, other), "{one} {other}");
        equal
    }

    #[test]
    fn order_and_null_members_do_not_matter() {
        assert!(is_equal(r#"{"a":[{"b":1,"c":null}],"d":"x"}"#, r#"{"d":"x","a":[{"b":1}],"e":null}"#));
        assert!(is_equal(r#"{"a":"\u0062"}"#, r#"{ "\u0061" : "b" }"#));
        assert!(!is_equal(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#));
        assert!(!is_equal(r#"{"a":1}"#, r#"{"a":1,"b":0}"#));
        assert!(!is_equal(r#"{"a":null,"b":1}"#, r#"{"a":1}"#));
        assert!(!are_equal_values("{", "{"), "invalid JSON equals nothing");
    }

    #[test]
    fn a_difference_in_a_string_is_found_without_parsing() {
        for (one, other) in [
            (r#"{"image":"a:1","b":[{"c":1}]}"#, r#"{"image":"a:2","b":[{"c":1}]}"#),
            (r#"{"b":["x","y"]}"#, r#"{"b":["x","z"]}"#),
            (r#"["\"]","a"]"#, r#"["\"]","ab"]"#),
            (r#"{"a" : "" , "b":1}"#, r#"{"a" : "x" , "b":1}"#),
            (r#"{"a":"ä"}"#, r#"{"a":"ö"}"#),
        ] {
            assert!(differ_in_a_string(one, other), "{one} {other}");
            assert!(!is_equal(one, other), "{one} {other}");
        }
    }

    #[test]
    fn other_differences_are_left_to_the_parser() {
        for (one, other, equal) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
            (r#"{"a":"x"}"#, r#"{"a":"\u0078"}"#, true),
            (r#"{"a":"x\n"}"#, r#"{"a":"x\u000a"}"#, true),
            (r#"{"a":"x","b":null}"#, r#"{"a":"x"}"#, true),
            (r#"{"a":"x" }"#, r#"{"a":"x"}"#, true),
            (r#"{"a":"x"}"#, r#"{"a":1}"#, false),
            (r#"{"ab" : 1}"#, r#"{"ac" : 1}"#, false),
            ("[1]", "[12]", false),
        ] {
            assert!(!differ_in_a_string(one, other), "{one} {other}");
            assert_eq!(is_equal(one, other), equal, "{one} {other}");
        }
    }

    #[test]
    fn deep_objects_are_compared_once() {
        let deep = |inside: &str| format!(r#"{}{inside}{}"#, r#"{"a":"#.repeat(100), "}".repeat(100));
        assert!(is_equal(&deep("{}"), &deep(r#"{"b":null}"#)));
        assert!(!is_equal(&deep("{}"), &deep(r#"{"b":0}"#)));
    }

    #[test]
    fn a_number_out_of_range_equals_only_its_own_text() {
        assert!(!is_equal("[1e999]", "[1e998]"));
        let huge = serde_json::from_str::<RawText<'_>>("[1e999]").expect("JSON");
        assert!(super::is_equal(huge, huge));
    }
}
