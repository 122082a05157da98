//! An admission review: from the bytes of a request to the bytes of its answer.
//!
//! An [`AdmissionReview`] borrows the body, and objects stay text. Answering consumes the review, so that no answer can have
//! the uid of another request. Only version `admission.k8s.io/v1` is supported.

mod answer;
mod envelope;
mod envelope_fields;
mod prefix;
mod synthesis;

pub use answer::{Answering, OnError, ReviewAnswer};
pub(crate) use answer::{explain, refusal};
pub use envelope::{API_VERSION, AdmissionReview, BadReview, KIND, NAME_BYTES, UID_BYTES};
pub use synthesis::{ManifestChange, Requester, review_of};

/// The bytes at the beginning of a review that exceeds the limit in which its uid is looked for.
pub const UID_PREFIX: usize = 4 * 1024;

/// Returns the refusal of a review that exceeds `limit` bytes, given its beginning. A refusal applies whatever the webhook's
/// `failurePolicy` is.
///
/// # Errors
///
/// The reason in one line, if the beginning has no uid to answer to.
pub fn too_large(prefix: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let line = too_large_reason(limit);
    match uid_of_prefix(prefix) {
        Some(uid) => Ok(refusal(&uid, 413, "RequestEntityTooLarge", &line)),
        None => Err(line),
    }
}

/// Returns why a review that exceeds `limit` bytes is refused, in one line.
pub fn too_large_reason(limit: usize) -> String {
    format!(
        "the review is larger than {limit} bytes; the limit is limits.bodyBytes of the webhook's configuration"
    )
}

/// Returns the uid of a truncated review, or `None` if the part does not contain it.
pub fn uid_of_prefix(prefix: &[u8]) -> Option<String> {
    prefix::uid(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::{Operation, Phase, Request, Scope, Verdict};
    use proptest::prelude::*;

    const REVIEW: &str = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1","kind":{"group":"apps","version":"v1","kind":"Scale"},"resource":{"group":"apps","version":"v1","resource":"statefulsets"},"subResource":"scale","name":"w\u0065b","namespace":"default","operation":"UPDATE","userInfo":{"username":"a"},"object":{"a" : [1]},"oldObject":{},"dryRun":true,"options":null}}"#;
    const BY: Answering<'_> =
        Answering { policy: "test", phase: Phase::Mutate, on_error: OnError::Deny, limit: 1_000_000 };

    #[test]
    fn a_request_borrows_the_text_of_the_review() {
        let review = AdmissionReview::parse(REVIEW.as_bytes(), 128).unwrap();
        assert_eq!(
            review.request(Phase::Validate),
            Request {
                operation: Operation::Update,
                phase: Phase::Validate,
                scope: Scope {
                    group: "apps".into(),
                    version: "v1".into(),
                    resource: "statefulsets".into(),
                    subresource: "scale".into(),
                    namespace: "default".into(),
                    name: "web".into(),
                },
                kind: "Scale".into(),
                dry_run: true,
                user_info: r#"{"username":"a"}"#.into(),
                object: Some(r#"{"a" : [1]}"#.into()),
                old_object: Some("{}".into()),
            }
        );
    }

    #[test]
    fn an_answer_repeats_a_uid_of_any_characters() {
        let body = REVIEW.replace("u-1", r#"\"},\u0000\n{"#);
        let review = AdmissionReview::parse(body.as_bytes(), 128).unwrap();
        let ReviewAnswer::Verdict { body, .. } = review.answer(&BY, Ok(Verdict::allow())) else {
            panic!("no verdict")
        };
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["response"]["uid"], "\"},\0\n{");
    }

    #[test]
    fn a_field_longer_than_any_of_an_api_server_makes_no_review() {
        for (field, limit) in [
            ("request.uid", UID_BYTES),
            ("request.kind.kind", NAME_BYTES),
            ("request.resource.group", NAME_BYTES),
            ("request.resource.version", NAME_BYTES),
            ("request.resource.resource", NAME_BYTES),
            ("request.subResource", NAME_BYTES),
            ("request.name", NAME_BYTES),
            ("request.namespace", NAME_BYTES),
        ] {
            let parse = |bytes: usize| {
                let mut review: serde_json::Value = serde_json::from_str(REVIEW).unwrap();
                let pointer = format!("/{}", field.replace('.', "/"));
                *review.pointer_mut(&pointer).unwrap() = "n".repeat(bytes).into();
                AdmissionReview::parse(review.to_string().as_bytes(), 128).map(|_| ())
            };
            assert_eq!(parse(limit), Ok(()), "{field}");
            assert_eq!(parse(limit + 1), Err(BadReview::Long { field, bytes: limit + 1, limit }));
        }
    }

    #[test]
    fn a_review_that_is_too_large_is_not_answered_with_an_overlong_uid() {
        let prefix = |bytes: usize| format!(r#"{{"request":{{"uid":"{}","object":{{"#, "u".repeat(bytes));
        assert!(too_large(prefix(UID_BYTES).as_bytes(), 1024).is_ok());
        assert!(too_large(prefix(UID_BYTES + 1).as_bytes(), 1024).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_are_refused_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(AdmissionReview::parse(&body, 128).is_err());
            prop_assert_eq!(uid_of_prefix(&body), None);
        }

        #[test]
        fn a_review_with_a_changed_byte_is_refused_or_has_a_uid(at in 0..REVIEW.len(), byte: u8) {
            let mut body = REVIEW.as_bytes().to_vec();
            body[at] = byte;
            if let Ok(review) = AdmissionReview::parse(&body, 128) {
                prop_assert!(!review.uid().is_empty());
            }
        }

        #[test]
        fn a_truncated_review_is_refused_and_its_uid_is_complete_or_unknown(end in 0..REVIEW.len()) {
            let begun = &REVIEW.as_bytes()[..end];
            prop_assert!(AdmissionReview::parse(begun, 128).is_err());
            let known = end > REVIEW.find("u-1\"").unwrap() + 3;
            prop_assert_eq!(uid_of_prefix(begun), known.then(|| "u-1".to_owned()));
        }
    }
}
