//! The script of a plan with a kubectl that only answers: which calls the script makes, and where it stops. The end-to-end
//! scenario `node::a_migrated_set_finds_every_file_again` runs it on a real cluster.

use ordinance_case::PolicyFunctions as _;
use ordinance_contract::Scope;
use ordinance_manifests::read;
use ordinance_map::MappedObject;
use ordinance_migration::{Plan, PlanOptions};
use ordinance_testkit::Native;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use tempfile::TempDir;

/// The set that is migrated.
const SET: &str = r#"{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web","namespace":"shop"},"spec":{
    "replicas":2,"template":{"spec":{"containers":[{"name":"main","volumeMounts":[{"name":"data","mountPath":"/data"}]}],
    "volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"files"}}]}}}}"#;

/// Answers like kubectl, by the files of its folder, and lists its calls.
const KUBECTL: &str = r#"#!/bin/sh
cd "$FOLDER"
shift 2
printf '%s\n' "$*" >> calls
case "$*" in
    *"get statefulset web --output=jsonpath={.spec.replicas}"*) cat replicas ;;
    *"get statefulset web --output=jsonpath="*) cat mounts ;;
    *"get job "*) case $3 in *"$(cat failing)"*) echo /1 ;; *) echo 1/ ;; esac ;;
    *"get pods --selector=!"*) cat users ;;
    "create "* | "patch "*) cat > input ;;
esac
"#;

/// The calls that change the set or the claims.
const CHANGES: [&str; 4] = ["scale", "patch", "annotate", "delete statefulset"];

/// A script and the cluster that kubectl answers for.
struct Cluster(TempDir);

/// What a run did.
struct Run {
    code: Option<i32>,
    stderr: String,
    calls: Vec<String>,
}

// === impl Cluster ===

impl Cluster {
    fn new() -> Self {
        let cluster = Self(tempfile::tempdir().unwrap());
        let manifests: Vec<_> = read(SET, "shop").into_iter().map(Result::unwrap).collect();
        let objects: Vec<_> = manifests
            .iter()
            .map(|object| MappedObject::new(object.scope.borrowed(), &*object.json))
            .collect();
        let keys = |scope: &Scope<'_>, object: &str| Native.keys(scope, object, "");
        let plan = Plan::new(&objects, "shop", "web", &keys, PlanOptions::default()).unwrap();
        cluster.set("migrate.sh", &plan.script());
        cluster.set("kubectl", KUBECTL);
        fs::set_permissions(cluster.0.path().join("kubectl"), fs::Permissions::from_mode(0o755)).unwrap();
        cluster.set("replicas", "2");
        cluster.set("mounts", "data|/data||\n");
        cluster.set("users", "web-0 files\nweb-1 files\nother unrelated\n");
        cluster.set("failing", "none");
        cluster
    }

    fn set(&self, name: &str, content: &str) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    /// Sets the mounts to those after the migration.
    fn set_migrated(&self) {
        self.set("mounts", "data|/data||$(ORDINANCE_POD_NAME)\n");
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.set("calls", "");
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.arg("migrate.sh").args(arguments).current_dir(self.0.path());
        let output = command.env("PATH", path).env("FOLDER", self.0.path()).output().unwrap();
        let calls = fs::read_to_string(self.0.path().join("calls")).unwrap();
        Run {
            code: output.status.code(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            calls: calls.lines().map(str::to_owned).collect(),
        }
    }
}

// === impl Run ===

impl Run {
    /// The calls that change something, in order, without those of Jobs.
    fn changes(&self) -> Vec<&str> {
        let changes = self.calls.iter().filter(|call| CHANGES.iter().any(|change| call.starts_with(change)));
        changes.map(String::as_str).collect()
    }

    /// Checks that the script stopped with this message and changed nothing.
    fn stopped(&self, message: &str) {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        assert!(self.stderr.contains(message), "{message:?}: {}", self.stderr);
        assert!(self.stderr.contains("Nothing has been changed."), "{}", self.stderr);
        assert_eq!(self.changes(), [] as [&str; 0]);
    }
}

#[test]
fn without_yes_it_only_checks() {
    let cluster = Cluster::new();
    let run = cluster.run(&[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.changes(), [] as [&str; 0]);
    assert!(
        run.calls.iter().any(|call| call.starts_with("create")),
        "the Job that checks runs: {:?}",
        run.calls
    );
    assert_eq!(cluster.run(&["--roll-back"]).changes(), [] as [&str; 0]);
}

#[test]
fn the_steps_have_an_order() {
    let run = Cluster::new().run(&["--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        run.changes(),
        [
            "scale statefulset web --replicas=0",
            "patch statefulset web --type=json --patch-file=/dev/stdin",
            "annotate persistentvolumeclaim files --overwrite ordinance.dev/sub-path=$(ORDINANCE_POD_NAME)",
            "scale statefulset web --replicas=2",
        ]
    );
    let place = |text: &str| run.calls.iter().position(|call| call.contains(text)).unwrap();
    assert!(place("--replicas=0") < place("-0-copy"), "no pod runs while files are copied");
    assert!(place("-0-copy") < place("patch"), "the fields come after the files");
}

#[test]
fn a_roll_back_opts_out_while_the_expressions_go() {
    let cluster = Cluster::new();
    cluster.set_migrated();
    let run = cluster.run(&["--roll-back", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        run.changes(),
        [
            "scale statefulset web --replicas=0",
            "annotate statefulset web --overwrite ordinance.dev/shared-volumes=data",
            "patch statefulset web --type=json --patch-file=/dev/stdin",
            "annotate persistentvolumeclaim files --overwrite ordinance.dev/sub-path=.",
            "annotate statefulset web --overwrite ordinance.dev/shared-volumes-",
            "scale statefulset web --replicas=2",
        ]
    );
}

#[test]
fn a_run_after_an_interruption_goes_on() {
    let cluster = Cluster::new();
    cluster.set("replicas", "0");
    cluster.set_migrated();
    let run = cluster.run(&["--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.calls.iter().any(|call| call.starts_with("patch")), "the fields are there: {:?}", run.calls);
    assert_eq!(run.changes().last(), Some(&"scale statefulset web --replicas=2"));
}

#[test]
fn a_set_that_is_not_that_of_the_plan_stops_it() {
    let cluster = Cluster::new();
    cluster.set("replicas", "5");
    cluster.run(&["--yes"]).stopped("the set has 5 replicas, and the plan is for 2");
    cluster.set("replicas", "2");
    cluster.set("mounts", "data|/other||\n");
    cluster.run(&["--yes"]).stopped("the mounts of the set are not those of the plan");
    cluster.run(&["--roll-back", "--yes"]).stopped("the mounts of the set are not those of the plan");
}

#[test]
fn another_user_of_the_claim_stops_it() {
    let cluster = Cluster::new();
    cluster.set("users", "web-0 files\nadmin cache files\n");
    cluster.run(&["--yes"]).stopped("other pods use the claims: admin");
}

#[test]
fn a_check_that_fails_stops_it_before_a_change() {
    let cluster = Cluster::new();
    cluster.set("failing", "-check");
    cluster.run(&["--yes"]).stopped("failed");
}

#[test]
fn a_copy_that_fails_leaves_the_fields() {
    let cluster = Cluster::new();
    cluster.set("failing", "-copy");
    let run = cluster.run(&["--yes"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.changes(), ["scale statefulset web --replicas=0"]);
    assert!(run.stderr.contains("Run this script again"), "{}", run.stderr);
    assert!(run.stderr.contains("--roll-back --yes"), "{}", run.stderr);
}

#[test]
fn an_unknown_argument_is_bad_usage() {
    let run = Cluster::new().run(&["--force"]);
    assert_eq!(run.code, Some(64));
    assert_eq!(run.calls, [] as [&str; 0]);
}
