//! Tells AdmissionReviews from manifests.

use crate::review::KIND;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What `ordinance review` is given.
pub(in crate::command) enum ReviewInput {
    /// The bodies of AdmissionReviews, and of anything that is none and that the server would refuse.
    Reviews(Vec<Vec<u8>>),
    /// A text of manifests.
    Manifests(Vec<u8>),
}

/// The members that tell an AdmissionReview from another object.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectHead {
    kind: Option<String>,
    api_version: Option<String>,
}

// === impl ReviewInput ===

impl ReviewInput {
    /// Takes a JSON object of another kind than AdmissionReview as a manifest, and a text that is no JSON object, too.
    pub(in crate::command) fn of(body: Vec<u8>) -> Self {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Self::Manifests(body);
        }
        let mut documents = serde_json::Deserializer::from_slice(&body).into_iter::<&RawValue>();
        let Some(Ok(first)) = documents.next() else { return Self::Reviews(vec![body]) };
        let head: ObjectHead = serde_json::from_str(first.get()).unwrap_or_default();
        if head.kind.is_some_and(|kind| kind != KIND) && head.api_version.is_some() {
            return Self::Manifests(body);
        }
        let mut bodies = vec![first.get().as_bytes().to_vec()];
        for document in documents {
            match document {
                Ok(next) => bodies.push(next.get().as_bytes().to_vec()),
                // The server refuses the whole, and says why.
                Err(_) => return Self::Reviews(vec![body]),
            }
        }
        match bodies.len() {
            1 => Self::Reviews(vec![body]),
            _ => Self::Reviews(bodies),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reviews(text: &str) -> Option<usize> {
        match ReviewInput::of(text.into()) {
            ReviewInput::Reviews(bodies) => Some(bodies.len()),
            ReviewInput::Manifests(_) => None,
        }
    }

    #[test]
    fn tells_reviews_from_manifests() {
        let review = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#;
        assert_eq!(reviews(review), Some(1));
        assert_eq!(reviews(&format!("{review}\n{review}\n{review}\n")), Some(3));
        assert_eq!(reviews(&format!("{review} {{")), Some(1));
        assert_eq!(reviews("{"), Some(1));
        assert_eq!(reviews(r#"{"kind":"Pod"}"#), Some(1));
        assert_eq!(reviews(r#" {"kind":"Pod","apiVersion":"v1"}"#), None);
        assert_eq!(reviews("kind: Pod\napiVersion: v1\n"), None);
    }
}
