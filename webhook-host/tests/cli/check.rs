//! `ordinance check`: manifests reviewed as one cluster.

use crate::files::{directory, volume, write};
use crate::run::{Ended, end, ordinance, run, run_in, run_with_input};
use serde_json::{Value, json};
use std::process::Stdio;

const SET: &str = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: web\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  serviceName: web\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: nginx\n        volumeMounts:\n        - name: www\n          mountPath: /www\n  volumeClaimTemplates:\n  - metadata: {name: www}\n    spec:\n      accessModes: [ReadWriteMany]\n      resources: {requests: {storage: 1Gi}}\n";
const ENV: &str = "/spec/template/spec/containers/0/env";
const MOUNT: &str = "/spec/template/spec/containers/0/volumeMounts/0/subPathExpr";

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn check(input: &str) -> (i32, Value) {
    let ended = run_with_input(&["check", "--output", "json", "-"], input);
    (ended.code, json_of(&ended))
}

/// Returns the name of each object, whether it is allowed, and the number of its patch operations.
fn verdicts(report: &Value) -> Vec<(&str, bool, usize)> {
    let results = report["results"].as_array().unwrap().iter();
    results
        .map(|result| {
            let name = result["object"]["name"].as_str().unwrap();
            (name, result["allowed"].as_bool().unwrap(), result["patch"].as_array().unwrap().len())
        })
        .collect()
}

fn yaml(objects: &[Value]) -> String {
    objects.iter().map(|object| format!("---\n{object}\n")).collect()
}

#[test]
fn a_result_contains_the_answer_of_the_webhooks() {
    let (code, report) = check(SET);
    assert_eq!(code, 0);
    let result = &report["results"][0];
    assert_eq!(
        (&result["file"], &result["line"], &result["object"]),
        (
            &json!("-"),
            &json!(1),
            &json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "namespace": "default", "name": "web"})
        )
    );
    assert_eq!(
        (&result["allowed"], &result["code"], &result["message"], &result["causes"]),
        (&json!(true), &json!(200), &json!(""), &json!([]))
    );
    assert_eq!(result["patch"][0]["path"], ENV);
    assert_eq!(result["patch"][1], json!({"op": "add", "path": MOUNT, "value": "$(ORDINANCE_POD_NAME)"}));
    assert!(result["warnings"][0].as_str().unwrap().contains("\"www\""), "{result}");
    assert_eq!(report["errors"], json!([]));
    assert_eq!(
        report["summary"],
        json!({"objects": 1, "skipped": 0, "denied": 0, "warned": 1, "patched": 1})
    );
}

#[test]
fn denies_the_second_of_two_volumes_on_one_export_in_the_order_given() {
    let files = directory(&[
        ("b.json", &volume("first", "/srv/www").to_string()),
        ("a.json", &volume("second", "/srv/www/").to_string()),
    ]);
    let ended = run_in(files.path(), &["check", "--output", "json", "b.json", "a.json"]);
    let report = json_of(&ended);
    assert_eq!((ended.code, verdicts(&report)), (1, vec![("first", true, 0), ("second", false, 0)]));
    assert_eq!(
        (&report["results"][1]["code"], &report["results"][1]["file"]),
        (&json!(403), &json!("a.json"))
    );
    assert_eq!(report["results"][1]["causes"][0]["field"], "spec.nfs.path");
    let ended = run_in(files.path(), &["check", "--output", "json", "."]);
    assert_eq!(verdicts(&json_of(&ended)), [("second", true, 0), ("first", false, 0)]);
}

#[test]
fn a_denied_object_holds_no_keys() {
    let mut recycled = volume("recycled", "/srv");
    recycled["spec"]["persistentVolumeReclaimPolicy"] = json!("Recycle");
    let (code, report) = check(&yaml(&[volume("a", "/srv/a"), recycled, volume("b", "/srv/b")]));
    assert_eq!((code, verdicts(&report)), (1, vec![("a", true, 0), ("recycled", false, 0), ("b", true, 0)]));
    assert_eq!(report["results"][2]["warnings"], json!([]), "{report}");
}

#[test]
fn claims_are_indexed_before_any_review_and_have_results() {
    let claim = |name: &str| json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": {}});
    let (code, report) = check(&format!("{SET}{}", yaml(&[claim("www-web-0")])));
    assert_eq!((code, verdicts(&report)), (0, vec![("web", true, 0), ("www-web-0", true, 0)]), "{report}");
    let (_, report) = check(&format!("{SET}{}", yaml(&[claim("other-web-0")])));
    assert_eq!(verdicts(&report), [("web", true, 2), ("other-web-0", true, 0)]);
}

#[test]
fn existing_objects_are_not_reviewed() {
    let files = directory(&[("state.json", &volume("old", "/srv/www").to_string())]);
    let input = volume("new", "/srv/www").to_string();
    write(files.path(), "new.json", &input);
    let ended = run_in(files.path(), &["check", "--output", "json", "new.json", "--state", "state.json"]);
    assert_eq!((ended.code, verdicts(&json_of(&ended))), (1, vec![("new", false, 0)]));
}

#[test]
fn flags_set_settings_and_namespace() {
    let files = directory(&[
        ("warn.yaml", "mode: Warn\n"),
        ("all.json", &yaml(&[volume("a", "/x"), volume("b", "/x")])),
        ("set.yaml", SET),
    ]);
    let ended = run_in(
        files.path(),
        &[
            "check",
            "--output",
            "json",
            "all.json",
            "--settings",
            "warn.yaml",
            "set.yaml",
            "--namespace",
            "shop",
        ],
    );
    let report = json_of(&ended);
    assert_eq!(ended.code, 0, "{report}");
    assert_eq!(report["summary"]["warned"], 2);
    assert_eq!(report["results"][2]["object"]["namespace"], "shop");
    assert_eq!(report["results"][0]["object"]["namespace"], "");
}

#[test]
fn other_kinds_are_counted_and_skipped() {
    let (code, report) = check(&format!(
        "apiVersion: v1\nkind: ConfigMap\ndata: {{a: b}}\n---\n# nothing\n---\napiVersion: apps/v1\nkind: Deployment\n---\n{SET}"
    ));
    assert_eq!(
        (code, &report["summary"]["skipped"], &report["summary"]["objects"]),
        (0, &json!(2), &json!(1))
    );
    let class = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: c}\nprovisioner: nfs.csi.k8s.io\nparameters: {subDir: x}\n";
    let (_, report) = check(class);
    assert_eq!(
        (&report["summary"]["objects"], &report["summary"]["warned"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
}

#[test]
fn a_broken_file_is_an_error_with_its_place_and_the_rest_is_reviewed() {
    let files = directory(&[
        ("broken.yaml", "a: 1\n  b: 2\n---\nkind: Pod\n"),
        ("fine.yaml", &yaml(&[volume("a", "/x"), volume("b", "/x")])),
    ]);
    let ended =
        run_in(files.path(), &["check", "--output", "json", "broken.yaml", "missing.yaml", "fine.yaml"]);
    let report = json_of(&ended);
    assert_eq!((ended.code, verdicts(&report)), (2, vec![("a", true, 0), ("b", false, 0)]));
    let places: Vec<Value> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| json!([error["file"], error["line"], error["column"]]))
        .collect();
    assert_eq!(
        places,
        [json!(["broken.yaml", 2, 4]), json!(["broken.yaml", 4, 1]), json!(["missing.yaml", 1, 1])]
    );
    assert!(report["errors"][2]["message"].as_str().unwrap().starts_with("No such file"), "{report}");
}

#[test]
fn objects_with_generated_names_are_distinct() {
    let mut generated = volume("", "/srv/www");
    generated["metadata"] = json!({"generateName": "pv-"});
    let (code, report) = check(&yaml(&[generated.clone(), generated]));
    assert_eq!((code, verdicts(&report)), (1, vec![("pv-*", true, 0), ("pv-*", false, 0)]));
}

#[test]
fn text_shows_the_line_and_the_remedy() {
    let files = directory(&[(
        "pv.yaml",
        "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: a}\nspec:\n  nfs: {server: nas, path: /x}\n---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: b}\nspec:\n  nfs:\n    path: /x # the same\n    server: nas\n",
    )]);
    let ended = run_in(files.path(), &["check", "pv.yaml"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""));
    for part in [
        "error: PersistentVolume \"b\" shares nfs://nas/x",
        "--> pv.yaml:12:5",
        "12 |     path: /x # the same",
        "= help: Give b a directory",
        "2 objects judged, 1 denied\n",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\x1b'));
    assert!(run_in(files.path(), &["check", "pv.yaml", "--color", "always"]).stdout.contains('\x1b'));
    let quiet = run_in(files.path(), &["check", "-q", "pv.yaml"]);
    assert!(!quiet.stdout.contains("judged"), "{}", quiet.stdout);
    let verbose = run_in(files.path(), &["check", "-v", "pv.yaml"]);
    assert!(verbose.stdout.contains("ok: PersistentVolume a (pv.yaml:1)"), "{}", verbose.stdout);
}

#[test]
fn sarif_and_junit_report_the_same_denial() {
    let input = yaml(&[volume("a", "/x"), volume("b", "/x")]);
    let report: Value =
        serde_json::from_str(&run_with_input(&["check", "--output=sarif"], &input).stdout).unwrap();
    let results = report["runs"][0]["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[0]["ruleId"]), (1, &json!("shared-export")));
    let report = run_with_input(&["check", "--output", "junit"], &input);
    assert!(
        report.code == 1 && report.stdout.contains("tests=\"2\" failures=\"1\" errors=\"0\""),
        "{}",
        report.stdout
    );
}

#[test]
fn an_empty_input_succeeds() {
    let empty = directory(&[("notes.txt", "nothing")]);
    let ended = run_in(empty.path(), &["check", "."]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "0 objects judged, nothing denied\n"));
    assert_eq!(run_with_input(&["check"], "").code, 0);
}

#[test]
fn warns_of_an_input_without_objects_unless_quiet() {
    let files = directory(&[("notes.txt", "a: b")]);
    let note = "warning: the input contains no object; in directories, *.yaml, *.yml and *.json are read\n";
    for arguments in
        [&["check", "."][..], &["map", "."], &["check", "--fix", "."], &["check", "--output=json", "."]]
    {
        let ended = run_in(files.path(), arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, note), "{arguments:?}");
    }
    assert_eq!(run_in(files.path(), &["check", "-q", "."]).stderr, "");
    assert_eq!(run_with_input(&["check"], "kind: Pod\napiVersion: v1\n").stderr, "");
}

#[test]
fn refuses_stdin_as_both_manifests_and_state() {
    for arguments in [
        &["check", "--state", "-"][..],
        &["check", "--state=-", "a.yaml", "-"],
        &["map", "--state", "-", "-"],
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{arguments:?}");
        assert!(ended.stderr.contains("stdin can be read once"), "{}", ended.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn reads_a_file_whose_name_is_not_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let files = directory(&[]);
    let name = OsStr::from_bytes(b"v\xff\x1b.json");
    std::fs::write(files.path().join(name), volume("a", "/x").to_string()).unwrap();
    let ended = end(ordinance(&["check", "-v"]).arg(name).current_dir(files.path()));
    assert!(
        ended.stdout.starts_with("ok: PersistentVolume a (v\u{fffd}\u{fffd}.json:1)\n"),
        "{}",
        ended.stdout
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let files = directory(&[("pv.json", &yaml(&[volume("a", "/x"), volume("b", "/x")]))]);
    for output in ["text", "json", "sarif", "junit"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let arguments = ["check", "--output", output, "pv.json"];
        let command = &mut ordinance(&arguments);
        let child =
            command.current_dir(files.path()).stdout(Stdio::from(writer)).stderr(Stdio::piped()).spawn();
        let ended = child.unwrap().wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(1), &b""[..]), "{output}");
    }
}

#[test]
fn unreadable_settings_or_policies_exit_with_2() {
    let files = directory(&[("s.yaml", "nonsense: true\n"), ("pv.json", &volume("a", "/x").to_string())]);
    for flags in [["--settings", "s.yaml"], ["--policy", "s.yaml"]] {
        let ended = run_in(files.path(), &["check", "pv.json", flags[0], flags[1]]);
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.lines().count()),
            (2, "", 1),
            "{ended:?}"
        );
    }
    assert_eq!(run(&["check", "--output", "xml", "x"]).code, 64);
}

#[test]
fn a_parallel_review_gives_the_results_of_a_sequential_one() {
    // Each export twice, the second time far away, right behind, or in another run of objects; and nested ones.
    let export = |position: usize| match position % 4 {
        0 => format!("/far/{}", position % 300),
        1 => format!("/near/{}", position / 8),
        2 => format!("/own/{position}"),
        _ => format!("/own/{}/below", position / 3),
    };
    let objects: Vec<Value> =
        (0..700).map(|position| volume(&format!("pv-{position}"), &export(position))).collect();
    let (_, together) = check(&yaml(&objects));
    for (position, object) in
        objects.iter().enumerate().filter(|(position, _)| position % 41 == 0 || *position > 690)
    {
        let files = directory(&[("state.json", &json!({"apiVersion": "v1", "kind": "List", "items": state_before(&together, &objects, position)}).to_string())]);
        write(files.path(), "one.json", &object.to_string());
        let alone = json_of(&run_in(
            files.path(),
            &["check", "--output", "json", "one.json", "--state", "state.json"],
        ));
        for member in ["allowed", "message", "causes", "warnings"] {
            assert_eq!(
                alone["results"][0][member], together["results"][position][member],
                "{position} {member}"
            );
        }
    }
    assert!(together["summary"]["denied"].as_u64().unwrap() > 100, "{}", together["summary"]);
}

/// Returns the objects that were admitted before the one at this position.
fn state_before<'o>(report: &Value, objects: &'o [Value], position: usize) -> Vec<&'o Value> {
    let is_admitted = |before: &usize| report["results"][*before]["allowed"] == true;
    (0..position).filter(is_admitted).map(|before| &objects[before]).collect()
}

#[test]
fn unusual_input_has_defined_results() {
    let deep =
        format!("apiVersion: v1\nkind: PersistentVolume\nspec: {}{}\n", "[".repeat(5_000), "]".repeat(5_000));
    let error = |input: &str| {
        let (code, report) = check(input);
        let error = &report["errors"][0];
        (code, error["line"].as_u64().unwrap(), error["message"].as_str().unwrap().to_owned())
    };
    assert_eq!(error(&deep), (2, 3, "nests deeper than 128 levels".to_owned()));
    let twice = "apiVersion: v1\nkind: PersistentVolume\nkind: PersistentVolume\n";
    assert_eq!(error(twice), (2, 3, "the key \"kind\" is there twice".to_owned()));
    let bomb: String = (1..12)
        .map(|level| format!("a{level}: &a{level} [{}]\n", format!("*a{},", level - 1).repeat(9)))
        .collect();
    let (code, _, message) = error(&format!("a0: &a0 [x]\n{bomb}"));
    assert!(code == 2 && message.starts_with("anchors and aliases stand for more than"), "{message}");
    let (code, line, message) = error("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n");
    assert!(code == 2 && line == 4 && message.ends_with("e.g. by `helm template`"), "{message}");
    let (code, report) = check(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: null\nspec: {template: null, volumeClaimTemplates: null}\n---\nnull\n---\n~\n",
    );
    assert_eq!((code, verdicts(&report)), (0, vec![("*", true, 0)]));
}

#[test]
fn the_report_on_a_list_in_one_line_is_short() {
    let set: Value = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": {
        "replicas": 2, "x": "x".repeat(5000),
        "template": {"spec": {"containers": [{"name": "a", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}],
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]}}}});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": vec![set; 100]}).to_string();
    let ended = run_with_input(&["check"], &list);
    assert_eq!(ended.code, 0);
    assert!(ended.stdout.len() < list.len() / 2, "{}", ended.stdout.len());
    assert!(
        ended.stdout.contains("volumeMounts/0/subPathExpr: \"$(ORDINANCE_POD_NAME)\""),
        "{}",
        ended.stdout
    );
    let fixed = run_with_input(&["check", "--fix"], &list);
    assert_eq!(fixed.stdout.matches(r#""subPathExpr":"$(ORDINANCE_POD_NAME)""#).count(), 100);
}

#[test]
fn errors_beyond_the_first_fifty_of_a_file_are_counted() {
    let (code, report) = check(&"---\nnonsense\n".repeat(200));
    let errors = report["errors"].as_array().unwrap();
    assert_eq!(
        (code, errors.len(), &errors[50]["message"], &errors[50]["line"]),
        (2, 51, &json!("and 150 more errors from here on"), &json!(102))
    );
}

#[cfg(unix)]
#[test]
fn a_directory_may_contain_circular_links_dead_links_and_binary_files() {
    let files = directory(&[("pv.json", &volume("a", "/x").to_string())]);
    std::os::unix::fs::symlink(".", files.path().join("again")).unwrap();
    std::os::unix::fs::symlink("nowhere", files.path().join("gone")).unwrap();
    std::fs::write(files.path().join("bytes.yaml"), b"apiVersion: v1\nkind: \xff\n").unwrap();
    std::fs::write(files.path().join("other.yaml"), b"a: \xff\n").unwrap();
    let report = json_of(&run_in(files.path(), &["check", "--output", "json", "."]));
    assert_eq!((verdicts(&report), report["errors"].as_array().unwrap().len()), (vec![("a", true, 0)], 1));
    assert_eq!(
        (&report["errors"][0]["file"], &report["errors"][0]["column"]),
        (&json!("./bytes.yaml"), &json!(7))
    );
}
