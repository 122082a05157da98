//! `--allow-wasi-stubs`: policies that import WASI, and where compiled components are kept.

use crate::files::{creation, directory, volume};
use crate::host::{Host, argument};
use crate::run::{Ended, run_in};
use ordinance_testkit::guest::{ImportedPackage, component, component_with_imports};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const ENVIRONMENT: ImportedPackage<'_> = ImportedPackage {
    wit: "package wasi:cli@0.2.6; interface environment { get-arguments: func() -> list<string>; }",
    interfaces: &["wasi:cli/environment@0.2.6"],
    module: r#"(import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))"#,
};

/// Returns a directory with a policy that asks for its arguments, and a review.
fn policy() -> TempDir {
    let thing = json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "one"}});
    let mut review = creation(&volume("one", "/srv"));
    review["request"]["object"] = thing;
    review["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "Thing"});
    review["request"]["resource"] = json!({"group": "", "version": "v1", "resource": "things"});
    let files = directory(&[("review.json", &review.to_string())]);
    let wasi = component_with_imports(&[ENVIRONMENT], "(call $arguments (i32.const 8192))");
    fs::write(files.path().join("wasi.wasm"), wasi).unwrap();
    files
}

/// Runs commands that load the policy, each with more arguments.
fn commands(files: &TempDir, more: &[&str]) -> Vec<Ended> {
    let commands: [&[&str]; 6] = [
        &["inspect", "wasi.wasm"],
        &["explain", "--policy", "wasi.wasm"],
        &["schema", "settings", "--policy", "wasi.wasm"],
        &["webhooks", "--policy", "wasi.wasm"],
        &["review", "--policy", "wasi.wasm", "review.json"],
        &["bench", "wasi.wasm", "review.json", "--time", "100ms"],
    ];
    commands.iter().map(|command| run_in(files.path(), &[command, more].concat())).collect()
}

#[test]
fn a_policy_that_imports_wasi_needs_the_flag_with_every_command() {
    let files = policy();
    for ended in commands(&files, &[]) {
        assert_eq!(ended.code, 2, "{ended:?}");
        for part in ["wasi:cli/environment@0.2.6", "--allow-wasi-stubs"] {
            assert_eq!(ended.stderr.matches(part).count(), 1, "{ended:?}");
        }
    }
    for ended in commands(&files, &["--allow-wasi-stubs"]) {
        assert_eq!(ended.code, 0, "{ended:?}");
    }
}

#[test]
fn a_server_allows_the_imports_of_one_policy_by_its_configuration() {
    let files = policy();
    let config = |more: &str| format!("policies:\n  storage:\n  mine:\n    component: wasi.wasm\n{more}");
    fs::write(files.path().join("no.yaml"), config("")).unwrap();
    let refused = run_in(files.path(), &["serve", "--self-signed", "--config", "no.yaml"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("`allowWasiStubs: true`"), "{}", refused.stderr);

    fs::write(files.path().join("yes.yaml"), config("    allowWasiStubs: true\n")).unwrap();
    let host = Host::start(&["--config", argument(&files.path().join("yes.yaml"))]);
    let review = fs::read_to_string(files.path().join("review.json")).unwrap();
    assert!(host.post("/validate/mine", &review).body.contains("\"allowed\":true"));
}

#[test]
fn a_server_keeps_compiled_components_in_the_directory_of_its_configuration() {
    let files = directory(&[("o.yaml", "cacheDir: kept\npolicies:\n  mine:\n    component: mine.wasm\n")]);
    fs::write(files.path().join("mine.wasm"), component("", "")).unwrap();
    let kept = files.path().join("kept");
    let names = || fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let start = || Host::start(&["--config", argument(&files.path().join("o.yaml"))]);
    drop(start());
    let first = names();
    assert_eq!(first.len(), 1, "{first:?}");
    drop(start());
    assert_eq!(names(), first);

    fs::set_permissions(&kept, fs::Permissions::from_mode(0o777)).unwrap();
    let host = start();
    let warning = |line: &&String| line.contains("compiled components are not kept");
    assert!(host.seen.iter().any(|line| warning(&line)), "{:?}", host.seen);
}
