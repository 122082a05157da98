//! A function of bytes for what the host reads from whoever reaches it: none may panic.

use ordinance::config::Layers;
use ordinance::judge::Failure;
use ordinance::review::{Answer, Answering, OnError, Review, uid_of_prefix};
use ordinance_contract::{Phase, Verdict};
use serde_json::Value;
use std::path::Path;

/// Nesting of JSON, as in the server.
const DEPTH: usize = 128;

/// Bytes of an answer, as in the server.
const ANSWER: usize = 2 * 1024 * 1024;

/// A configuration: what is printed of one can be given back and means the same.
pub fn config(bytes: &[u8]) {
    let (path, text) = (Path::new("o.yaml"), String::from_utf8_lossy(bytes));
    let Ok(layers) = Layers::of_file(path, &text) else { return };
    let Ok(config) = layers.config() else { return };
    let printed = layers.print(&config);
    let again = Layers::of_file(path, &printed).and_then(|layers| layers.config());
    assert_eq!(again, Ok(config), "{text}\n{printed}");
}

/// The body of a review: whatever can be read is answered under its own uid.
pub fn envelope(bytes: &[u8]) {
    let _uid = uid_of_prefix(bytes);
    for outcome in [Ok(Verdict::allow()), Err(Failure::Trap("x".to_owned()))] {
        let Ok(review) = Review::parse(bytes, DEPTH) else { return };
        let uid = review.uid().to_owned();
        let request = review.request(Phase::Validate);
        let objects = [&request.object, &request.old_object];
        assert!(
            objects
                .into_iter()
                .flatten()
                .all(|object| serde_json::from_str::<&serde_json::value::RawValue>(object).is_ok())
        );
        assert_eq!(answered_uid(&review_answer(review, outcome)), Some(uid));
    }
}

fn review_answer(review: Review<'_>, outcome: Result<Verdict, Failure>) -> Vec<u8> {
    let by = Answering { policy: "storage", phase: Phase::Validate, on_error: OnError::Deny, limit: ANSWER };
    match review.answer(&by, outcome) {
        Answer::Verdict { body, .. } | Answer::Failed { body, .. } => body,
        Answer::Deferred { .. } | Answer::Unavailable => Vec::new(),
    }
}

fn answered_uid(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    answer.pointer("/response/uid")?.as_str().map(str::to_owned)
}
