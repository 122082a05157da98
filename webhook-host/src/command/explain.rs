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
        print(listed(&rules).as_bytes())?;
        return Ok(Exit::Success);
    };
    match rules.iter().find(|rule| rule.id == id.trim_matches(['[', ']'])) {
        Some(rule) => {
            print(explained(rule).as_bytes())?;
            Ok(Exit::Success)
        }
        None => {
            output::print_to_stderr(&format!("error: there is no rule {id:?}{}\n", suggested(&rules, id)));
            Ok(Exit::Usage)
        }
    }
}

/// One line per rule: id, severity, title.
fn listed(rules: &[Rule]) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    let line = |rule: &Rule| format!("{:width$}  {:4}  {}\n", rule.id, rule.severity.word(), rule.title);
    rules.iter().map(line).collect()
}

fn explained(rule: &Rule) -> String {
    let facts = [
        ("severity", rule.severity.word().to_owned()),
        ("setting", rule.setting.clone()),
        ("silenced by", rule.annotations.join(", ")),
    ];
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let facts: String = facts.map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("{}: {}\n{facts}\n{}\n", rule.id, rule.title, rule.explanation.trim())
}

/// The rules whose id shares a word with the one that was asked for.
fn suggested(rules: &[Rule], id: &str) -> String {
    let shares_a_word =
        |rule: &&Rule| rule.id.split('-').any(|word| id.split('-').any(|asked| asked == word));
    let ids: Vec<&str> = rules.iter().filter(shares_a_word).map(|rule| &*rule.id).collect();
    if ids.is_empty() {
        return "; `ordinance explain` lists all rules".to_owned();
    }
    format!("; did you mean {}? `ordinance explain` lists all rules", ids.join(" or "))
}
