//! Keeps the last reviews of a server, so that another policy can be tried on them with `ordinance replay`.
//!
//! A thread of its own removes what must not leave the cluster, and keeps at most so many reviews, and at most so many bytes. A review
//! that arrives while the thread is behind is left out: recording delays no answer.

mod redaction;

pub use redaction::{KeptParts, redact};

use crate::metrics::RecordingMetrics;
use bytes::Bytes;
use ordinance_contract::Phase;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The reviews that may wait for the thread.
pub const WAITING_REVIEWS: usize = 64;

/// The largest recording that is read, in bytes.
pub const RECORDING_BYTES: usize = 512 * 1024 * 1024;

/// A kept review, as `ordinance record` writes it: one per line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedReview<'a> {
    /// The name under which the policy is served.
    #[serde(borrow)]
    pub policy: Cow<'a, str>,
    /// The webhook that got the review.
    pub phase: Phase,
    /// When it arrived, in RFC 3339.
    #[serde(borrow)]
    pub time: Cow<'a, str>,
    /// The AdmissionReview without its redacted parts.
    #[serde(borrow)]
    pub review: Cow<'a, RawValue>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingLimits {
    /// The number of reviews.
    pub reviews: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// Passes reviews to the thread that keeps them. Clones share it.
#[derive(Clone, Debug)]
pub struct Recorder {
    sender: SyncSender<ArrivedReview>,
    kept: Arc<Mutex<KeptReviews>>,
    metrics: RecordingMetrics,
}

/// A review as it arrived.
#[derive(Debug)]
struct ArrivedReview {
    policy: String,
    phase: Phase,
    time: SystemTime,
    body: Bytes,
}

/// The kept reviews, each as a line of JSON; the oldest first.
#[derive(Debug, Default)]
struct KeptReviews {
    lines: VecDeque<String>,
    bytes: usize,
}

// === impl Recorder ===

impl Recorder {
    /// Starts the thread. It ends with the last clone of the recorder.
    ///
    /// # Errors
    ///
    /// The system has no resources for the thread.
    pub fn start(limits: RecordingLimits, parts: KeptParts, metrics: RecordingMetrics) -> io::Result<Self> {
        let (sender, arrived) = sync_channel(WAITING_REVIEWS);
        let kept = Arc::new(Mutex::new(KeptReviews::default()));
        let (keeper, shown) = (Arc::clone(&kept), metrics.clone());
        let keep = move || keep_all(&arrived, &keeper, limits, parts, &shown);
        std::thread::Builder::new().name("recording".to_owned()).spawn(keep)?;
        Ok(Self { sender, kept, metrics })
    }

    /// Keeps a review, unless too many wait.
    pub fn record(&self, policy: &str, phase: Phase, body: &Bytes) {
        let review =
            ArrivedReview { policy: policy.to_owned(), phase, time: SystemTime::now(), body: body.clone() };
        if self.sender.try_send(review).is_err() {
            self.metrics.left_out();
        }
    }

    /// Returns the kept reviews, a line of JSON for each, the oldest first.
    pub fn lines(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::with_capacity(kept.bytes + kept.lines.len());
        for line in &kept.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

fn keep_all(
    arrived: &Receiver<ArrivedReview>,
    kept: &Mutex<KeptReviews>,
    limits: RecordingLimits,
    parts: KeptParts,
    metrics: &RecordingMetrics,
) {
    for review in arrived {
        match review.into_line(parts) {
            Some(line) if line.len() <= limits.bytes => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).add(line, limits);
                metrics.kept();
            }
            _ => metrics.left_out(),
        }
    }
}

// === impl ArrivedReview ===

impl ArrivedReview {
    /// Returns the review without its redacted parts, or `None` if it is no AdmissionReview.
    fn into_line(self, parts: KeptParts) -> Option<String> {
        let mut review: Value = serde_json::from_slice(&self.body).ok()?;
        if review["kind"] != "AdmissionReview" || !review["request"].is_object() {
            return None;
        }
        redact(&mut review, parts);
        let line = RecordedReview {
            policy: self.policy.into(),
            phase: self.phase,
            time: humantime::format_rfc3339_millis(self.time).to_string().into(),
            review: Cow::Owned(to_raw_value(&review).ok()?),
        };
        serde_json::to_string(&line).ok()
    }
}

// === impl KeptReviews ===

impl KeptReviews {
    /// Adds a review, and drops the oldest ones beyond the limits.
    fn add(&mut self, line: String, limits: RecordingLimits) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > limits.reviews || self.bytes > limits.bytes {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_reviews_within_both_limits() {
        let mut kept = KeptReviews::default();
        let limits = RecordingLimits { reviews: 3, bytes: 10 };
        for line in ["a", "b", "c", "d"] {
            kept.add(line.to_owned(), limits);
        }
        assert_eq!(
            (kept.lines.make_contiguous().to_vec(), kept.bytes),
            (vec!["b".to_owned(), "c".to_owned(), "d".to_owned()], 3)
        );
        kept.add("12345678".to_owned(), limits);
        assert_eq!((kept.lines.len(), kept.bytes), (3, 10));
        kept.add("123456789".to_owned(), limits);
        assert_eq!((kept.lines.len(), kept.bytes), (1, 9));
    }
}
