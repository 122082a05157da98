//! Finds the uid of a review that is too large to be read. The uid is near the beginning.

use super::envelope::UID_BYTES;
use ordinance_json as json;
use serde_json::Deserializer;

/// Returns the uid, if the prefix contains it completely and it is valid.
pub(super) fn uid(prefix: &[u8]) -> Option<String> {
    let is_valid = |uid: &String| (1..=UID_BYTES).contains(&uid.len());
    json::at(Deserializer::from_slice(prefix), &["request", "uid"]).filter(is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_uid_of_a_truncated_review() {
        let text =
            br#"{"kind":"AdmissionReview","metadata":{"uid":"no"},"request":{"uid":"yes","object":{"spec":"#;
        assert_eq!(uid(text).as_deref(), Some("yes"));
    }

    #[test]
    fn ignores_an_incomplete_or_invalid_uid() {
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
