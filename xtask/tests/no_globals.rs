//! The built-in policy keeps nothing in globals: the host lets an instance serve one review after another, and all its memory is freed
//! between them.

mod sources;

use sources::{root, sources};
use std::fs;
use std::path::PathBuf;

/// The code of the policy.
const POLICY: [&str; 4] = ["policy/src", "crates/storage/src", "crates/json/src", "wit/src"];

#[test]
fn the_policy_has_no_globals() {
    let files: Vec<PathBuf> = POLICY.iter().flat_map(|folder| sources(&root().join(folder))).collect();
    assert!(files.len() > 50, "only {} files were found", files.len());
    for file in files {
        let text = fs::read_to_string(&file).expect("the file can be read");
        assert_eq!(text.lines().find(|line| is_global(line)), None, "{}", file.display());
    }
}

#[test]
fn the_search_finds_what_it_is_for() {
    for line in
        ["static A: u8 = 0;", "    static A: u8 = 0;", "pub(crate) static A: u8 = 0;", "thread_local! {"]
    {
        assert!(is_global(line), "{line}");
    }
    for line in ["const A: &'static str = \"\";", "/// static", "let statics = 1;"] {
        assert!(!is_global(line), "{line}");
    }
}

fn is_global(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    matches!(*words, ["static", ..])
        || matches!(*words, [visibility, "static"] if visibility.starts_with("pub"))
        || line.contains("thread_local!")
}
