//! The only place where findings become text: the message and causes of a denial, and the warnings.
//!
//! Every text is one line that ends with the rule's id in brackets. The last text counts the denials or warnings that
//! exceed the API server's limits.

use ordinance_contract::{Finding, MESSAGE_CHARS, Severity, WARNING_CHARS, WARNINGS, one_line, rule_tag};
use serde::Serialize;
use std::borrow::Cow;

/// Characters that a message needs to say how many denials it leaves out.
const COUNT_CHARS: usize = 40;

/// The separator between two denials of one message.
const ALSO: &str = "; also: ";

/// The text of a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerdictText {
    /// Why the request is denied, in one line; empty if it is admitted.
    pub message: String,
    /// The denials one by one.
    pub causes: Vec<Cause>,
    /// The warnings for the API server's client, one line each.
    pub warnings: Vec<String>,
}

/// One reason of a denial, as `status.details.causes` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The field at fault; empty for the whole object.
    pub field: String,
    /// One line.
    pub message: String,
}

// === impl VerdictText ===

impl VerdictText {
    /// Composes the text of findings.
    pub fn from_findings(findings: &[Finding]) -> Self {
        let of = |severity| findings.iter().filter(move |finding| finding.severity == severity);
        let causes: Vec<Cause> = of(Severity::Deny).map(Cause::of).collect();
        Self { message: joined(&causes), causes, warnings: warnings(of(Severity::Warn)) }
    }
}

/// Returns the message with which the policy would deny the request, had its settings not put that off; `None` if it
/// would not.
pub fn would_deny_message(findings: &[Finding]) -> Option<String> {
    let causes: Vec<Cause> = findings.iter().filter(|finding| finding.would_deny).map(Cause::of).collect();
    (!causes.is_empty()).then(|| joined(&causes))
}

// === impl Cause ===

impl Cause {
    fn of(finding: &Finding) -> Self {
        Self {
            field: finding.field.clone(),
            message: tagged(&sentence(finding), &rule_tag(&finding.rule), MESSAGE_CHARS),
        }
    }
}

/// Joins as many causes as fit, in one line. A cause is never longer than a message.
fn joined(causes: &[Cause]) -> String {
    let Some((first, others)) = causes.split_first() else { return String::new() };
    let mut message = first.message.clone();
    let mut chars = message.chars().count();
    for (index, cause) in others.iter().enumerate() {
        chars += ALSO.len() + cause.message.chars().count();
        let is_last = index + 1 == others.len();
        if chars + if is_last { 0 } else { COUNT_CHARS } > MESSAGE_CHARS {
            return format!("{message}; and {} more denials", others.len() - index);
        }
        message.push_str(ALSO);
        message.push_str(&cause.message);
    }
    message
}

/// Returns the warnings, each text once. A fact and a remedy that are too long for one warning become two.
fn warnings<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    let mut more = 0;
    for finding in findings {
        for text in texts(finding) {
            if warnings.contains(&text) {
                continue;
            }
            if warnings.len() == WARNINGS { more += 1 } else { warnings.push(text) }
        }
    }
    if more > 0 {
        warnings.truncate(WARNINGS - 1);
        warnings.push(format!("and {} more warnings", more + 1));
    }
    warnings
}

/// Returns the warning of a finding. A fact and a remedy that do not fit into one become two.
fn texts(finding: &Finding) -> impl Iterator<Item = String> {
    let tag = rule_tag(&finding.rule);
    let tagged = |text: &str| tagged(text, &tag, WARNING_CHARS);
    let sentence = sentence(finding);
    let fits = sentence.chars().count() + tag.chars().count() <= WARNING_CHARS;
    let texts = if finding.remedy.is_empty() || fits {
        [Some(tagged(&sentence)), None]
    } else {
        [Some(tagged(&finding.fact)), Some(tagged(&finding.remedy))]
    };
    texts.into_iter().flatten()
}

/// Joins fact and remedy to two sentences; the last one has no full stop.
fn sentence(finding: &Finding) -> Cow<'_, str> {
    match &*finding.remedy {
        "" => Cow::Borrowed(&finding.fact),
        remedy => Cow::Owned([&finding.fact, ". ", remedy].concat()),
    }
}

/// Returns the text as one line with the tag of its rule at its end. A long text is cut, the tag never is.
fn tagged(text: &str, tag: &str, chars: usize) -> String {
    [&one_line(text, chars.saturating_sub(tag.chars().count())), tag].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, fact: &str, remedy: &str) -> Finding {
        let (field, remedy) = ("spec.x".to_owned(), remedy.to_owned());
        Finding { field, remedy, ..Finding::new("a-rule", severity, fact) }
    }

    #[test]
    fn a_denial_is_one_line_with_its_rule() {
        let message = VerdictText::from_findings(&[finding(Severity::Deny, "a shares\nb", "Move a")]);
        assert_eq!(message.message, "a shares b. Move a [a-rule]");
        assert_eq!(
            message.causes,
            [Cause { field: "spec.x".to_owned(), message: "a shares b. Move a [a-rule]".to_owned() }]
        );
        assert_eq!(message.warnings, [""; 0]);
    }

    #[test]
    fn several_denials_are_joined_and_notes_are_left_out() {
        let findings = [
            finding(Severity::Deny, "one", ""),
            finding(Severity::Deny, "two", ""),
            finding(Severity::Note, "three", ""),
        ];
        assert_eq!(VerdictText::from_findings(&findings).message, "one [a-rule]; also: two [a-rule]");
    }

    #[test]
    fn what_would_be_denied_has_the_message_of_the_denial() {
        let denials = [finding(Severity::Deny, "one", "Do it"), finding(Severity::Deny, "two", "")];
        let put_off =
            denials.clone().map(|denial| Finding { severity: Severity::Warn, would_deny: true, ..denial });
        let message = VerdictText::from_findings(&denials).message;
        assert_eq!(would_deny_message(&put_off), Some(message));
        assert_eq!(VerdictText::from_findings(&put_off).warnings, ["one. Do it [a-rule]", "two [a-rule]"]);
        assert_eq!(would_deny_message(&[finding(Severity::Warn, "one", "")]), None);
    }

    #[test]
    fn a_message_that_has_no_room_for_all_denials_counts_the_rest() {
        let findings: Vec<Finding> =
            (0..10_000).map(|at| finding(Severity::Deny, &format!("fact {at}"), "Do it")).collect();
        let message = VerdictText::from_findings(&findings);
        assert!(message.message.chars().count() <= MESSAGE_CHARS);
        assert!(message.message.ends_with(" more denials"), "{}", message.message);
        assert_eq!(message.causes.len(), 10_000);
    }

    #[test]
    fn a_long_fact_is_cut_before_the_rule() {
        let long = "x".repeat(5_000);
        let message = VerdictText::from_findings(&[
            finding(Severity::Deny, &long, "Y"),
            finding(Severity::Warn, &long, "Y"),
        ]);
        assert_eq!(message.message.chars().count(), MESSAGE_CHARS);
        assert!(message.message.ends_with("x… [a-rule]"));
        assert_eq!(message.warnings.len(), 2);
        assert!(message.warnings[0].ends_with("x… [a-rule]"));
        assert_eq!(message.warnings[1], "Y [a-rule]");
    }

    #[test]
    fn a_fact_and_a_remedy_that_do_not_fit_together_are_two_warnings() {
        let fact = "f".repeat(200);
        let message = VerdictText::from_findings(&[finding(Severity::Warn, &fact, &"r".repeat(60))]);
        assert_eq!(message.warnings, [format!("{fact} [a-rule]"), format!("{} [a-rule]", "r".repeat(60))]);
        let message = VerdictText::from_findings(&[finding(Severity::Warn, &fact, "r")]);
        assert_eq!(message.warnings, [format!("{fact}. r [a-rule]")]);
    }

    #[test]
    fn a_repeated_warning_is_shown_once_and_the_eleventh_is_counted() {
        let findings: Vec<Finding> =
            (0..12).map(|at| finding(Severity::Warn, &format!("fact {}", at % 11), "")).collect();
        let message = VerdictText::from_findings(&findings);
        assert_eq!(message.warnings.len(), WARNINGS);
        assert_eq!(message.warnings.last().map(String::as_str), Some("and 2 more warnings"));
    }
}
