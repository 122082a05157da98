//! `ordinance explain`: the rules of a policy, or one of them.

use super::exit::Exit;
use super::output::{self, print};
use super::policies;
use crate::config::PolicyComponentArgs;
use anyhow::Result;
use clap::Args;
use ordinance_contract::Rule;

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
    let rules = policies::description(args.component.policy.as_deref())?.rules;
    let Some(id) = &args.rule else {
        print(list(&rules).as_bytes())?;
        return Ok(Exit::Success);
    };
    match rules.iter().find(|rule| rule.id == id.trim_matches(['[', ']'])) {
        Some(rule) => {
            print(explanation(rule).as_bytes())?;
            Ok(Exit::Success)
        }
        None => {
            output::print_to_stderr(&format!("error: there is no rule {id:?}{}\n", suggestion(&rules, id)));
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

/// Returns a hint with the rules whose id shares a word with the unknown id.
fn suggestion(rules: &[Rule], id: &str) -> String {
    let shares_a_word = |rule: &&Rule| rule.id.split('-').any(|word| id.split('-').any(|own| own == word));
    let ids: Vec<&str> = rules.iter().filter(shares_a_word).map(|rule| &*rule.id).collect();
    if ids.is_empty() {
        return "; `ordinance explain` lists all rules".to_owned();
    }
    format!("; did you mean {}? `ordinance explain` lists all rules", ids.join(" or "))
}
