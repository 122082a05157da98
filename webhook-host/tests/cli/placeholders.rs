//! Variables that envsubst or Flux has not filled in yet.

use crate::files::{directory, volume, write};
use crate::run::run_in;
use serde_json::{Value, json};

/// A set with a shared claim: its sub-path is a placeholder, and so is its image.
const SET: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: ${REPLICAS}
  template:
    spec:
      containers:
      - name: web
        image: ${IMAGE}
        volumeMounts: [{name: data, mountPath: /data, subPath: \"${DIRECTORY}\"}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
";

#[test]
fn fix_leaves_an_object_with_a_placeholder_and_fixes_the_others() {
    let fine =
        SET.replace("${REPLICAS}", "2").replace(", subPath: \"${DIRECTORY}\"", "").replace("web", "fine");
    let files = directory(&[("set.yaml", SET), ("fine.yaml", &fine)]);
    let ended = run_in(files.path(), &["check", ".", "--fix"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.ends_with("\nfixed: ./fine.yaml\n"), "{}", ended.stdout);
    let read = |name: &str| std::fs::read_to_string(files.path().join(name)).unwrap();
    assert_eq!(read("set.yaml"), SET);
    assert!(read("fine.yaml").contains("image: ${IMAGE}") && read("fine.yaml").contains("subPathExpr"));
}

#[test]
fn two_volumes_with_one_placeholder_are_not_compared() {
    let both = [volume("a", "${NFS_PATH}"), volume("b", "${NFS_PATH}"), volume("c", "/")];
    let files = directory(&[]);
    for volume in &both {
        write(
            files.path(),
            &format!("{}.json", volume["metadata"]["name"].as_str().unwrap()),
            &volume.to_string(),
        );
    }
    let ended = run_in(files.path(), &["check", ".", "--output", "json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let rules: Vec<Vec<&str>> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let findings = result["findings"].as_array().unwrap().iter();
            findings.map(|finding| finding["rule"].as_str().unwrap()).collect()
        })
        .collect();
    assert_eq!(rules, [vec!["unresolved-placeholder"], vec!["unresolved-placeholder"], vec![]]);
    assert_eq!(ended.code, 0);
}

#[test]
fn the_map_says_what_is_unknown_and_is_no_error() {
    let files = directory(&[("set.yaml", SET), ("volume.json", &volume("a", "${NFS_PATH}").to_string())]);
    let ended = run_in(files.path(), &["map", ".", "--output", "json"]);
    let map: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &map["writers"]), (0, &json!([])));
    assert_eq!(
        map["unknown"],
        json!([
            {"resource": "statefulsets", "namespace": "default", "name": "web",
             "reason": "\"${REPLICAS}\" in spec.replicas is not substituted"},
            {"resource": "persistentvolumes", "namespace": "", "name": "a",
             "reason": "\"${NFS_PATH}\" in spec.nfs.path is not substituted"},
        ])
    );
    let text = run_in(files.path(), &["map", ".", "--ascii"]).stdout;
    assert!(text.contains("unknown: statefulsets \"web\": \"${REPLICAS}\" in spec.replicas"), "{text}");
}
