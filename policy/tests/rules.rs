//! The explanations of the rules: their examples are reviewed, and `docs/rules.md` is generated from them.
//!
//! `BLESS=1` writes the page.

#![expect(clippy::disallowed_methods, reason = "the policy reads no files and no environment, its test does")]

use ordinance_case::{Build as _, Indexed};
use ordinance_contract::{Finding, Operation, Phase, Request, Rule, Severity};
use ordinance_json::applied;
use ordinance_manifests::{Manifest, read};
use ordinance_testkit::Native;
use std::fmt::Write as _;
use std::fs;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
const INTRODUCTION: &str = include_str!("../rules/_introduction.md");

/// Rules that no manifest can violate by itself.
const WITHOUT_EXAMPLE: [&str; 3] = ["unreadable-object", "invalid-settings", "missing-patch"];

/// Rules that only an audit of stored objects applies.
const AUDITED: [&str; 1] = ["unmarked-claim"];

/// The code blocks of an explanation.
#[derive(Default)]
struct Example {
    settings: String,
    stored: String,
    bad: Option<String>,
    good: Option<String>,
}

// === impl Example ===

impl Example {
    fn of(rule: &Rule) -> Self {
        let mut example = Self::default();
        let mut blocks = rule.explanation.split("```");
        // The text before a block, then the block.
        while let (Some(_), Some(block)) = (blocks.next(), blocks.next()) {
            let (info, text) = block.split_once('\n').unwrap_or((block, ""));
            let text = text.to_owned();
            match info {
                "yaml settings" => example.settings = text,
                "yaml stored" => example.stored = text,
                "yaml bad" => example.bad = Some(text),
                "yaml good" => example.good = Some(text),
                other => panic!("{}: a block of {other:?}", rule.id),
            }
        }
        example
    }

    /// Returns the findings on the last object of a block: of both webhooks, or of an audit if the rule is only applied there.
    /// The objects before it are stored.
    fn findings(&self, rule: &Rule, block: &str) -> Vec<Finding> {
        if AUDITED.contains(&&*rule.id) { self.audit(block) } else { self.reviews(block) }
    }

    /// Returns the findings on the last object of a block as it is stored.
    fn audit(&self, block: &str) -> Vec<Finding> {
        let stored = objects(&self.stored).into_iter().chain(objects(block));
        let stored: Vec<Manifest> = stored.map(Manifest::stored).collect();
        let object = stored.last().expect("an object");
        let request = object.creation(Phase::Audit);
        Indexed(Native).verdict(&self.settings, &stored, &request).expect("a verdict").findings
    }

    fn reviews(&self, block: &str) -> Vec<Finding> {
        let mut state: Vec<Manifest> = objects(&self.stored);
        let mut block = objects(block);
        let object = block.pop().expect("an object");
        state.extend(block);
        let state: Vec<Manifest> = state.into_iter().map(Manifest::stored).collect();
        let old = state.iter().find(|stored| stored.scope.same_object(&object.scope)).cloned();
        let mut request = Request {
            operation: if old.is_some() { Operation::Update } else { Operation::Create },
            phase: Phase::Mutate,
            scope: object.scope.clone(),
            kind: object.kind.clone().into(),
            dry_run: false,
            user_info: "".into(),
            object: Some(object.json.clone().into()),
            old_object: old.map(|old| old.json.into()),
        };
        let review = |request: &Request<'_>| {
            Indexed(Native).verdict(&self.settings, &state, request).expect("a verdict")
        };
        let mutated = review(&request);
        let mut findings = mutated.findings;
        if let Some(patch) = mutated.patch {
            let patch: Vec<serde_json::Value> = serde_json::from_str(&patch).expect("a patch");
            request.object = Some(applied(&object.json, &patch).expect("it applies").into());
        }
        request.phase = Phase::Validate;
        findings.extend(review(&request).findings);
        findings
    }
}

fn objects(text: &str) -> Vec<Manifest> {
    read(text, "default").into_iter().map(|object| object.expect("a manifest")).collect()
}

fn rules() -> Vec<Rule> {
    ordinance_policy::describe().rules
}

#[test]
fn every_example_shows_its_rule_and_the_way_to_pass() {
    for rule in rules() {
        let example = Example::of(&rule);
        let shows =
            |block: &str| example.findings(&rule, block).iter().any(|finding| finding.rule == rule.id);
        match (&example.bad, &example.good) {
            (Some(bad), Some(good)) => {
                assert!(shows(bad), "{}: the bad example has no finding of the rule", rule.id);
                assert!(!shows(good), "{}: the good example has a finding of the rule", rule.id);
            }
            _ => assert!(WITHOUT_EXAMPLE.contains(&&*rule.id), "{}: no example", rule.id),
        }
    }
}

#[test]
fn no_good_example_is_denied() {
    for rule in rules() {
        let example = Example::of(&rule);
        let Some(good) = &example.good else { continue };
        let denial =
            example.findings(&rule, good).into_iter().find(|finding| finding.severity == Severity::Deny);
        assert!(denial.is_none(), "{}: {denial:?}", rule.id);
    }
}

#[test]
fn the_page_of_rules_is_generated_from_the_explanations() {
    let page = page();
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(PAGE, page).expect("docs/rules.md can be written");
    } else {
        let written = fs::read_to_string(PAGE).unwrap_or_default();
        assert!(
            written == page,
            "docs/rules.md is not current; run BLESS=1 cargo test -p ordinance-policy --test rules"
        );
    }
}

fn page() -> String {
    let mut page = String::from(
        "<!-- Generated from policy/rules; `BLESS=1 cargo test -p ordinance-policy --test rules` writes it. -->\n\n",
    );
    page.push_str(INTRODUCTION.trim());
    page.push_str("\n\n## All rules\n\n| rule | default | finds |\n|---|---|---|\n");
    for rule in rules() {
        let Rule { id, title, severity, .. } = &rule;
        let _ = writeln!(page, "| [`{id}`](#{id}) | {} | {title} |", severity.word());
    }
    for rule in rules() {
        section(&rule, &mut page);
    }
    page
}

fn section(rule: &Rule, page: &mut String) {
    let _ = write!(page, "\n## {}\n\n**{}.** Default: {}", rule.id, rule.title, rule.severity.word());
    if !rule.setting.is_empty() {
        let _ = write!(page, "; setting: `{}`", rule.setting);
    }
    if !rule.annotations.is_empty() {
        let annotations: Vec<String> = rule.annotations.iter().map(|name| format!("`{name}`")).collect();
        let _ = write!(page, "; silenced by {}", annotations.join(", "));
    }
    let _ = write!(page, ".\n\n{}\n", rule.explanation.trim());
}
