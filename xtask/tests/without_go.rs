//! Without Go and without built programs, commands that need a control plane print one line that says so.

use std::process::{Command, Output};

/// Runs an xtask command with an empty PATH and an empty cache.
fn run(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a folder");
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(arguments).env_clear().env("HOME", home.path()).env("PATH", home.path());
    xtask.output().expect("it starts")
}

/// Checks that a command names the missing programs.
fn reports_missing(arguments: &[&str], programs: &str) {
    let ended = run(arguments);
    let stderr = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with(&format!("error: {programs} not found: ")), "{stderr}");
    assert!(stderr.contains("KUBEBUILDER_ASSETS") && stderr.contains("install Go"), "{stderr}");
}

#[test]
fn the_suite_does_not_skip_its_scenarios_silently() {
    reports_missing(&["e2e"], "etcd, kube-apiserver, kube-controller-manager, kubectl, helm");
}

#[test]
fn an_existing_cluster_needs_only_kubectl() {
    reports_missing(&["e2e", "--kubeconfig", "kubeconfig"], "kubectl");
}

#[test]
fn the_manifest_check_fails_without_helm() {
    reports_missing(&["manifest", "--check"], "helm");
}

#[test]
fn no_cluster_starts() {
    let binary = std::env::current_exe().expect("a program");
    let binary = binary.to_str().expect("a path in UTF-8");
    for arguments in [["cluster", "up", "--binary", binary], ["demo", "--cluster", "--binary", binary]] {
        reports_missing(&arguments, "etcd, kube-apiserver, kube-controller-manager, kubectl");
    }
}
