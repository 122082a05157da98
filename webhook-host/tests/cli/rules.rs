//! `ordinance explain`.

use crate::files::directory;
use crate::run::{run, run_in};
use ordinance_testkit::guest::component;

#[test]
fn lists_every_rule_and_explains_each() {
    let list = run(&["explain"]);
    let ids: Vec<&str> = list.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(ids.len() > 20 && ids.contains(&"shared-export"), "{list:?}");
    for id in ids {
        let ended = run(&["explain", id]);
        assert!(ended.code == 0 && ended.stdout.starts_with(&format!("{id}: ")), "{ended:?}");
    }
}

#[test]
fn finds_a_rule_as_messages_and_people_write_it() {
    let explanation = run(&["explain", "shared-export"]);
    for id in ["[shared-export]", "SHARED-EXPORT", "shared_export"] {
        assert_eq!(run(&["explain", id]), explanation, "{id}");
    }
}

#[test]
fn explains_the_rule_of_an_audit() {
    for arguments in [&["explain", "ordinance/would-change"][..], &["explain", "[ordinance/would-change]"]] {
        let ended = run(arguments);
        let beginning =
            "ordinance/would-change: The webhooks would change the object if it were created today\n";
        assert!(ended.code == 0 && ended.stdout.starts_with(beginning), "{ended:?}");
    }
}

#[test]
fn suggests_rules_that_share_a_word() {
    for (id, suggestion) in [
        ("mixed", "did you mean mixed-sub-paths? `ordinance explain` lists all rules"),
        ("duplicate", "did you mean duplicate-handle, duplicate-claim or duplicate-variable?"),
        ("nothing", "there is no rule \"nothing\"; `ordinance explain` lists all rules"),
    ] {
        let ended = run(&["explain", id]);
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{ended:?}");
        assert!(ended.stderr.contains(suggestion), "{}", ended.stderr);
    }
}

#[test]
fn explains_the_rules_of_another_policy() {
    let files = directory(&[]);
    std::fs::write(files.path().join("mine.wasm"), component("", "")).unwrap();
    let list = run_in(files.path(), &["explain", "--policy", "mine.wasm"]);
    assert!(list.code == 0 && list.stdout.starts_with("a-rule "), "{list:?}");
    let unknown = run_in(files.path(), &["explain", "--policy", "mine.wasm", "shared-export"]);
    assert!(unknown.stderr.contains("`ordinance explain --policy mine.wasm` lists"), "{unknown:?}");
}
