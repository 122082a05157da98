//! The terminal output of the story. It has no colours outside of a terminal or under `NO_COLOR`.

use super::host::CombinedAnswer;
use crate::checkout;
use anstream::println;
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::process::Output;

/// The problem that the story shows.
const TITLE: &str = "Two replicas, two NFS volumes made by hand, one directory";

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// The number of unchanged lines around a change in a diff.
const CONTEXT: usize = 3;

/// Prints the title of the story, and the program that answers.
pub fn title(source: &str) {
    println!("\n{BOLD}{TITLE}{BOLD:#}\n{DIM}{source}{DIM:#}");
}

/// Prints a chapter's heading.
pub fn chapter(number: u8, text: &str) {
    println!("\n{BOLD}{number}. {text}{BOLD:#}\n");
}

/// Prints a remark between the answers.
pub fn note(text: &str) {
    println!("   {DIM}{text}{DIM:#}");
}

/// Prints the object of a request, and the answer.
pub fn answer(object: &Value, answer: &CombinedAnswer) {
    let (style, mark, word) =
        if answer.allowed { (GREEN, "✔", "accepted") } else { (RED, "✘", "refused") };
    println!("   {style}{mark} {word:<8}{style:#}  {}", describe(object));
    if !answer.allowed {
        println!("              {}", answer.message);
    }
    for warning in &answer.warnings {
        println!("   {YELLOW}  warning{YELLOW:#}   {warning}");
    }
}

/// Prints the additions to a manifest as a diff.
pub fn difference(before: &Value, after: &Value) -> Result<()> {
    let (before, after) = (serde_saphyr::to_string(before)?, serde_saphyr::to_string(after)?);
    let diff = TextDiff::from_lines(&before, &after);
    println!();
    for group in diff.grouped_ops(CONTEXT) {
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            line(change.tag(), change.value());
        }
    }
    Ok(())
}

fn line(tag: ChangeTag, text: &str) {
    let (style, sign) = match tag {
        ChangeTag::Delete => (RED, '-'),
        ChangeTag::Insert => (GREEN, '+'),
        ChangeTag::Equal => (DIM, ' '),
    };
    println!("   {style}{sign} {}{style:#}", text.trim_end());
}

/// Prints a kubectl command and its output.
pub fn call(line: &str, output: &Output) {
    println!("   {BOLD}$ kubectl {line}{BOLD:#}");
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        let (style, mark) = if line.starts_with("Warning: ") { (YELLOW, " ") } else { (RED, "✘") };
        println!("   {style}{mark} {line}{style:#}");
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        println!("   {GREEN}✔{GREEN:#} {line}");
    }
}

/// Prints a kubectl command and a table of its output.
pub fn table(line: &str, text: &[u8]) {
    println!("   {BOLD}$ kubectl {line}{BOLD:#}");
    for line in String::from_utf8_lossy(text).lines() {
        println!("     {line}");
    }
}

/// Prints an empty line.
pub fn gap() {
    println!();
}

/// Prints the directory of each pod's files.
pub fn places(places: &[(String, String)]) {
    for (pod, place) in places {
        println!("   {GREEN}✔{GREEN:#} {BOLD}{pod}{BOLD:#}  {place}");
    }
}

/// Prints what to read next.
pub fn closing() {
    println!("\n{DIM}The manifests: {}. The rules and settings: README.md.{DIM:#}\n", checkout::STORY);
}

/// Describes an object in a few words: kind, name, and the export that a volume names.
fn describe(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let nfs = &object["spec"]["nfs"];
    match (nfs["server"].as_str(), nfs["path"].as_str()) {
        (Some(server), Some(path)) => format!("{kind} {name}  {DIM}{server}:{path}{DIM:#}"),
        _ => format!("{kind} {name}"),
    }
}
