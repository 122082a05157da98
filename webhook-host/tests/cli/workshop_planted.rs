//! `ordinance test` finds the faults of a real component, and nothing in the same policy without a fault.

use crate::files::write;
use crate::run::{Ended, run_in};
use crate::workshop_build::{Sdk, build, new};
use std::fs;
use tempfile::TempDir;

/// The source of the policy.
const FAULTS: &str = include_str!("planted/faults.rs");

/// Settings that plant a fault.
fn planted(fault: &str) -> String {
    if fault.is_empty() { String::new() } else { format!("settings: {{fault: {fault}}}\n") }
}

fn ingress(name: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: {name}}}, \
         spec: {{rules: [{{host: shop.example.com}}]}}}}"
    )
}

/// A race of two Ingresses with one host.
fn race(fault: &str) -> String {
    let [a, b] = ["a", "b"].map(ingress);
    format!("why: a host stands once\n{}race:\n- object: {a}\n- object: {b}\n", planted(fault))
}

/// An Ingress that is admitted with a mark.
fn marked(fault: &str) -> String {
    format!(
        "why: an Ingress gets a mark\n{}request: {{object: {}}}\n\
         expect: {{allowed: true, patched: {{metadata: {{annotations: {{mark: '1'}}}}}}}}\n",
        planted(fault),
        ingress("a")
    )
}

/// Builds the policy.
fn built() -> TempDir {
    let policy = new("faults", "unique", Sdk::Checkout);
    write(policy.path(), "src/lib.rs", FAULTS);
    fs::remove_dir_all(policy.path().join("cases")).unwrap();
    let ended = build(policy.path(), &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    policy
}

#[test]
fn the_command_finds_planted_faults_in_a_component() {
    let policy = built();
    let test = |case: &str| -> Ended {
        write(policy.path(), "cases/case.yaml", case);
        run_in(policy.path(), &["test", "--policy", "faults.wasm", "cases/case.yaml"])
    };
    for sound in [race(""), marked(""), race("thirdReview"), marked("oneDirection"), marked("unreserved")] {
        let ended = test(&sound);
        assert_eq!(ended.code, 0, "{sound}{ended:?}");
    }

    let one = test(&race("oneDirection"));
    let admitted = "race: request 1 (ingresses default/a) and request 2 (ingresses default/b) are all admitted, at most 1 may \
        be; this happens in the following order\n";
    assert!(one.code == 1 && one.stdout.contains(admitted), "{one:?}");
    let step = |part: &str| one.stdout.find(part).unwrap_or_else(|| panic!("{part}: {}", one.stdout));
    let reserves =
        |request: &str| step(&format!("default/{request}) at replica 1 admits, and reserves its keys"));
    assert!(reserves("b") < reserves("a"), "{}", one.stdout);

    let unreserved = test(&race("unreserved"));
    assert!(unreserved.code == 1 && unreserved.stdout.contains(admitted), "{unreserved:?}");
    assert!(unreserved.stdout.contains("admits: there is nothing to reserve"), "{}", unreserved.stdout);

    let third = test(&marked("thirdReview"));
    let patched =
        "reinvocation: review 3 patches the object with a label of another webhook again\n    - op: add\n";
    assert!(third.code == 1 && third.stdout.contains(patched), "{third:?}");
    assert!(third.stdout.contains("path: /metadata/annotations/settled"), "{}", third.stdout);
}
