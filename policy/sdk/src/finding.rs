//! The builder of a finding.

use ordinance_contract::{Finding, Fix, Scope, Severity};

/// A finding under construction; [`PolicyRule::finding`](crate::PolicyRule::finding) begins one.
#[derive(Clone, Debug)]
#[must_use]
pub struct RuleFinding {
    finding: Finding,
}

// === impl RuleFinding ===

impl RuleFinding {
    pub(crate) fn new(rule: &str, severity: Severity, fact: String) -> Self {
        Self { finding: Finding { fact, ..Finding::new(rule, severity, "") } }
    }

    /// Sets the field at fault, e.g. `spec.replicas` or `spec.rules[0].host`; the whole object, unless it is set.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.finding.field = field.into();
        self
    }

    /// Says what to do about it, an imperative in one line without a full stop.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.finding.remedy = remedy.into();
        self
    }

    /// Adds another object that the finding is about.
    pub fn related(mut self, object: &Scope<'_>) -> Self {
        self.finding.related.push(object.clone().into_owned());
        self
    }

    /// Gives the finding another severity than the rule's, e.g. as a setting chooses.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.finding.severity = severity;
        self
    }

    /// Makes the finding a warning that says it would be a denial, because the settings put off the refusal.
    pub fn would_deny(mut self) -> Self {
        self.finding.severity = Severity::Warn;
        self.finding.would_deny = true;
        self
    }

    /// Adds a change of the object that resolves the finding, the best one first: a title in one line, and a JSON Patch for
    /// the object as it was sent.
    pub fn fix(mut self, title: &str, patch: impl ToString) -> Self {
        self.finding.fixes.push(Fix { title: title.to_owned(), patch: patch.to_string() });
        self
    }
}

impl From<RuleFinding> for Finding {
    fn from(begun: RuleFinding) -> Self {
        begun.finding
    }
}
