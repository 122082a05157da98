//! Where there is neither Go nor what it would build, commands that need a control plane say so, in one line.

use std::process::{Command, Output};

/// Runs a command of the project with nothing on the path, and nothing that was built before.
fn run(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a folder");
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(arguments).env_clear().env("HOME", home.path()).env("PATH", home.path());
    xtask.output().expect("it starts")
}

/// The programs that a command can't have.
fn lacks(arguments: &[&str], programs: &str) {
    let ended = run(arguments);
    let said = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with(&format!("error: {programs} not found: ")), "{said}");
    assert!(said.contains("KUBEBUILDER_ASSETS") && said.contains("install Go"), "{said}");
}

#[test]
fn scenarios_are_not_passed_over_in_silence() {
    lacks(&["e2e"], "etcd, kube-apiserver, kube-controller-manager, kubectl, helm");
}

#[test]
fn a_cluster_that_exists_needs_kubectl_alone() {
    lacks(&["e2e", "--kubeconfig", "kubeconfig"], "kubectl");
}

#[test]
fn the_manifest_is_not_taken_for_checked() {
    lacks(&["manifest", "--check"], "helm");
}

#[test]
fn no_cluster_comes_up() {
    let binary = std::env::current_exe().expect("a program");
    let binary = binary.to_str().expect("a path in UTF-8");
    for arguments in [["cluster", "up", "--binary", binary], ["demo", "--cluster", "--binary", binary]] {
        lacks(&arguments, "etcd, kube-apiserver, kube-controller-manager, kubectl");
    }
}
