//! For code scanning: SARIF 2.1.0, as GitHub takes it.
//!
//! A rule is what became of an object of one kind. A result's fingerprint is made of what was found and of which object,
//! not of where it stands, so that it stays the same while lines move.

use crate::{Judgement, Report, Trouble};
use ordinance_manifests::Region;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Where the rules are explained.
const HELP: &str = "https://github.com/ordinance-dev/ordinance#readme";

/// What may stand in a path of a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Denied,
    Unjudged,
    Warned,
    Unreadable,
}

/// The rules that results refer to.
#[derive(Default)]
struct Rules<'r> {
    /// By outcome and kind.
    positions: BTreeMap<(Outcome, &'r str), usize>,
    rules: Vec<Value>,
    /// How often a fingerprint occurred.
    seen: HashMap<String, u32>,
}

/// The report as a SARIF log.
pub fn sarif(report: &Report<'_>) -> String {
    let mut rules = Rules::default();
    let mut results = Vec::new();
    for trouble in &report.troubles {
        results.push(rules.trouble(trouble, &report.policy));
    }
    for judgement in &report.judgements {
        rules.judgement(judgement, &report.policy, &mut results);
    }
    let driver = json!({
        "name": "ordinance",
        "semanticVersion": report.version,
        "informationUri": HELP,
        "rules": rules.rules,
    });
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "%SRCROOT%": { "description": { "text": "The directory that ordinance ran in." } } },
            "results": results,
        }],
    });
    log.to_string() + "\n"
}

// === impl Rules ===

impl<'r> Rules<'r> {
    fn judgement(&mut self, judgement: &'r Judgement<'_>, policy: &str, results: &mut Vec<Value>) {
        let refused = if judgement.code == 500 { Outcome::Unjudged } else { Outcome::Denied };
        let refusals = judgement.refusals().into_iter().map(|(field, message)| (refused, field, message));
        let warnings = judgement.warnings.iter().map(|warning| (Outcome::Warned, "", &**warning));
        for (outcome, field, message) in refusals.chain(warnings) {
            results.push(self.finding(judgement, policy, outcome, field, message));
        }
    }

    fn finding(
        &mut self,
        judgement: &'r Judgement<'_>,
        policy: &str,
        outcome: Outcome,
        field: &str,
        message: &str,
    ) -> Value {
        let rule = self.rule(outcome, &judgement.object.kind, policy);
        let title = judgement.title();
        let identity = [&judgement.api_version(), &title, field, message];
        let region = region(&judgement.region(field));
        let mut result = self.result(&rule, outcome, message, &identity, location(judgement.file, &region));
        result["locations"][0]["logicalLocations"] =
            json!([{ "fullyQualifiedName": title, "kind": "resource" }]);
        result
    }

    fn trouble(&mut self, trouble: &Trouble<'_>, policy: &str) -> Value {
        let rule = self.rule(Outcome::Unreadable, "", policy);
        let region = json!({ "startLine": trouble.line, "startColumn": trouble.column });
        let identity = [trouble.file, &trouble.message];
        self.result(&rule, Outcome::Unreadable, &trouble.message, &identity, location(trouble.file, &region))
    }

    fn result(
        &mut self,
        rule: &str,
        outcome: Outcome,
        message: &str,
        identity: &[&str],
        location: Value,
    ) -> Value {
        let position = self.rules.iter().position(|known| known["id"] == rule);
        json!({
            "ruleId": rule,
            "ruleIndex": position,
            "level": outcome.level(),
            "message": { "text": message },
            "locations": [location],
            "partialFingerprints": self.fingerprints(rule, identity),
        })
    }

    /// The identifier of a rule, which is listed from now on.
    fn rule(&mut self, outcome: Outcome, kind: &'r str, policy: &str) -> String {
        let id = if kind.is_empty() {
            format!("{policy}/{}", outcome.word())
        } else {
            format!("{policy}/{}/{}", kind.to_lowercase(), outcome.word())
        };
        let next = self.rules.len();
        if *self.positions.entry((outcome, kind)).or_insert(next) == next {
            self.rules.push(described(&id, outcome, kind));
        }
        id
    }

    fn fingerprints(&mut self, rule: &str, identity: &[&str]) -> Value {
        let mut digest = Sha256::new();
        for part in [rule].iter().chain(identity) {
            digest.update(part);
            digest.update([0]);
        }
        let digest = format!("{:x}", digest.finalize());
        let hash = digest.get(..32).unwrap_or_default();
        let count = self.seen.entry(hash.to_owned()).or_insert(0);
        *count += 1;
        // The only one of which GitHub takes notice is the first.
        json!({ "primaryLocationLineHash": format!("{hash}:{count}"), "ordinance/v1": format!("{hash}:{count}") })
    }
}

fn described(id: &str, outcome: Outcome, kind: &str) -> Value {
    let (short, help) = outcome.description(kind);
    json!({
        "id": id,
        "name": id.split('/').map(capitalized).collect::<String>(),
        "shortDescription": { "text": short },
        "fullDescription": { "text": format!("{short}. {help}") },
        "help": { "text": help, "markdown": help },
        "helpUri": HELP,
        "defaultConfiguration": { "level": outcome.level() },
        "properties": { "tags": ["kubernetes", "storage"], "precision": "high", "problem.severity": outcome.severity() },
    })
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn location(file: &str, region: &Value) -> Value {
    json!({ "physicalLocation": { "artifactLocation": artifact(file), "region": region } })
}

/// A file as a URI: relative to where the command ran, unless it is absolute.
fn artifact(file: &str) -> Value {
    let relative = file.strip_prefix("./").unwrap_or(file);
    let encoded = utf8_percent_encode(if relative == "-" { "stdin" } else { relative }, PATH);
    match file.starts_with('/') {
        true => json!({ "uri": format!("file://{encoded}") }),
        false => json!({ "uri": encoded.to_string(), "uriBaseId": "%SRCROOT%" }),
    }
}

fn region(region: &Region) -> Value {
    json!({
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    })
}

// === impl Outcome ===

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Unjudged => "unjudged",
            Self::Warned => "warned",
            Self::Unreadable => "unreadable",
        }
    }

    const fn level(self) -> &'static str {
        if matches!(self, Self::Warned) { "warning" } else { "error" }
    }

    /// In the words of code scanning.
    const fn severity(self) -> &'static str {
        if matches!(self, Self::Warned) { "warning" } else { "error" }
    }

    /// What it means, and what to do about it.
    fn description(self, kind: &str) -> (String, &'static str) {
        match self {
            Self::Denied => (
                format!("A {kind} that the cluster would refuse"),
                "The admission webhook denies this object with this message: it would let files be overwritten. The \
                 message names the other object where there is one, and how to get to yes.",
            ),
            Self::Unjudged => (
                format!("A {kind} on which there is no verdict"),
                "The policy ran out of what it may use, or failed; in a cluster the object would be refused with code \
                 500. The message names the limit and the setting.",
            ),
            Self::Warned => (
                format!("A {kind} that the cluster would take with a warning"),
                "The admission webhook lets this object in and says this to whoever applies it.",
            ),
            Self::Unreadable => (
                "Text that is no Kubernetes object".to_owned(),
                "It could not be judged. Templates have to be rendered first, e.g. by `helm template`.",
            ),
        }
    }
}
