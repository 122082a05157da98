//! A function of bytes for each parser of the host's foreign input: none may panic.

use ordinance::config::Layers;
use ordinance::review::{AdmissionReview, Answering, OnError, ReviewAnswer, uid_of_prefix};
use ordinance_certs::inspect::{Inspection, InspectionTime, Material, Remedy, TextStyle};
use ordinance_certs::{Bundle, CA_CRT, Record, Schedule, TLS_CRT, TLS_KEY};
use ordinance_contract::{Phase, Verdict};
use ordinance_engine::Failure;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// The maximal nesting of JSON, as in the server.
const DEPTH: usize = 128;

/// The maximal number of bytes in an answer, as in the server.
const ANSWER: usize = 2 * 1024 * 1024;

/// Parses a configuration. Printing it and parsing that again yields the same configuration.
pub fn config(bytes: &[u8]) {
    let (path, text) = (Path::new("o.yaml"), String::from_utf8_lossy(bytes));
    let Ok(layers) = Layers::of_file(path, &text) else { return };
    let Ok(config) = layers.config() else { return };
    let printed = layers.print(&config);
    let again = Layers::of_file(path, &printed).and_then(|layers| layers.config());
    assert_eq!(again, Ok(config), "{text}\n{printed}");
}

/// Reads a file, or an entry of a Secret, with certificates and keys, and inspects them if there are any.
pub fn certificates(bytes: &[u8]) {
    let encoded = Bundle::from(vec![CertificateDer::from(bytes.to_vec())]).pem();
    for text in [bytes, encoded.as_bytes()] {
        let mut inspection = Inspection::default();
        if let Ok(material) = Material::read("tls.crt".to_owned(), text) {
            inspection.add_files(vec![material], &[]);
        }
        let names = [TLS_CRT, TLS_KEY, CA_CRT].into_iter().chain(Record::ENTRIES);
        let data = names.map(|name| (name.to_owned(), text.to_vec())).collect();
        inspection.add_store("Secret", str::to_owned, &data, Schedule::default());
        let when = InspectionTime { at: UNIX_EPOCH, within: Duration::MAX };
        let output = inspection.text(when, TextStyle::Plain, Remedy::to_string);
        assert!(
            inspection.findings(when).iter().all(|finding| output.contains(&finding.to_string())),
            "{output}"
        );
        assert!(output.chars().all(|c| c == '\n' || !c.is_control()), "{output:?}");
        assert!(serde_json::to_string(&inspection.document(when, Remedy::to_string)).is_ok());
    }
}

/// Reads the body of a review. Every review that can be read is answered with its own uid, and its objects are those that a whole
/// parser finds, if the body is JSON.
pub fn envelope(bytes: &[u8]) {
    let _uid = uid_of_prefix(bytes);
    for outcome in [Ok(Verdict::allow()), Err(Failure::Trap("x".to_owned()))] {
        let Ok(review) = AdmissionReview::parse(bytes, DEPTH) else { return };
        let uid = review.uid().to_owned();
        let request = review.request(Phase::Validate);
        if let Ok(body) = serde_json::from_slice::<Value>(bytes) {
            for (object, pointer) in
                [(&request.object, "/request/object"), (&request.old_object, "/request/oldObject")]
            {
                let found = object.as_deref().map(|object| serde_json::from_str::<Value>(object).ok());
                let expected = body.pointer(pointer).filter(|value| !value.is_null());
                assert_eq!(found, expected.map(|value| Some(value.clone())), "{pointer}");
            }
        }
        assert_eq!(answered_uid(&review_answer(review, outcome)), Some(uid));
    }
}

fn review_answer(review: AdmissionReview<'_>, outcome: Result<Verdict, Failure>) -> Vec<u8> {
    let by = Answering { policy: "storage", phase: Phase::Validate, on_error: OnError::Deny, limit: ANSWER };
    match review.answer(&by, outcome) {
        ReviewAnswer::Verdict { body, .. } | ReviewAnswer::Failed { body, .. } => body,
        ReviewAnswer::Deferred { .. } | ReviewAnswer::Unavailable { .. } => Vec::new(),
    }
}

fn answered_uid(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    answer.pointer("/response/uid")?.as_str().map(str::to_owned)
}
