//! `ordinance new`.

use crate::files::directory;
use crate::run::{run, run_in};
use std::fs;
use std::path::Path;

#[test]
fn prints_the_commands_to_go_on_with() {
    let files = directory(&[]);
    let ended = run_in(files.path(), &["new", "unique-hosts", "--kind", "unique", "policies/hosts"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let (summary, next) = ended.stdout.split_once('\n').unwrap();
    assert!(summary.starts_with("policies/hosts: a policy in Rust with "), "{summary}");
    let expected = "
Next:
  cd policies/hosts
  ordinance build
  ordinance test
  ordinance review --policy unique-hosts.wasm --phase validate --state cluster.yaml review.json
  ordinance bench unique-hosts.wasm review.json
  ordinance serve --policy unique-hosts.wasm --self-signed --listen 127.0.0.1:8443 --state cluster.yaml

In another terminal:
  curl -k -H 'Content-Type: application/json' -d @review.json https://127.0.0.1:8443/validate/unique-hosts
";
    assert_eq!(next, expected);
}

#[test]
fn writes_the_name_into_every_file_that_has_it() {
    let files = directory(&[]);
    for kind in ["validate", "mutate", "unique"] {
        assert_eq!(run_in(files.path(), &["new", "few-things", "--kind", kind, kind]).code, 0);
        let policy = files.path().join(kind);
        for path in ["Cargo.toml", "README.md", "justfile", ".github/workflows/ci.yaml", "src/lib.rs"] {
            let text = fs::read_to_string(policy.join(path)).unwrap();
            assert!(text.contains("few-things"), "{kind}/{path}");
            for placeholder in ["{{name}}", "{{sdk}}", "{{review}}"] {
                assert!(!text.contains(placeholder), "{kind}/{path}: {placeholder}");
            }
        }
        for path in
            [".cargo/config.toml", ".gitignore", "review.json", "vendor/ordinance/policy/sdk/src/lib.rs"]
        {
            assert!(policy.join(path).is_file(), "{kind}/{path}");
        }
        assert!(fs::read_dir(policy.join("cases")).unwrap().count() >= 3, "{kind}");
    }
}

#[test]
fn writes_policies_in_javascript_with_the_contract_and_a_lock() {
    let files = directory(&[]);
    for kind in ["validate", "mutate", "unique"] {
        let ended = run_in(files.path(), &["new", "few-things", "--lang", "js", "--kind", kind, kind]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stdout.contains(": a policy in JavaScript with "), "{}", ended.stdout);
        let policy = files.path().join(kind);
        let text = |path: &str| fs::read_to_string(policy.join(path)).unwrap();
        let named =
            ["package.json", "package-lock.json", "README.md", "justfile", ".github/workflows/ci.yaml"];
        for path in [&named[..], &["policy.js"]].concat() {
            assert!(text(path).contains("few-things"), "{kind}/{path}");
            for placeholder in ["{{name}}", "{{review}}"] {
                assert!(!text(path).contains(placeholder), "{kind}/{path}: {placeholder}");
            }
        }
        assert_eq!(text("policy.wit"), ordinance_contract::WIT);
        assert_eq!(locked(&text("package-lock.json")), locked_root(&text("package.json")), "{kind}");
        for path in ["ordinance.js", "policy.test.js", "jsconfig.json", ".gitignore", "review.json"] {
            assert!(policy.join(path).is_file(), "{kind}/{path}");
        }
        assert!(fs::read_dir(policy.join("cases")).unwrap().count() >= 3, "{kind}");
    }
}

/// Returns the versions of packages that a lock was written for, and that it contains.
fn locked(lock: &str) -> [serde_json::Value; 2] {
    let mut lock: serde_json::Value = serde_json::from_str(lock).unwrap();
    let wanted = lock["packages"][""]["devDependencies"].take();
    let names = wanted.as_object().unwrap().keys();
    let version =
        |name: &String| (name.clone(), lock["packages"][format!("node_modules/{name}")]["version"].clone());
    let contained = names.map(version).collect();
    [wanted, serde_json::Value::Object(contained)]
}

/// Returns the exact versions of a manifest, as [`locked`] has them.
fn locked_root(manifest: &str) -> [serde_json::Value; 2] {
    let mut manifest: serde_json::Value = serde_json::from_str(manifest).unwrap();
    let exact = manifest["devDependencies"].take();
    [exact.clone(), exact]
}

#[test]
fn editors_find_the_schema_of_a_case() {
    let files = directory(&[]);
    assert_eq!(run_in(files.path(), &["new", "few-things"]).code, 0);
    let schema = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let written = fs::read_to_string(files.path().join("few-things/case.schema.json")).unwrap();
    assert_eq!(schema(&written), schema(&run(&["schema", "case"]).stdout));
    for case in fs::read_dir(files.path().join("few-things/cases")).unwrap() {
        let text = fs::read_to_string(case.unwrap().path()).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=../case.schema.json\n"), "{text}");
    }
    assert_eq!(run(&["schema", "cases"]), run(&["schema", "case"]));
}

#[test]
fn changes_nothing_in_a_folder_that_is_not_empty() {
    let files = directory(&[("mine/notes.txt", "keep")]);
    let ended = run_in(files.path(), &["new", "mine"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    let message = "error: mine is not empty; name another folder, or remove what is in it\n";
    assert_eq!(ended.stderr, message);
    assert_eq!(names(&files.path().join("mine")), ["notes.txt"]);
}

#[test]
fn writes_into_an_empty_folder() {
    let files = directory(&[]);
    let ended = run_in(files.path(), &["new", "mine", "."]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.stdout.contains("  cd "), "{}", ended.stdout);
    assert!(files.path().join("src/lib.rs").is_file());
}

#[test]
fn refuses_a_name_that_is_not_a_dns_label() {
    let files = directory(&[]);
    for name in ["Mine", "my_policy", "a.b", "-a", "", "../a", &"a".repeat(64)] {
        let ended = run_in(files.path(), &["new", "--", name]);
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{ended:?}");
        assert!(ended.stderr.contains("is not a DNS label"), "{}", ended.stderr);
    }
    assert_eq!(names(files.path()), Vec::<String>::new());
}

#[test]
fn uses_the_sdk_of_a_checkout() {
    let files = directory(&[]);
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let ended = run_in(files.path(), &["new", "mine", "--sdk", checkout.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let sdk = fs::canonicalize(checkout.join("policy/sdk")).unwrap();
    let manifest = fs::read_to_string(files.path().join("mine/Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!("path = \"{}\"", sdk.display())), "{manifest}");
    assert!(!files.path().join("mine/vendor").exists());
}

#[test]
fn refuses_a_checkout_without_the_sdk_and_writes_nothing() {
    let files = directory(&[("other/README.md", "")]);
    let ended = run_in(files.path(), &["new", "mine", "--sdk", "other"]);
    assert_eq!(ended.code, 2);
    let message = "error: --sdk other: has no policy/sdk/Cargo.toml; name a checkout of Ordinance\n";
    assert_eq!(ended.stderr, message);
    assert_eq!(names(files.path()), ["other"]);
}

#[test]
fn help_lists_the_languages_and_kinds() {
    let help = run(&["new", "--help"]).stdout;
    for value in ["rust:", "c:", "js:", "validate:", "mutate:", "unique:"] {
        assert!(help.contains(&format!("- {value}")), "{help}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
