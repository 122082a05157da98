//! What was found in manifests, told to people and to other programs.
//!
//! A [`Report`] borrows the texts that it is about: [`text()`] shows their lines as a compiler would, [`json()`],
//! [`sarif()`] and [`junit()`] are for scripts, code scanning and continuous integration. What the words mean is the
//! policy's alone.

mod json;
mod junit;
mod sarif;
mod text;

pub use json::json;
pub use junit::junit;
pub use sarif::sarif;
pub use text::{Look, Verbosity, text};

use ordinance_contract::Cause;
use ordinance_manifests::{Manifest, Region, region};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Report<'a> {
    /// Every object that was judged, in the order of the input.
    pub judgements: Vec<Judgement<'a>>,
    /// What could not be read.
    pub troubles: Vec<Trouble<'a>>,
    /// Objects of kinds that the policy does not know.
    pub skipped: u64,
    /// The policy's name.
    pub policy: String,
    /// The policy's version.
    pub version: String,
}

/// What became of an object.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// The file that it is in, by the name that it was given by.
    pub file: &'a str,
    /// The file's text.
    pub text: &'a str,
    /// The object.
    pub object: &'a Manifest,
    /// Its name; of one that is still to be generated what it will begin with, and `*`.
    pub name: Cow<'a, str>,
    /// Whether it is let in.
    pub allowed: bool,
    /// As an admission webhook would say it: 200, 403, or 500 where there is no verdict.
    pub code: u16,
    /// Why it is not let in, in one line.
    pub message: String,
    /// The same, field by field.
    pub causes: Vec<Cause>,
    /// One line each.
    pub warnings: Vec<String>,
    /// What the mutating review would change: operations of JSON Patch.
    pub patch: Vec<Value>,
}

/// A text that can't be read, or a part of it.
#[derive(Debug, Serialize)]
pub struct Trouble<'a> {
    /// The file.
    pub file: &'a str,
    /// Its text, as far as there is one.
    #[serde(skip)]
    pub text: &'a str,
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// One line.
    pub message: String,
}

/// How many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Objects that were judged.
    pub objects: u64,
    /// Objects of kinds that the policy does not know.
    pub skipped: u64,
    /// Objects that are not let in.
    pub denied: u64,
    /// Objects with a warning.
    pub warned: u64,
    /// Objects that are changed.
    pub patched: u64,
}

// === impl Report ===

impl Report<'_> {
    /// How many of each.
    pub fn summary(&self) -> Summary {
        let count = |holds: fn(&Judgement<'_>) -> bool| {
            self.judgements.iter().filter(|judgement| holds(judgement)).count() as u64
        };
        Summary {
            objects: self.judgements.len() as u64,
            skipped: self.skipped,
            denied: count(|judgement| !judgement.allowed),
            warned: count(|judgement| !judgement.warnings.is_empty()),
            patched: count(|judgement| judgement.is_patched()),
        }
    }
}

// === impl Judgement ===

impl Judgement<'_> {
    /// e.g. `apps/v1`.
    fn api_version(&self) -> String {
        let scope = &self.object.scope;
        if scope.group.is_empty() {
            scope.version.to_string()
        } else {
            format!("{}/{}", scope.group, scope.version)
        }
    }

    /// Its file and line for people.
    pub fn place(&self) -> String {
        format!("{}:{}", plain(self.file), self.object.line)
    }

    /// Kind, namespace and name for people.
    pub fn title(&self) -> String {
        let (kind, name) = (&self.object.kind, &self.name);
        match &*self.object.scope.namespace {
            "" => format!("{kind} {name}"),
            namespace => format!("{kind} {namespace}/{name}"),
        }
    }

    fn is_patched(&self) -> bool {
        !self.patch.is_empty()
    }

    /// Why it is not let in, each with its field: where there are no causes the message, of the whole object.
    fn refusals(&self) -> Vec<(&str, &str)> {
        if self.allowed {
            return Vec::new();
        }
        if self.causes.is_empty() {
            return vec![("", &self.message)];
        }
        self.causes.iter().map(|cause| (&*cause.field, &*cause.message)).collect()
    }

    /// Where a field is; of the object itself where its name is.
    fn region(&self, field: &str) -> Region {
        let own = |field| region(self.text, self.object, field);
        match field {
            "" => Some(own("metadata.name")).filter(|region| region.is_whole).unwrap_or_else(|| own("")),
            _ => own(field),
        }
    }
}

// === impl Trouble ===

impl Trouble<'_> {
    /// Its file, line and column for people; a file of which nothing could be read has no lines.
    pub fn place(&self) -> String {
        match (self.line, self.column, self.text) {
            (1, 1, "") => plain(self.file),
            (line, column, _) => format!("{}:{line}:{column}", plain(self.file)),
        }
    }
}

/// A name without what could steer a terminal.
fn plain(file: &str) -> String {
    file.replace(char::is_control, "\u{fffd}")
}

/// A message's fact and, if it goes on, what can be done.
fn fact_and_remedy(message: &str) -> (&str, Option<&str>) {
    let mut ends = message.match_indices(". ").map(|(position, _)| position);
    let is_end = |position: &usize| {
        let before = message.get(..*position).unwrap_or_default();
        !before.ends_with("e.g") && !before.ends_with("i.e")
    };
    match ends.find(is_end) {
        Some(end) => (message.get(..end).unwrap_or(message), message.get(end + 2..)),
        None => (message, None),
    }
}

#[cfg(test)]
mod tests;
