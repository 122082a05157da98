//! Recorded reviews in files.

use crate::limits::Limits;
use crate::recording::{RECORDING_BYTES, RecordedReview};
use crate::review::{AdmissionReview, too_large_reason};
use ordinance_contract::{Operation, Phase, Request};
use ordinance_files::read_regular;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What some editors write at the beginning of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A recorded request.
#[derive(Clone, Debug)]
pub(super) struct RecordedRequest {
    /// The file, and the line in a file of several.
    pub(super) place: String,
    /// `None` for a review that both webhooks get.
    pub(super) phase: Option<Phase>,
    pub(super) request: Request<'static>,
}

/// The reviews of all files, in their order.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    requests: Vec<RecordedRequest>,
    /// What could not be read, each with its place.
    pub(super) errors: Vec<String>,
}

/// What tells the requests of one webhook from others.
type WebhookKind<'r> = (&'r str, &'r str, &'r str, &'static str);

// === impl Traffic ===

impl Traffic {
    /// Reads the files, and those with the ending `.json` or `.jsonl` in directories, by name.
    pub(super) fn read(paths: &[PathBuf], limits: &Limits) -> Self {
        let mut traffic = Self::default();
        for path in paths {
            match files(path) {
                Ok(files) => files.iter().for_each(|file| traffic.add_file(file, limits)),
                Err(error) => traffic.errors.push(format!("{}: {error}", path.display())),
            }
        }
        if traffic.requests.is_empty() && traffic.errors.is_empty() {
            traffic.errors.push(
                "no recorded review is there; `ordinance record` fetches them from a server".to_owned(),
            );
        }
        traffic
    }

    /// Returns the requests without the validating ones whose kind has mutating ones.
    pub(super) fn replayed(&self) -> impl Iterator<Item = &RecordedRequest> {
        let mutated: BTreeSet<WebhookKind<'_>> = self
            .requests
            .iter()
            .filter(|recorded| recorded.phase == Some(Phase::Mutate))
            .map(RecordedRequest::webhook_kind)
            .collect();
        let is_replayed = move |recorded: &&RecordedRequest| {
            recorded.phase != Some(Phase::Validate) || !mutated.contains(&recorded.webhook_kind())
        };
        self.requests.iter().filter(is_replayed)
    }

    fn add_file(&mut self, file: &Path, limits: &Limits) {
        let name = file.display().to_string();
        let text = match read_regular(file, RECORDING_BYTES).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return self.errors.push(format!("{name}: is not UTF-8")),
            Err(error) => return self.errors.push(format!("{name}: {error}")),
        };
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        if file.extension().is_some_and(|extension| extension == "jsonl") {
            for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
                self.add_line(format!("{name}:{}", line + 1), text, limits);
            }
        } else {
            let phase = phase_of(file);
            self.add(name, phase, text.as_bytes(), limits);
        }
    }

    fn add_line(&mut self, place: String, line: &str, limits: &Limits) {
        match serde_json::from_str::<RecordedReview<'_>>(line) {
            Ok(recorded) => self.add(place, Some(recorded.phase), recorded.review.get().as_bytes(), limits),
            Err(error) => self.errors.push(format!("{place}: is not a line of `ordinance record`: {error}")),
        }
    }

    fn add(&mut self, place: String, phase: Option<Phase>, review: &[u8], limits: &Limits) {
        if review.len() > limits.body_bytes {
            return self.errors.push(format!("{place}: {}", too_large_reason(limits.body_bytes)));
        }
        match AdmissionReview::parse(review, limits.json_depth) {
            Ok(review) => {
                let request = review.request(phase.unwrap_or(Phase::Mutate)).into_owned();
                self.requests.push(RecordedRequest { place, phase, request });
            }
            Err(error) => self.errors.push(format!("{place}: {error}")),
        }
    }
}

// === impl RecordedRequest ===

impl RecordedRequest {
    fn webhook_kind(&self) -> WebhookKind<'_> {
        let scope = &self.request.scope;
        (&scope.group, &scope.resource, &scope.subresource, Operation::word(self.request.operation))
    }

    /// Returns the request in words, e.g. `CREATE StatefulSet shop/web`.
    pub(super) fn title(&self) -> String {
        let Request { operation, kind, scope, .. } = &self.request;
        let name = if scope.name.is_empty() { "(name to be generated)" } else { &scope.name };
        let namespace =
            if scope.namespace.is_empty() { String::new() } else { format!("{}/", scope.namespace) };
        format!("{} {kind} {namespace}{name}", operation.word())
    }
}

/// Returns a file itself, or the files of a directory.
fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_traffic = |path: &PathBuf| {
        let is_review = path.extension().is_some_and(|extension| extension == "json" || extension == "jsonl");
        is_review && path.is_file()
    };
    let paths = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    files.retain(is_traffic);
    files.sort();
    Ok(files)
}

/// Returns the phase that a file's name has as one of its words.
fn phase_of(file: &Path) -> Option<Phase> {
    let stem = file.file_stem()?.to_str()?;
    let mut words = stem.split('-');
    words.find_map(|word| [Phase::Mutate, Phase::Validate].into_iter().find(|phase| phase.word() == word))
}
