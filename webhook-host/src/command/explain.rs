//! `ordinance explain`: the rules of a policy, or one of them.

use super::exit::Exit;
use super::output::{self, print};
use super::policies;
use crate::config::PolicyComponentArgs;
use anyhow::Result;
use clap::Args;
use ordinance_audit::would_change_rule;
use ordinance_contract::Rule;
use ordinance_report::{printable, without_runner_commands};
use std::path::Path;

/// Explain a rule, or list all rules
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance explain
  ordinance explain shared-export
  ordinance explain --policy mine.wasm

A message ends with the id of its rule in brackets, e.g. [shared-export].")]
pub(super) struct ExplainArgs {
    /// The id of a rule; without it all rules are listed
    #[arg(value_name = "RULE")]
    rule: Option<String>,
    #[command(flatten)]
    component: PolicyComponentArgs,
}

pub(super) fn run(args: &ExplainArgs) -> Result<Exit> {
    let rules = policies::description(&args.component)?.rules;
    let Some(id) = &args.rule else {
        print(without_runner_commands(list(&rules)).as_bytes())?;
        return Ok(Exit::Success);
    };
    match rules.iter().chain([&would_change_rule()]).find(|rule| rule.id == normalized(id)) {
        Some(rule) => {
            print(without_runner_commands(explanation(rule)).as_bytes())?;
            Ok(Exit::Success)
        }
        None => {
            let suggestion = suggestion(&rules, &normalized(id), args.component.policy.as_deref());
            output::print_to_stderr(
                &(printable(&format!("error: there is no rule {id:?}{suggestion}")) + "\n"),
            );
            Ok(Exit::Usage)
        }
    }
}

/// Returns one line per rule: id, severity, title.
fn list(rules: &[Rule]) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    let line = |rule: &Rule| format!("{:width$}  {:4}  {}\n", rule.id, rule.severity.word(), rule.title);
    rules.iter().map(line).collect()
}

fn explanation(rule: &Rule) -> String {
    let facts = [
        ("severity", rule.severity.word().to_owned()),
        ("setting", rule.setting.clone()),
        ("silenced by", rule.annotations.join(", ")),
    ];
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let facts: String = facts.map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("{}: {}\n{facts}\n{}\n", rule.id, rule.title, rule.explanation.trim())
}

/// Returns an id as it is written in a policy: lower case, with hyphens, without the brackets of messages.
fn normalized(id: &str) -> String {
    id.trim_matches(['[', ']']).to_lowercase().replace('_', "-")
}

/// Returns a hint with the rules whose id shares a word with the unknown id, and the command that lists all rules.
pub(super) fn suggestion(rules: &[Rule], id: &str, policy: Option<&Path>) -> String {
    let shares_a_word = |rule: &&Rule| rule.id.split('-').any(|word| id.split('-').any(|own| own == word));
    let ids: Vec<&str> = rules.iter().filter(shares_a_word).map(|rule| &*rule.id).collect();
    let of_policy = policy.map(|path| format!(" --policy {}", path.display())).unwrap_or_default();
    let list = format!("`ordinance explain{of_policy}` lists all rules");
    match ids.split_last() {
        None => format!("; {list}"),
        Some((only, [])) => format!("; did you mean {only}? {list}"),
        Some((last, others)) => format!("; did you mean {} or {last}? {list}", others.join(", ")),
    }
}
