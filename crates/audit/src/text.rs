//! The lines below the findings: their numbers, and the answer whether it is safe to enforce.

use crate::enforcement::{Enforcement, RequestCounts, namespace_title};
use crate::report::{AuditReport, AuditSource, EnforcedSettings, FindingCounts};
use ordinance_report::{printable, without_runner_commands};

/// The number of namespaces that the answer names.
const NAMESPACES: usize = 5;

/// Returns the number of objects and of findings by severity, and a line for each rule that found something. `filters` names the
/// flags that left out findings.
pub fn summary_text(report: &AuditReport<'_>, filters: &str) -> String {
    let counts = report.counts();
    let mut parts = vec![format!("{} audited", counted(report.enforcement.objects, "object"))];
    parts.push(match counts.total() {
        0 => "no finding".to_owned(),
        total => format!("{} ({})", counted(total, "finding"), severities(counts)),
    });
    let without_answer = report.enforcement.without_answer;
    let more = [
        (without_answer, "without a verdict"),
        (report.errors.len() as u64, "unreadable"),
        (report.skipped, "of other kinds passed over"),
    ];
    parts.extend(more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let mut text = parts.join(", ") + "\n";
    if !filters.is_empty() {
        text.push_str(&format!("{} left out by {filters}\n", counted(report.left_out.findings, "finding")));
    }
    for rule in report.rule_counts() {
        let (id, title) = (printable(rule.rule), printable(rule.title));
        text.push_str(&format!("  {} {id}: {title}\n", severities(rule.counts)));
    }
    without_runner_commands(text)
}

/// Returns the answer whether it is safe to enforce, what it is drawn from, and the numbers.
pub fn enforcement_text(report: &AuditReport<'_>) -> String {
    let enforcement = &report.enforcement;
    let unread = report.errors.len() as u64;
    let (answer, reason) = enforcement_answer(enforcement, unread, report.enforced_settings);
    let colon = if enforcement.affected > 0 { ":" } else { "." };
    let mut text = format!("Is it safe to enforce? {answer}\n  {reason}{colon}\n");
    if enforcement.affected > 0 {
        text.push_str(&format!("    created again: {}\n", request_counts(&enforcement.creations)));
        text.push_str(&format!("    updated without a change: {}\n", request_counts(&enforcement.updates)));
        text.push_str(&format!("  by namespace: {}\n", namespaces(enforcement)));
    }
    let source = match report.source {
        AuditSource::Dump => "the objects of the input",
        AuditSource::Cluster => "the objects that the API server returned",
    };
    text.push_str(&format!(
        "  Drawn from {source}, each reviewed beside the others, whatever the filters show. New objects, other changes and \
         scaling are not part of it.\n"
    ));
    without_runner_commands(text)
}

/// Returns the answer whether it is safe to enforce in a few words, and the sentence that gives the reason, without its full stop.
/// `unread` is the number of inputs or objects that could not be read.
pub fn enforcement_answer(
    enforcement: &Enforcement,
    unread: u64,
    settings: EnforcedSettings,
) -> (&'static str, String) {
    let objects = counted(enforcement.objects, "stored object");
    let basis = settings.text();
    if enforcement.affected > 0 {
        let reason = format!("{} of {objects} would be refused or changed {basis}", enforcement.affected);
        return ("Not yet.", reason);
    }
    if unread > 0 || enforcement.without_answer > 0 {
        // Of many errors, only the first ones are kept.
        let unread = (unread > 0).then(|| "Part of the input could not be read".to_owned());
        let undecided = enforcement.without_answer;
        let undecided = (undecided > 0).then(|| format!("{} got no verdict", counted(undecided, "object")));
        let lacking: Vec<String> = unread.into_iter().chain(undecided).collect();
        let reason =
            format!("{}. No other object would be refused or changed {basis}", lacking.join(", and "));
        return ("Not known.", reason);
    }
    if enforcement.objects == 0 {
        return ("Not known.", "There is no object to tell from".to_owned());
    }
    let reason = format!(
        "None of {objects} would be refused or changed {basis} if it were created again as it is, or updated without a change"
    );
    ("Yes, for what is stored.", reason)
}

fn request_counts(counts: &RequestCounts) -> String {
    let rules: Vec<String> =
        counts.rules.iter().map(|(rule, count)| format!("{} {count}", printable(rule))).collect();
    let rules = if rules.is_empty() { String::new() } else { format!(" ({})", rules.join(", ")) };
    format!("{} refused{rules}, {} changed", counts.refused, counts.changed)
}

fn namespaces(enforcement: &Enforcement) -> String {
    let named = enforcement.top_namespaces(NAMESPACES + 1);
    let shown = named.iter().take(NAMESPACES);
    let shown: Vec<String> = shown
        .map(|(namespace, count)| format!("{} {count}", printable(namespace_title(namespace))))
        .collect();
    let more = if named.len() > NAMESPACES { ", and others" } else { "" };
    shown.join(", ") + more
}

/// Returns the numbers that are not zero, e.g. `2 deny, 1 warn`.
fn severities(counts: FindingCounts) -> String {
    let all = [
        (counts.deny, "deny"),
        (counts.would_deny, "would-deny"),
        (counts.warn, "warn"),
        (counts.note, "note"),
    ];
    let shown = all.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    shown.collect::<Vec<_>>().join(", ")
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
