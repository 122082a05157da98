//! The npm package as its users see it: `node/package.test.mjs`, run by Node's own test runner.

use ordinance_tests::package;
use std::path::Path;
use std::process::Command;

#[test]
fn the_package_passes_its_own_tests() {
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter", "spec"]);
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("node/package.test.mjs"));
    node.env("ORDINANCE_NPM", package().expect("the package is built"));
    let output = node.output().expect("node can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
