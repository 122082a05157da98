//! Findings as text, for people and for other programs.
//!
//! [`VerdictText`] is what the API server's client reads. A [`CheckReport`] covers whole manifests and borrows their
//! text: [`text()`] shows the lines at fault as a compiler does, [`json()`], [`sarif()`] and [`junit()`] are for
//! scripts, code scanning and continuous integration. Nothing here reads the text of a finding: only the policy knows
//! its meaning.

mod asked;
mod json;
mod junit;
mod sarif;
mod text;
mod verdict_text;

pub use asked::{asked_about, asked_requests, unasked};
pub use json::{FixRow, json};
pub use junit::junit;
pub use sarif::sarif;
pub use text::{ReportStyle, Verbosity, text};
pub use verdict_text::{Cause, VerdictText, would_deny_message};

use ordinance_contract::{Finding, Rule, Severity, acts, is_printable_ascii};
use ordinance_manifests::{Manifest, Region, region};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The result of checking manifests.
#[derive(Debug, Default)]
pub struct CheckReport<'a> {
    /// Every object that was reviewed, in the order of the input.
    pub objects: Vec<CheckedObject<'a>>,
    /// The texts that could not be read.
    pub errors: Vec<ReadError<'a>>,
    /// The number of objects of kinds that the policy does not review.
    pub skipped: u64,
    /// The number of reviewed objects that `objects` leaves out, because nothing was found in them.
    pub unlisted: u64,
    /// The number of files in directories that are no objects, or templates of objects.
    pub passed_over: u64,
    /// The directories that have to be rendered first, and are not checked.
    pub unrendered: Vec<UnrenderedDirectory>,
    /// The policy's name.
    pub policy: String,
    /// The policy's version.
    pub version: String,
    /// The policy's rules.
    pub rules: Vec<Rule>,
    /// The page that explains the rules, each under its id; `None` for a policy without such a page.
    pub rules_page: Option<&'static str>,
}

/// The result of checking one object.
#[derive(Debug)]
pub struct CheckedObject<'a> {
    /// The name of the object's file, as it was given.
    pub file: &'a str,
    /// The text of the file.
    pub text: &'a str,
    /// Where the text comes from.
    pub origin: TextOrigin,
    /// The object.
    pub object: &'a Manifest,
    /// The object's name. If the API server will generate it: its prefix and `*`.
    pub name: Cow<'a, str>,
    /// The result, as an admission webhook would return it.
    pub outcome: AdmissionOutcome,
    /// The text of the findings, or why there is no verdict.
    pub message: VerdictText,
    /// The findings of both reviews, denials first.
    pub findings: Vec<Finding>,
    /// The patch of the mutating review: operations of JSON Patch.
    pub patch: Vec<Value>,
    /// Whether the object exists already, and how that is known.
    pub stored: Option<StoredSign>,
    /// How to change the object if it is stored already, one step per item.
    pub migration: Vec<String>,
}

/// Where the text of an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextOrigin {
    /// A file, or stdin.
    File,
    /// A tool has rendered it of a directory. Lines and columns are those of what the tool prints.
    Rendered,
}

/// How it is known that an object exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredSign {
    /// It has a `metadata.uid`, which the API server adds when it stores an object.
    Uid,
    /// It is one of the stored objects that the policy was given.
    State,
}

/// The outcome of an admission review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionOutcome {
    /// Code 200.
    Admitted,
    /// Code 403.
    Denied,
    /// Code 500: the policy gave no verdict.
    Failed,
}

/// A text that cannot be read, or a part of it.
#[derive(Debug, Serialize)]
pub struct ReadError<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// The text of the file, if any of it could be read.
    #[serde(skip)]
    pub text: &'a str,
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// One line.
    pub message: String,
}

/// A directory that has to be rendered before its objects can be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnrenderedDirectory {
    /// The name of the directory.
    pub directory: String,
    /// The command that renders it, for a shell.
    pub command: String,
}

/// The numbers of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Objects that were reviewed.
    pub objects: u64,
    /// Objects of kinds that the policy does not review.
    pub skipped: u64,
    /// Objects that are not admitted.
    pub denied: u64,
    /// Objects with a warning.
    pub warned: u64,
    /// Objects that the mutating review changes.
    pub patched: u64,
    /// Objects with a note.
    #[serde(skip_serializing_if = "is_zero")]
    pub noted: u64,
    /// Files in directories that are no objects, or templates of objects.
    #[serde(skip_serializing_if = "is_zero")]
    pub passed_over: u64,
    /// Directories that have to be rendered first, and are not checked.
    #[serde(skip_serializing_if = "is_zero")]
    pub unrendered: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

// === impl CheckReport ===

impl CheckReport<'_> {
    /// Counts the objects.
    pub fn summary(&self) -> Summary {
        let count = |holds: fn(&CheckedObject<'_>) -> bool| {
            self.objects.iter().filter(|object| holds(object)).count() as u64
        };
        Summary {
            objects: self.objects.len() as u64 + self.unlisted,
            skipped: self.skipped,
            denied: count(|object| !object.is_admitted()),
            warned: count(|object| !object.message.warnings.is_empty()),
            patched: count(|object| object.is_patched()),
            noted: count(|object| object.findings_of(Severity::Note).next().is_some()),
            passed_over: self.passed_over,
            unrendered: self.unrendered.len() as u64,
        }
    }

    /// Returns a line for each rule that noted something, which nothing else shows: the number of its notes, and the notes
    /// themselves below if `is_verbose`. Each ends with a line break.
    pub fn notes(&self, is_verbose: bool) -> String {
        let mut noted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for checked in &self.objects {
            for note in checked.findings_of(Severity::Note) {
                noted.entry(&note.rule).or_default().push(checked.note_text(note));
            }
        }
        noted.iter().map(|(rule, notes)| self.rule_notes(rule, notes, is_verbose)).collect()
    }

    fn rule_notes(&self, id: &str, notes: &[String], is_verbose: bool) -> String {
        let title = self.rules.iter().find(|rule| rule.id == id).map_or("", |rule| &*rule.title);
        let (count, end) = (notes.len(), if is_verbose { ":" } else { " (-v names them)" });
        let line = printable(&format!("note: {count} x {title} [{id}]{end}")) + "\n";
        if !is_verbose {
            return line;
        }
        notes.iter().fold(line, |text, note| text + "  " + note + "\n")
    }
}

// === impl AdmissionOutcome ===

impl AdmissionOutcome {
    /// Returns the HTTP status code that an admission webhook puts into its response.
    pub const fn code(self) -> u16 {
        match self {
            Self::Admitted => 200,
            Self::Denied => 403,
            Self::Failed => 500,
        }
    }
}

// === impl CheckedObject ===

impl CheckedObject<'_> {
    /// Returns true if the cluster would admit the object.
    pub fn is_admitted(&self) -> bool {
        self.outcome == AdmissionOutcome::Admitted
    }

    /// Returns the object's file and line for a message, e.g. `web.yaml:12`.
    pub fn place(&self) -> String {
        format!("{}:{}", printable(self.file), self.object.line)
    }

    /// Returns the object's kind, namespace and name for a message, e.g. `StatefulSet shop/web`.
    pub fn title(&self) -> String {
        let (kind, name) = (&self.object.kind, &self.name);
        match &*self.object.scope.namespace {
            "" => printable(&format!("{kind} {name}")),
            namespace => printable(&format!("{kind} {namespace}/{name}")),
        }
    }

    /// Returns the `apiVersion`, e.g. `apps/v1`.
    fn api_version(&self) -> String {
        self.object.scope.api_version()
    }

    /// Returns the fact of a note, after the object unless the fact begins with it.
    fn note_text(&self, note: &Finding) -> String {
        let fact = printable(&note.fact);
        if fact.starts_with(&*self.object.kind) { fact } else { format!("{}: {fact}", self.title()) }
    }

    fn is_patched(&self) -> bool {
        !self.patch.is_empty()
    }

    fn findings_of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity == severity)
    }

    /// Returns the region of a field. The region of the whole object is its name.
    fn region(&self, field: &str) -> Region {
        let own = |field| region(self.text, self.object, field);
        match field {
            "" => Some(own("metadata.name")).filter(|region| region.is_whole).unwrap_or_else(|| own("")),
            _ => own(field),
        }
    }
}

// === impl ReadError ===

impl ReadError<'_> {
    /// Returns the file, line and column for a message. A file of which nothing could be read has no lines.
    pub fn place(&self) -> String {
        match (self.line, self.column, self.text) {
            (1, 1, "") => printable(self.file),
            (line, column, _) => format!("{}:{line}:{column}", printable(self.file)),
        }
    }
}

/// How the commands of a CI runner begin that stand within a line.
const RUNNER_COMMAND: &str = "##[";

/// How those begin that stand at the beginning of a line.
const RUNNER_LINE: &str = "::";

/// Replaces the characters of foreign text that a terminal or a page acts on, and breaks what a CI runner takes for one of
/// its commands.
pub fn printable(text: &str) -> String {
    let text = text.replace(acts, "\u{fffd}");
    if let Some(plain) = broken_commands(&text) { plain } else { text }
}

/// Returns a text as a word of a POSIX shell; quoted only where that is needed.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))),
    }
}

/// Makes each line of a text [printable].
pub fn plain_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Breaks what a CI runner takes for one of its commands: `::error::` at the beginning of a line, `##[error]` anywhere.
pub fn without_runner_commands(text: String) -> String {
    if let Some(plain) = broken_commands(&text) { plain } else { text }
}

/// Returns a text with broken commands, or `None` if it has none.
fn broken_commands(text: &str) -> Option<String> {
    let is_command = |line: &str| line.trim_start().starts_with(RUNNER_LINE);
    if !text.contains(RUNNER_COMMAND) && !text.lines().any(is_command) {
        return None;
    }
    let lines = text.split('\n').map(|line| match is_command(line) {
        true => line.replacen(RUNNER_LINE, ":\u{fffd}:", 1),
        false => line.to_owned(),
    });
    Some(lines.collect::<Vec<_>>().join("\n").replace(RUNNER_COMMAND, "##\u{fffd}["))
}

/// Returns JSON in which characters that [act](acts) are escaped, and what a CI runner takes for one of its commands (`##[`).
/// Such characters are in strings only, so the values stay the same.
pub fn plain_json(json: String) -> String {
    let is_foreign = |c: char| acts(c) && c != '\n';
    let is_escaped = json.split('\n').all(is_printable_ascii) || !json.contains(is_foreign);
    let json = match is_escaped {
        true => json,
        false => json.chars().map(|c| if is_foreign(c) { escaped(c) } else { c.to_string() }).collect(),
    };
    if json.contains(RUNNER_COMMAND) { json.replace(RUNNER_COMMAND, "#\\u0023[") } else { json }
}

/// Returns the escape of a character in a JSON string.
fn escaped(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

#[cfg(test)]
mod tests;
