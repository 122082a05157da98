//! What the rules found in one object, and the verdict that follows from it.
//!
//! Rules say `deny` and `warn`; how a mode, the length limits of the API server and the number of warnings change that
//! is decided here, once.

use crate::settings::{DenyOrWarn, Mode};
use ordinance_contract::{Annotation, Cause, Verdict};

/// A warning's length in characters; the API server cuts longer ones once all together exceed 4 KiB.
pub(crate) const WARNING_CHARS: usize = 240;

/// How many warnings an answer carries; the last of them says how many more there were.
const WARNINGS: usize = 10;

/// A refusal's length in characters.
const MESSAGE_CHARS: usize = 2_000;

/// Everything found, in the order in which it was found.
#[derive(Debug)]
pub(crate) struct Findings {
    mode: Mode,
    causes: Vec<Cause>,
    warnings: Vec<String>,
    audit: Vec<Annotation>,
}

// === impl Findings ===

impl Findings {
    /// None yet.
    pub(crate) const fn new(mode: Mode) -> Self {
        Self { mode, causes: Vec::new(), warnings: Vec::new(), audit: Vec::new() }
    }

    /// Something that is refused, said once, however often it is found; a warning under `mode: Warn`.
    pub(crate) fn deny(&mut self, field: impl Into<String>, message: impl Into<String>) {
        match self.mode {
            Mode::Enforce => {
                let cause = Cause { field: field.into(), message: one_line(message, MESSAGE_CHARS) };
                if !self.causes.contains(&cause) {
                    self.causes.push(cause);
                }
            }
            Mode::Warn => self.warn(message),
        }
    }

    /// Something that is refused, and how to get to yes.
    pub(crate) fn deny_with(&mut self, field: impl Into<String>, fact: &str, remedy: &str) {
        match self.mode {
            Mode::Enforce => self.deny(field, format!("{fact}. {remedy}")),
            Mode::Warn => self.warn_with(fact, remedy),
        }
    }

    /// Something that the user should know, and what to do about it: a warning of its own where both are too long for
    /// one.
    pub(crate) fn warn_with(&mut self, fact: &str, remedy: &str) {
        let both = format!("{fact}. {remedy}");
        if remedy.is_empty() {
            self.warn(fact);
        } else if both.chars().count() <= WARNING_CHARS {
            self.warn(both);
        } else {
            self.warn(fact);
            self.warn(remedy);
        }
    }

    /// Refuses or warns, as a setting says.
    pub(crate) fn deny_or_warn_with(
        &mut self,
        outcome: DenyOrWarn,
        field: impl Into<String>,
        fact: &str,
        remedy: &str,
    ) {
        match outcome {
            DenyOrWarn::Deny => self.deny_with(field, fact, remedy),
            DenyOrWarn::Warn => self.warn_with(fact, remedy),
        }
    }

    /// Something that the user should know; said once, however often it is found.
    pub(crate) fn warn(&mut self, message: impl Into<String>) {
        let message = one_line(message, WARNING_CHARS);
        if !self.warnings.contains(&message) {
            self.warnings.push(message);
        }
    }

    /// Something for the audit log; a later value of the same key is appended.
    pub(crate) fn audit(&mut self, key: &str, value: impl Into<String>) {
        let value = one_line(value, WARNING_CHARS);
        match self.audit.iter_mut().find(|note| note.key == key) {
            Some(note) => {
                note.value.push_str("; ");
                note.value.push_str(&value);
            }
            None => self.audit.push(Annotation { key: key.to_owned(), value }),
        }
    }

    /// Whether nothing was refused.
    pub(crate) fn allowed(&self) -> bool {
        self.causes.is_empty()
    }

    /// The verdict; a patch goes only with a yes.
    pub(crate) fn into_verdict(self, patch: Option<String>) -> Verdict {
        let allowed = self.allowed();
        Verdict {
            allowed,
            message: one_line(summary(&self.causes), MESSAGE_CHARS),
            causes: self.causes,
            warnings: capped(self.warnings),
            patch: patch.filter(|_| allowed),
            audit: self.audit,
        }
    }
}

/// All causes in one line, the first first.
fn summary(causes: &[Cause]) -> String {
    causes.iter().map(|cause| cause.message.as_str()).collect::<Vec<_>>().join("; also: ")
}

/// At most [`WARNINGS`], the last of them with the number of the others.
fn capped(mut warnings: Vec<String>) -> Vec<String> {
    let rest = warnings.len().saturating_sub(WARNINGS);
    if rest > 0 {
        warnings.truncate(WARNINGS - 1);
        warnings.push(format!("and {} more warnings", rest + 1));
    }
    warnings
}

/// The text without line breaks and other control characters, cut at a number of characters.
pub(crate) fn one_line(text: impl Into<String>, chars: usize) -> String {
    let text = text.into();
    if is_short_line(&text, chars) {
        return text;
    }
    let mut line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(chars + 1).collect();
    if line.chars().count() > chars {
        line = line.chars().take(chars - 1).collect();
        line.push('…');
    }
    line
}

/// Whether nothing has to be done, found out by bytes: true of almost every message.
fn is_short_line(text: &str, chars: usize) -> bool {
    text.len() <= chars && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
