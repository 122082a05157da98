//! The report of an audit.

use crate::enforcement::Enforcement;
use crate::filter::LeftOut;
use crate::object_audit::{ObjectAudit, would_change_rule};
use crate::stored_metadata;
use ordinance_contract::{Description, Finding, Rule, Severity};
use ordinance_manifests::Manifest;
use ordinance_report::{
    AdmissionOutcome, CheckReport, CheckedObject, ReadError, StoredSign, TextOrigin, VerdictText,
};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The result of an audit.
#[derive(Debug, Default)]
pub struct AuditReport<'a> {
    /// The objects with findings or without a verdict.
    pub objects: Vec<AuditedObject<'a>>,
    /// What could not be read.
    pub errors: Vec<ReadError<'a>>,
    /// The number of objects that were read, but are of kinds that the policy does not review.
    pub skipped: u64,
    /// What a filter left out of `objects`.
    pub left_out: LeftOut,
    /// Whether it is safe to enforce, from all objects.
    pub enforcement: Enforcement,
    /// The settings that `enforcement` is drawn from.
    pub enforced_settings: EnforcedSettings,
    /// Where the objects come from.
    pub source: AuditSource,
    /// The policy's name.
    pub policy: String,
    /// The policy's version.
    pub version: String,
    /// The policy's rules, and those of an audit.
    pub rules: Vec<Rule>,
    /// The page that explains the rules.
    pub rules_page: Option<&'static str>,
}

/// Where the audited objects come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AuditSource {
    /// Files that a cluster's objects were written to.
    #[default]
    Dump,
    /// The API server of a cluster.
    Cluster,
}

/// The settings that tell what the webhooks would refuse or change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnforcedSettings {
    /// Those of the policy, with `mode: Enforce`.
    #[default]
    EnforceMode,
    /// Those of a policy that has no such mode.
    AsConfigured,
}

/// An object with its audit.
#[derive(Debug)]
pub struct AuditedObject<'a> {
    /// The name of the object's file, or of the list that the API server returned it in.
    pub file: &'a str,
    /// The text of the file; empty for a list.
    pub text: &'a str,
    /// Where the text comes from.
    pub origin: TextOrigin,
    /// The object.
    pub object: &'a Manifest,
    /// The audit.
    pub audit: ObjectAudit,
}

/// The number of findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingCounts {
    /// Findings of the severity `deny`.
    pub deny: u64,
    /// Warnings that are denials once the settings no longer put them off.
    pub would_deny: u64,
    /// Other warnings.
    pub warn: u64,
    /// Notes.
    pub note: u64,
}

/// The number of findings of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleCounts<'r> {
    /// The rule's id.
    pub rule: &'r str,
    /// What the rule finds.
    pub title: &'r str,
    /// The numbers.
    #[serde(flatten)]
    pub counts: FindingCounts,
}

// === impl AuditReport ===

impl<'a> AuditReport<'a> {
    /// Returns a report of no object, with the rules that its findings may name.
    pub fn new(name: &str, description: &Description, rules_page: Option<&'static str>) -> Self {
        Self {
            policy: name.to_owned(),
            version: description.version.clone(),
            rules: description.rules.iter().cloned().chain([would_change_rule()]).collect(),
            rules_page,
            ..Self::default()
        }
    }

    /// Returns all findings with their objects, the most serious first, and of one severity in the order of their rules.
    pub fn findings(&self) -> Vec<(&AuditedObject<'a>, &Finding)> {
        let of_object = |audited: &'_ AuditedObject<'a>| audited.audit.findings.len();
        let mut findings = Vec::with_capacity(self.objects.iter().map(of_object).sum());
        for audited in &self.objects {
            findings.extend(audited.audit.findings.iter().map(|finding| (audited, finding)));
        }
        findings.sort_by_cached_key(|(audited, finding)| {
            (finding.rank(), &finding.rule, &audited.object.kind, audited.object.scope.identity())
        });
        findings
    }

    /// Counts the findings.
    pub fn counts(&self) -> FindingCounts {
        let mut counts = FindingCounts::default();
        let findings = self.objects.iter().flat_map(|audited| &audited.audit.findings);
        findings.for_each(|finding| counts.add(finding));
        counts
    }

    /// Counts the findings of each rule that found something, the most serious rule first.
    pub fn rule_counts(&self) -> Vec<RuleCounts<'_>> {
        let mut rules: BTreeMap<&str, FindingCounts> = BTreeMap::new();
        for finding in self.objects.iter().flat_map(|audited| &audited.audit.findings) {
            rules.entry(&finding.rule).or_default().add(finding);
        }
        let title = |id: &str| self.rules.iter().find(|rule| rule.id == id).map_or("", |rule| &rule.title);
        let counted = rules.into_iter().map(|(rule, counts)| RuleCounts { rule, title: title(rule), counts });
        let mut counted: Vec<RuleCounts<'_>> = counted.collect();
        counted.sort_by_key(|rule| rule.counts.rank());
        counted
    }

    /// Returns whether a finding that is shown denies its object.
    pub fn has_denials(&self) -> bool {
        self.counts().deny > 0
    }

    /// Returns whether something could not be read, or has no verdict.
    pub fn is_incomplete(&self) -> bool {
        !self.errors.is_empty() || self.enforcement.without_answer > 0
    }

    /// Returns the findings as a report on manifests, for the formats that both have.
    pub fn into_check_report(self) -> CheckReport<'a> {
        let unlisted = self.enforcement.objects.saturating_sub(self.objects.len() as u64);
        CheckReport {
            objects: self.objects.into_iter().map(AuditedObject::into_checked).collect(),
            errors: self.errors,
            skipped: self.skipped,
            unlisted,
            policy: self.policy,
            version: self.version,
            rules: self.rules,
            rules_page: self.rules_page,
            ..CheckReport::default()
        }
    }
}

// === impl EnforcedSettings ===

impl EnforcedSettings {
    /// Returns the settings for a sentence.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::EnforceMode => "under `mode: Enforce`",
            Self::AsConfigured => "under the settings of the policy",
        }
    }
}

// === impl AuditedObject ===

impl<'a> AuditedObject<'a> {
    /// Returns the namespace that the object belongs to: its own, or of a PersistentVolume that of its claim.
    pub fn namespace(&self) -> String {
        stored_metadata::namespace(self.object)
    }

    /// Returns `metadata.creationTimestamp` as it is written.
    pub(crate) fn created(&self) -> Option<String> {
        stored_metadata::creation_timestamp(self.object)
    }

    fn into_checked(self) -> CheckedObject<'a> {
        let Self { file, text, origin, object, audit } = self;
        let reason = audit.reason_without_answer().map(ToOwned::to_owned);
        let is_denied = audit.findings.iter().any(|finding| finding.severity == Severity::Deny);
        let outcome = match (&reason, is_denied) {
            (Some(_), _) => AdmissionOutcome::Failed,
            (None, true) => AdmissionOutcome::Denied,
            (None, false) => AdmissionOutcome::Admitted,
        };
        let text_of_findings = VerdictText::from_findings(&audit.findings);
        CheckedObject {
            file,
            text,
            origin,
            object,
            name: Cow::Borrowed(&*object.scope.name),
            outcome,
            message: match reason {
                Some(message) => VerdictText { message, ..text_of_findings },
                None => text_of_findings,
            },
            findings: audit.findings,
            patch: Vec::new(),
            stored: Some(StoredSign::Uid),
            migration: audit.migration,
        }
    }
}

// === impl FindingCounts ===

impl FindingCounts {
    /// Counts a finding.
    pub fn add(&mut self, finding: &Finding) {
        match finding.severity {
            Severity::Deny => self.deny += 1,
            Severity::Warn if finding.would_deny => self.would_deny += 1,
            Severity::Warn => self.warn += 1,
            Severity::Note => self.note += 1,
        }
    }

    /// Returns the numbers with the words for their severities, the greatest first.
    pub const fn by_severity(&self) -> [(&'static str, u64); 4] {
        [
            (Severity::Deny.word(), self.deny),
            ("would-deny", self.would_deny),
            (Severity::Warn.word(), self.warn),
            (Severity::Note.word(), self.note),
        ]
    }

    /// Returns the number of all findings.
    pub const fn total(&self) -> u64 {
        self.deny + self.would_deny + self.warn + self.note
    }

    /// Returns the key by which rules are sorted: the greatest severity first.
    const fn rank(&self) -> u8 {
        match self {
            Self { deny: 1.., .. } => 0,
            Self { would_deny: 1.., .. } => 1,
            Self { warn: 1.., .. } => 2,
            _ => 3,
        }
    }
}
