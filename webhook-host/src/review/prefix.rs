//! The uid of a review that is too large to be read: it stands near the beginning.

use ordinance_json as json;
use serde_json::Deserializer;

/// The uid, if it stands in the prefix.
pub(super) fn uid(prefix: &[u8]) -> Option<String> {
    json::at(Deserializer::from_slice(prefix), &["request", "uid"]).filter(|uid: &String| !uid.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_uid_before_the_text_breaks_off() {
        let text =
            br#"{"kind":"AdmissionReview","metadata":{"uid":"no"},"request":{"uid":"yes","object":{"spec":"#;
        assert_eq!(uid(text).as_deref(), Some("yes"));
    }

    #[test]
    fn half_a_uid_is_none() {
        for text in [
            "",
            "{",
            r#"{"request":{"uid":"hal"#,
            r#"{"request":{"uid":"""#,
            r#"{"request":{"uid":7"#,
            "\u{0}",
        ] {
            assert_eq!(uid(text.as_bytes()), None, "{text}");
        }
    }
}
