//! The continuous integration of a new policy in Rust begins with `cargo fmt --check`.

use ordinance_workshop::{Language, NewPolicy, PolicyKind};
use std::process::Command;

#[test]
fn cargo_fmt_has_nothing_to_change_in_a_new_policy() {
    let long = "a".repeat(63);
    for kind in [PolicyKind::Validate, PolicyKind::Mutate, PolicyKind::Unique] {
        for name in ["a", &long] {
            let folder = tempfile::tempdir().expect("a folder");
            let policy = NewPolicy {
                name: name.to_owned(),
                language: Language::Rust,
                kind,
                directory: folder.path().to_owned(),
                checkout: None,
                case_schema: "{}".to_owned(),
            };
            policy.write().expect("a new policy");
            let mut cargo = Command::new("cargo");
            let answer = cargo.args(["fmt", "--check"]).current_dir(folder.path()).output().expect("cargo");
            assert!(answer.status.success(), "{} {name}: {answer:?}", kind.word());
        }
    }
}
