//! No code outside the policy reads the text of a finding to find out what it means: findings have fields for that.

mod sources;

use sources::{root, sources};
use std::fs;
use std::path::{Path, PathBuf};

/// Code that gets findings, or text that was made of them.
const READERS: [&str; 6] = [
    "crates/case/src",
    "crates/engine/src",
    "crates/map/src",
    "crates/report/src",
    "webhook-host/src",
    "xtask/src",
];

/// Names under which text of a finding goes.
const TEXTS: [&str; 8] = ["fact", "remedy", "message", "messages", "warning", "warnings", "cause", "causes"];

/// Methods that search a text.
const SEARCHES: [&str; 12] = [
    "contains",
    "ends_with",
    "find",
    "match_indices",
    "matches",
    "replace",
    "rfind",
    "rsplit_once",
    "split",
    "split_once",
    "starts_with",
    "strip_prefix",
];

#[test]
fn no_code_parses_the_text_of_a_finding() {
    let files: Vec<PathBuf> = READERS.iter().flat_map(|folder| sources(&root().join(folder))).collect();
    assert!(files.len() > 60, "only {} files were found", files.len());
    let found: Vec<String> = files.iter().flat_map(|file| searches(file)).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn the_search_finds_what_it_is_for() {
    for line in
        ["let at = finding.fact.find(\". \");", "if message.contains(': ')", "warnings[0].split(\"[\")"]
    {
        assert!(is_search(line), "{line}");
    }
    for line in ["if warnings.contains(&text)", "let message = error.to_string();", "text.split('\\n')"] {
        assert!(!is_search(line), "{line}");
    }
}

/// The lines of a file, up to its tests, that search the text of a finding.
fn searches(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("the file can be read");
    let code = text.lines().take_while(|line| *line != "#[cfg(test)]");
    code.filter(|line| is_search(line)).map(|line| format!("{}: {}", file.display(), line.trim())).collect()
}

/// Returns whether a line searches a text of such a name for a literal.
fn is_search(line: &str) -> bool {
    SEARCHES.iter().any(|method| {
        let calls = ["'", "\""].map(|quote| format!(".{method}({quote}"));
        calls.iter().any(|call| line.rsplit(call.as_str()).skip(1).any(ends_with_a_text))
    })
}

fn ends_with_a_text(receiver: &str) -> bool {
    let receiver = receiver.trim_end_matches(|char: char| "()[]0123456789".contains(char));
    let name = receiver.rsplit(|char: char| !char.is_ascii_alphanumeric() && char != '_').next();
    name.is_some_and(|name| TEXTS.contains(&name))
}
