//! The findings of one review, and their verdict.
//!
//! Every mode but `Enforce` turns denials into warnings here. The host makes the messages.

use crate::rules::StorageRule;
use crate::settings::{DenyOrWarn, Mode};
use ordinance_contract::{
    Annotation, Finding, Fix, MESSAGE_CHARS, Scope, Severity, Verdict, WARNING_CHARS, one_line, rule_tag,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The findings and audit annotations so far, in the order of their report.
#[derive(Debug)]
pub(crate) struct Findings {
    mode: Mode,
    findings: Vec<Finding>,
    /// The places of the findings by their texts.
    places: BTreeMap<FindingText, usize>,
    denials: usize,
    audit: Vec<Annotation>,
}

/// What makes two findings the same.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FindingText {
    severity: Severity,
    fact: String,
    remedy: String,
    /// `None` unless it is a denial: warnings with the same text are the same at any field.
    field: Option<String>,
}

/// A finding that a rule composes; [`Findings::add`] reports it.
#[derive(Clone, Debug)]
#[must_use]
pub(crate) struct FindingBuilder {
    rule: StorageRule,
    severity: Severity,
    field: String,
    fact: String,
    remedy: String,
    related: Vec<Scope<'static>>,
    fixes: Vec<Fix>,
}

// === impl StorageRule ===

impl StorageRule {
    /// Begins a denial at a field.
    pub(crate) fn deny(self, field: impl Into<String>, fact: impl Into<String>) -> FindingBuilder {
        self.begin(Severity::Deny, field.into(), fact.into())
    }

    /// Begins a warning at a field; an empty field means the whole object.
    pub(crate) fn warn(self, field: impl Into<String>, fact: impl Into<String>) -> FindingBuilder {
        self.begin(Severity::Warn, field.into(), fact.into())
    }

    /// Begins a note, which only reports and the audit log show.
    pub(crate) fn note(self, field: impl Into<String>, fact: impl Into<String>) -> FindingBuilder {
        self.begin(Severity::Note, field.into(), fact.into())
    }

    /// Begins a denial or a warning, as a setting chooses.
    pub(crate) fn deny_or_warn(
        self,
        outcome: DenyOrWarn,
        field: impl Into<String>,
        fact: impl Into<String>,
    ) -> FindingBuilder {
        match outcome {
            DenyOrWarn::Deny => self.deny(field, fact),
            DenyOrWarn::Warn => self.warn(field, fact),
        }
    }

    /// The greatest number of characters of a fact that fit into one warning with this rule's id.
    pub(crate) fn max_fact_chars(self) -> usize {
        WARNING_CHARS - rule_tag(self.id()).len()
    }

    fn begin(self, severity: Severity, field: String, fact: String) -> FindingBuilder {
        FindingBuilder {
            rule: self,
            severity,
            field,
            fact,
            remedy: String::new(),
            related: Vec::new(),
            fixes: Vec::new(),
        }
    }
}

// === impl FindingBuilder ===

impl FindingBuilder {
    /// Sets the remedy.
    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }

    /// Adds another object that the finding is about.
    pub(crate) fn related(mut self, object: &Scope<'_>) -> Self {
        self.related.push(object.clone().into_owned());
        self
    }

    /// Adds a fix; the best one comes first.
    pub(crate) fn fix(mut self, fix: Option<Fix>) -> Self {
        self.fixes.extend(fix);
        self
    }

    /// Turns the finding into a warning with another remedy and without fixes.
    pub(crate) fn into_warning(self, remedy: &str) -> Self {
        Self { severity: Severity::Warn, remedy: remedy.to_owned(), fixes: Vec::new(), ..self }
    }

    fn into_finding(self) -> Finding {
        Finding {
            rule: self.rule.id().to_owned(),
            severity: self.severity,
            would_deny: false,
            field: self.field,
            fact: bounded(self.fact),
            remedy: bounded(self.remedy),
            related: self.related,
            fixes: self.fixes,
        }
    }
}

// === impl FindingText ===

impl FindingText {
    fn of(finding: &Finding) -> Self {
        let Finding { severity, fact, remedy, field, .. } = finding;
        let field = (*severity == Severity::Deny).then(|| field.clone());
        Self { severity: *severity, fact: fact.clone(), remedy: remedy.clone(), field }
    }
}

// === impl Findings ===

impl Findings {
    /// Returns an empty list for a mode.
    pub(crate) const fn new(mode: Mode) -> Self {
        Self { mode, findings: Vec::new(), places: BTreeMap::new(), denials: 0, audit: Vec::new() }
    }

    /// Adds a finding unless the same one is already reported. Warnings with the same text are the same at any field.
    pub(crate) fn add(&mut self, begin: FindingBuilder) {
        let mut finding = begin.into_finding();
        if self.mode != Mode::Enforce && finding.severity == Severity::Deny {
            finding.severity = Severity::Warn;
            finding.would_deny = true;
        }
        match self.places.entry(FindingText::of(&finding)) {
            Entry::Occupied(place) => {
                if let Some(same) = self.findings.get_mut(*place.get()) {
                    let was_refusal = same.is_refusal();
                    same.would_deny |= finding.would_deny;
                    self.denials += usize::from(same.is_refusal() && !was_refusal);
                }
            }
            Entry::Vacant(place) => {
                place.insert(self.findings.len());
                self.denials += usize::from(finding.is_refusal());
                self.findings.push(finding);
            }
        }
    }

    /// Returns the number of denials, and of warnings that would be denials in mode Enforce.
    pub(crate) const fn denials(&self) -> usize {
        self.denials
    }

    /// Adds an audit annotation; a second value of the same key is appended.
    pub(crate) fn audit(&mut self, key: &str, value: impl Into<String>) {
        let value = one_line(&value.into(), WARNING_CHARS).into_owned();
        match self.audit.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => {
                entry.value.push_str("; ");
                entry.value.push_str(&value);
            }
            None => self.audit.push(Annotation { key: key.to_owned(), value }),
        }
    }

    /// Returns true if nothing is denied.
    pub(crate) fn is_allowed(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Deny)
    }

    /// Prepends the title of the object to the first denial, or to the first warning that would be one: the message begins
    /// with it.
    pub(crate) fn name_first_denial(&mut self, title: &str) {
        if let Some(first) = self.findings.iter_mut().find(|finding| finding.is_refusal()) {
            first.fact = format!("{title}: {}", first.fact);
        }
    }

    /// Returns the verdict, denials first. A denied request has no patch.
    pub(crate) fn into_verdict(mut self, patch: Option<String>) -> Verdict {
        let patch = patch.filter(|_| self.is_allowed());
        self.findings.sort_by_key(Finding::rank);
        Verdict { findings: self.findings, patch, migration: Vec::new(), audit: self.audit }
    }
}

/// Returns a text as one line that is no longer than a message may be.
fn bounded(text: String) -> String {
    match one_line(&text, MESSAGE_CHARS) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(line) => line,
    }
}
