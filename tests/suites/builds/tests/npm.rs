//! The npm package of the policy, tested by Node's test runner: its functions, and the examples of its README in Node, in
//! Vite's output and in Chromium.

use ordinance_tests::package;
use std::path::Path;
use std::process::Command;

#[test]
fn the_functions_of_the_package_work_in_node() {
    run("package.test.mjs");
}

#[test]
fn the_examples_of_the_readme_work_in_node_and_chromium() {
    run("readme.test.mjs");
}

/// Runs a file of tests in `node/` and panics with its report if one fails.
fn run(file: &str) {
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter", "spec"]);
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("node").join(file));
    node.env("ORDINANCE_NPM", package().expect("the package is built"));
    let output = node.output().expect("node can be started");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
}
