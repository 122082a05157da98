//! `check`, `--fix` and `map` of objects that exist already.

use crate::files::directory;
use crate::run::{Ended, run_in, run_in_with_input};
use serde_json::Value;
use std::fs;

/// A set as it is applied. Its replicas share a claim.
const SET: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cms}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - {name: app, image: \"app:1\", volumeMounts: [{name: data, mountPath: /data}]}
      volumes: [{name: data, persistentVolumeClaim: {claimName: cms}}]
";

/// Returns the set as the API server stores it.
fn stored() -> String {
    SET.replace("{name: cms}\nspec", "{name: cms, namespace: default, uid: 5f0c}\nspec")
}

fn checked(flags: &[&str], manifest: &str, state: &str) -> Ended {
    let files = directory(&[("set.yaml", manifest), ("cluster.yaml", state)]);
    run_in(files.path(), &[&["check", "--state", "cluster.yaml"], flags, &["set.yaml"]].concat())
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn an_update_of_a_stored_set_is_never_patched() {
    for manifest in [SET.to_owned(), SET.replace("app:1", "app:2")] {
        let ended = checked(&["--output=json"], &manifest, &stored());
        let report = json_of(&ended);
        assert_eq!((ended.code, &report["summary"]["patched"]), (0, &0.into()), "{report:#}");
    }
    let report = json_of(&checked(&["--output=json"], SET, ""));
    assert_eq!(report["summary"]["patched"], 1, "{report:#}");
}

#[test]
fn the_ratchet_of_an_update_holds_for_a_stored_set() {
    let one = stored().replace("replicas: 3", "replicas: 1");
    let ended = checked(&["--output=json"], SET, &one);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(json_of(&ended)["results"][0]["findings"][0]["rule"], "scale-beyond-one", "{ended:?}");
    let other = one.replace("name: cms,", "name: other,");
    assert_eq!(checked(&[], SET, &other).code, 0);
}

#[test]
fn a_stored_set_is_not_fixed() {
    let files = directory(&[("cluster.yaml", &stored())]);
    let arguments = ["check", "--state", "cluster.yaml", "--fix", "-"];
    let ended = run_in_with_input(files.path(), &arguments, SET.as_bytes());
    assert_eq!((ended.code, ended.stdout.as_str()), (0, SET), "{ended:?}");
    let files = directory(&[("cluster.yaml", &stored()), ("set.yaml", SET)]);
    run_in(files.path(), &["check", "--state", "cluster.yaml", "--fix", "set.yaml"]);
    assert_eq!(fs::read_to_string(files.path().join("set.yaml")).unwrap(), SET);
}

#[test]
fn a_set_with_a_uid_is_told_in_the_present_tense_with_its_migration() {
    let files = directory(&[("set.yaml", &stored())]);
    let ended = run_in(files.path(), &["check", "set.yaml"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in [
        "the replicas share volume \"data\" now: 3 of them write claim \"cms\" and overwrite each other's files",
        "help: to migrate StatefulSet default/cms (set.yaml:1)\n  1. kubectl scale statefulset cms",
        "\n  `ordinance migrate cms --namespace default` plans these steps as a script\n",
        "\n1 object judged, 1 denied\n",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    for word in ["at admission", "from now on"] {
        assert!(!ended.stdout.contains(word), "{word}: {}", ended.stdout);
    }
    let report = json_of(&run_in(files.path(), &["check", "--output=json", "set.yaml"]));
    assert_eq!(report["results"][0]["migration"].as_array().map(Vec::len), Some(4), "{report:#}");
    assert_eq!(report["results"][0]["patch"], Value::Array(Vec::new()), "{report:#}");
    let map = json_of(&run_in(files.path(), &["map", "--output=json", "set.yaml"]));
    assert_eq!(map["writers"], map["before"], "{map:#}");
    let text = run_in(files.path(), &["map", "set.yaml"]).stdout;
    assert!(text.contains("wrong now: StatefulSet \"cms\"") && !text.contains("refused"), "{text}");
}

#[test]
fn a_denied_update_changes_nothing_in_the_map() {
    let one = stored().replace("replicas: 3", "replicas: 1");
    let files = directory(&[("cluster.yaml", &one), ("set.yaml", SET)]);
    let ended = run_in(files.path(), &["map", "--state", "cluster.yaml", "--output=json", "set.yaml"]);
    let map = json_of(&ended);
    assert_eq!((ended.code, &map["refused"][0]["name"]), (1, &"cms".into()), "{map:#}");
    assert_eq!(map["writers"].as_array().map(Vec::len), Some(1), "{map:#}");
}

/// The claim of the set.
const CLAIM: &str = "---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: cms}
spec: {accessModes: [ReadWriteMany]}
";

#[test]
fn only_a_claim_that_exists_may_have_files_that_the_pods_no_longer_see() {
    let hides = |ended: &Ended| ended.stdout.contains("files at the root of the existing claim");
    let files = directory(&[("claim.yaml", CLAIM), ("set.yaml", SET)]);
    let together = run_in(files.path(), &["check", "claim.yaml", "set.yaml"]);
    assert!(together.code == 0 && !hides(&together), "{together:?}");
    let existing = run_in(files.path(), &["check", "--state", "claim.yaml", "set.yaml"]);
    assert!(existing.code == 0 && hides(&existing), "{existing:?}");
    let again = run_in(files.path(), &["check", "--state", "claim.yaml", "claim.yaml", "set.yaml"]);
    assert!(again.code == 0 && hides(&again), "{again:?}");
}

#[test]
fn stored_volumes_that_overlap_are_both_denied() {
    let volume = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {name}, uid: {name}}}\nspec: {{nfs: {{server: nas, path: /srv}}}}\n"
        )
    };
    let files = directory(&[("pv.yaml", &(volume("a") + &volume("b")))]);
    let report = json_of(&run_in(files.path(), &["check", "--output=json", "pv.yaml"]));
    assert_eq!(report["summary"]["denied"], 2, "{report:#}");
}

#[test]
fn a_map_shows_a_stored_set_once_and_unchanged() {
    let files = directory(&[("cluster.yaml", &stored()), ("set.yaml", SET)]);
    let ended = run_in(files.path(), &["map", "--state", "cluster.yaml", "--output=json", "set.yaml"]);
    let map = json_of(&ended);
    assert_eq!(map["writers"], map["before"], "{map:#}");
    assert_eq!(map["writers"].as_array().map(Vec::len), Some(3), "{map:#}");
}

/// States that are incomplete or contradict themselves, each with the place and the message of its error.
fn faulty_states() -> Vec<(String, &'static str, &'static str)> {
    let other = stored().replace("replicas: 3", "replicas: 1");
    let without_template =
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: cms}\nspec: {replicas: 3}\n";
    vec![
        (
            format!("{}---\n{other}", stored()),
            "cluster.yaml:12:1",
            "StatefulSet default/cms differs from the one at cluster.yaml:1",
        ),
        (
            stored().replace("apps/v1", "apps/v1beta2"),
            "cluster.yaml",
            "has apiVersion apps/v1beta2, which the policy can't read; write it as apps/v1",
        ),
        (String::new(), "cluster.yaml", "has no Kubernetes object; `kubectl get"),
        ("apiVersion: v1\nkind: List\n".to_owned(), "cluster.yaml", "a list without a list of `items`"),
        (stored().replace("name: cms, namespace", "namespace"), "cluster.yaml", "has no metadata.name"),
        (
            stored().replace("{claimName: cms}", ""),
            "cluster.yaml",
            "spec.template lacks the source of a volume",
        ),
        (
            without_template.to_owned(),
            "cluster.yaml",
            "spec.template lacks a container, which no stored StatefulSet does",
        ),
        (
            format!("apiVersion: v1\nitems:\n- {}", stored().replace('\n', "\n  ")),
            "cluster.yaml",
            "kind is not set",
        ),
        (
            "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{".to_owned(),
            "cluster.yaml:1:",
            "unclosed bracket",
        ),
    ]
}

#[test]
fn a_faulty_state_is_an_error_with_its_place_and_the_rest_is_judged() {
    for (state, place, message) in faulty_states() {
        let ended = checked(&[], SET, &state);
        assert_eq!(ended.code, 2, "{state}: {ended:?}");
        assert!(ended.stdout.contains(message), "{message}: {ended:?}");
        assert!(ended.stdout.contains(&format!("--> {place}")), "{place}: {ended:?}");
        assert!(ended.stdout.contains("1 object judged"), "{ended:?}");
        let files = directory(&[("set.yaml", SET), ("cluster.yaml", &state)]);
        let map = run_in(files.path(), &["map", "--state", "cluster.yaml", "set.yaml"]);
        assert!(
            map.code == 2 && map.stderr.contains(message) && map.stdout.contains("StatefulSet"),
            "{map:?}"
        );
    }
}

#[test]
fn nothing_is_fixed_with_a_faulty_state() {
    for (state, _, message) in faulty_states() {
        let files = directory(&[("set.yaml", SET), ("cluster.yaml", &state)]);
        let arguments = ["check", "--state", "cluster.yaml", "--fix"];
        let ended = run_in(files.path(), &[&arguments[..], &["set.yaml"]].concat());
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.stdout.contains("note: no manifest is changed, since the state has errors"),
            "{ended:?}"
        );
        assert_eq!(fs::read_to_string(files.path().join("set.yaml")).unwrap(), SET);
        let piped = run_in_with_input(files.path(), &[&arguments[..], &["-"]].concat(), SET.as_bytes());
        assert_eq!((piped.code, piped.stdout.as_str()), (2, SET), "{piped:?}");
        assert!(piped.stderr.contains(message), "{piped:?}");
    }
}

#[test]
fn two_dumps_of_an_unchanged_object_do_not_contradict_each_other() {
    let first =
        stored().replace("uid: 5f0c", "uid: 5f0c, resourceVersion: \"1\"") + "status: {replicas: 2}\n";
    let second =
        stored().replace("uid: 5f0c", "uid: 5f0c, resourceVersion: \"2\"") + "status: {replicas: 3}\n";
    let ended = checked(&[], SET, &format!("{first}---\n{second}"));
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn an_object_in_another_version_is_not_passed_over() {
    let files = directory(&[("set.yaml", &SET.replace("apps/v1", "apps/v1beta1"))]);
    let ended = run_in(files.path(), &["check", "set.yaml"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stdout.contains("StatefulSet default/cms has apiVersion apps/v1beta1"), "{ended:?}");
}

#[test]
fn a_list_of_no_objects_is_an_empty_cluster() {
    let ended =
        checked(&[], SET, "apiVersion: v1\nitems: []\nkind: List\nmetadata: {resourceVersion: \"\"}\n");
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_dump_that_is_cut_anywhere_is_never_taken_for_a_cluster_without_the_set() {
    let set = stored().replace('\n', "\n  ");
    let dump = format!(
        "apiVersion: v1\nitems:\n- {}\nkind: List\nmetadata:\n  resourceVersion: \"\"\n",
        set.trim_end()
    );
    let ends = (0..dump.len()).step_by(7).chain(dump.find("kind: List").map(|at| at + 8));
    for end in ends {
        let ended = checked(&["--fix"], SET, &dump[..end]);
        let is_whole = dump[..end].contains("kind: List");
        assert!(ended.code == 2 || is_whole && ended.code == 0, "{}: {ended:?}", &dump[..end]);
        assert!(!ended.stdout.contains("fixed: "), "{}: {ended:?}", &dump[..end]);
    }
}

#[test]
fn what_fix_hides_is_said_although_the_fixed_manifest_is_clean() {
    let claim = CLAIM.replace("{name: cms}", "{name: cms, uid: c1}");
    let files = directory(&[("cluster.yaml", &claim), ("set.yaml", SET)]);
    let arguments = ["check", "-q", "--state", "cluster.yaml", "--fix", "set.yaml"];
    let ended = run_in(files.path(), &arguments);
    let warning =
        "warning: set.yaml:1: StatefulSet default/cms: the pods no longer see the files at the root";
    assert!(ended.code == 0 && ended.stdout.contains(warning), "{ended:?}");
    let again = run_in(files.path(), &arguments);
    assert!(again.code == 0 && !again.stdout.contains(warning), "{again:?}");
}

#[test]
fn an_object_with_a_uid_that_differs_from_the_state_is_its_update() {
    let isolated = stored().replace("mountPath: /data", "mountPath: /data, subPathExpr: $(P)").replace(
        "{name: app,",
        "{name: app, env: [{name: P, valueFrom: {fieldRef: {fieldPath: metadata.name}}}],",
    );
    let ended = checked(&["--output=json"], &isolated, &stored());
    let report = json_of(&ended);
    assert_eq!(report["results"][0]["findings"][0]["rule"], "moved-sub-path", "{report:#}");
    let same = json_of(&checked(&["--output=json"], &stored(), &stored()));
    assert_eq!(same["summary"]["denied"], 1, "{same:#}");
}

#[test]
fn an_applied_claim_keeps_the_mark_that_the_webhook_wrote() {
    let marked =
        CLAIM.replace("{name: cms}", "{name: cms, uid: c1, annotations: {ordinance.dev/sub-path: .}}");
    for claim in [CLAIM.to_owned(), CLAIM.replace("{name: cms}", "{name: cms, uid: c1}")] {
        let files = directory(&[("cluster.yaml", &marked), ("claim.yaml", &claim), ("set.yaml", SET)]);
        let ended =
            run_in(files.path(), &["check", "--state", "cluster.yaml", "--fix", "claim.yaml", "set.yaml"]);
        assert!(
            ended.stdout.contains("is not patched: the files of claim \"cms\" are at its root"),
            "{ended:?}"
        );
        assert_eq!(fs::read_to_string(files.path().join("set.yaml")).unwrap(), SET);
    }
}

#[test]
fn the_steps_of_a_migration_are_those_of_the_stored_set() {
    let ended = checked(&[], &SET.replace("mountPath: /data", "mountPath: /data, subPath: x"), &stored());
    assert!(ended.stdout.contains("directory of the volume: $(ORDINANCE_POD_NAME) for"), "{ended:?}");
}

#[test]
fn a_namespace_must_be_a_dns_label() {
    for command in [&["check", "set.yaml"][..], &["map", "set.yaml"], &["migrate", "web"]] {
        for namespace in ["", "Bad_NS", "a/b"] {
            let ended = run_in(&std::env::temp_dir(), &[command, &["--namespace", namespace]].concat());
            assert!(ended.code == 64 && ended.stderr.contains("--namespace"), "{ended:?}");
        }
    }
}
