//! `--render`, with programs that stand for `helm` and `kubectl`.

use crate::files::{directory, volume, write};
use crate::run::{Ended, end, ordinance, run_in};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A set whose replicas share a directory, as a template's output.
const SET: &str = "---
# Source: shop/templates/set.yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  replicas: 2
  serviceName: shop
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: shop
        image: shop
        volumeMounts: [{name: data, mountPath: /data, subPath: one}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
";

/// A repository with a chart, a kustomization that lists a file, and a manifest.
fn repository() -> TempDir {
    directory(&[
        ("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n"),
        ("chart/templates/set.yaml", "kind: {{ .Values.kind }}\n"),
        ("chart/values.yaml", "kind: StatefulSet\n"),
        ("live/kustomization.yaml", "resources: [volume.json]\n"),
        ("live/volume.json", &volume("base", "/base").to_string()),
        ("own.json", &volume("own", "/own").to_string()),
    ])
}

/// Runs a command in the repository, with scripts as the only `helm` and `kubectl`.
fn run_with(repository: &Path, helm: &str, kubectl: &str, arguments: &[&str]) -> Ended {
    let programs = directory(&[("set.yaml", SET), ("volume.json", &volume("live", "/live").to_string())]);
    for (program, script) in [("helm", helm), ("kubectl", kubectl)] {
        if script.is_empty() {
            continue;
        }
        let script =
            format!("#!/bin/sh\nPATH=/usr/bin:/bin\nfiles={}\n{script}\n", programs.path().display());
        write(programs.path(), program, &script);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(programs.path().join(program), mode).unwrap();
    }
    end(ordinance(arguments).current_dir(repository).env("PATH", programs.path()))
}

const HELM: &str = "test \"$*\" = 'template shop ./chart' && cat $files/set.yaml";
const KUBECTL: &str = "test \"$*\" = 'kustomize ./live' && cat $files/volume.json";

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Returns the file and the name of each judged object.
fn judged(report: &Value) -> Vec<(&str, &str)> {
    let results = report["results"].as_array().unwrap().iter();
    results.map(|result| (text(&result["file"]), text(&result["object"]["name"]))).collect()
}

/// Returns the file and the message of the only error.
fn error_of(report: &Value) -> (&str, &str) {
    let [error] = report["errors"].as_array().unwrap().as_slice() else { panic!("{report}") };
    (text(&error["file"]), text(&error["message"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn what_helm_and_kubectl_print_is_judged_at_the_place_of_the_directory() {
    let repository = repository();
    let ended = run_with(repository.path(), HELM, KUBECTL, &["check", ".", "--render", "--output", "json"]);
    let report = json_of(&ended);
    assert_eq!(judged(&report), [("./chart", "shop"), ("./live", "live"), ("./own.json", "own")]);
    assert_eq!((ended.code, &report["results"][0]["allowed"]), (1, &Value::from(false)));
    let finding = &report["results"][0]["findings"][0];
    assert_eq!((&finding["rule"], &finding["line"]), (&"fixed-sub-path".into(), &16.into()));
    assert_eq!(report["summary"].get("unrendered"), None);
    assert_eq!(ended.stderr, "note: passed over 3 files that are no Kubernetes objects (-v names them)\n");
}

#[test]
fn without_the_flag_no_program_runs_and_the_files_of_a_kustomization_are_read() {
    let repository = repository();
    let ended = run_with(repository.path(), "exit 1", "exit 1", &["check", ".", "--output", "json"]);
    let report = json_of(&ended);
    assert_eq!(judged(&report), [("./live/volume.json", "base"), ("./own.json", "own")]);
    assert_eq!((ended.code, &report["summary"]["unrendered"]), (0, &2.into()));
}

#[test]
fn the_globs_choose_what_is_rendered_too() {
    let repository = repository();
    let names = |arguments: &[&str]| {
        let all = [&["check", ".", "--render", "--output", "json"], arguments].concat();
        let report = json_of(&run_with(repository.path(), HELM, KUBECTL, &all));
        judged(&report).into_iter().map(|(_, name)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["--include", "live/"]), ["live"]);
    assert_eq!(names(&["--include", "*.yaml"]), ["shop", "live"]);
    assert_eq!(names(&["--include", "*.json"]), ["base", "own"]);
    assert_eq!(names(&["--exclude", "chart/"]), ["live", "own"]);
    assert_eq!(names(&["--exclude", "live/kustomization.yaml"]), ["shop", "base", "own"]);
}

#[test]
fn the_map_is_that_of_what_is_rendered() {
    let repository = repository();
    let ended = run_with(repository.path(), HELM, KUBECTL, &["map", ".", "--render", "--output", "json"]);
    let report = json_of(&ended);
    assert_eq!(report["writers"][0]["statefulSet"], "shop", "{report}");
}

#[test]
fn every_format_names_the_chart_and_none_has_a_fix_for_it() {
    let repository = repository();
    let output = |format| {
        run_with(repository.path(), HELM, KUBECTL, &["check", ".", "--render", "--output", format]).stdout
    };
    assert!(output("text").contains("\n  --> ./chart:16:"));
    assert!(output("junit").contains("<testsuite name=\"./chart\" tests=\"1\" failures=\"1\""));
    let sarif: Value = serde_json::from_str(&output("sarif")).unwrap();
    let [result] = sarif["runs"][0]["results"].as_array().unwrap().as_slice() else { panic!("{sarif}") };
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!((place, result.get("fixes")), (&"chart".into(), None));
}

#[test]
fn fixes_are_not_written_into_what_is_rendered() {
    let repository = repository();
    let ended = run_with(repository.path(), HELM, KUBECTL, &["check", ".", "--render", "--fix"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let note = "note: ./chart:3: StatefulSet default/shop: left as it is: it is rendered; change the chart's templates";
    assert!(ended.stdout.contains(note) && !ended.stdout.contains("fixed: "), "{}", ended.stdout);
    let template = std::fs::read_to_string(repository.path().join("chart/templates/set.yaml")).unwrap();
    assert_eq!(template, "kind: {{ .Values.kind }}\n");
}

#[test]
fn a_missing_program_is_an_error_with_the_way_out_and_the_rest_is_judged() {
    let repository = repository();
    let ended = run_with(repository.path(), "", KUBECTL, &["check", ".", "--render", "--output", "json"]);
    let report = json_of(&ended);
    let (file, message) = error_of(&report);
    assert!(
        message.starts_with("helm is not found; install Helm (") && message.ends_with("leave out --render")
    );
    assert_eq!((ended.code, file, judged(&report).len()), (2, "./chart", 2));
}

#[test]
fn a_program_that_fails_is_quoted_in_one_line() {
    let repository = repository();
    let kubectl = "printf 'error: \\033[31mno\\nsuch\\tfile\\033[0m' >&2; exit 1";
    let ended = run_with(repository.path(), HELM, kubectl, &["check", ".", "--render"]);
    assert_eq!(ended.code, 2);
    let message = "error: `kubectl kustomize ./live` failed: error: \u{fffd}[31mno such file\u{fffd}[0m\n";
    assert!(ended.stdout.starts_with(message), "{}", ended.stdout);
}

#[test]
fn a_program_that_hangs_is_stopped_after_the_time_with_all_that_it_started() {
    let repository = repository();
    let start = Instant::now();
    let helm = "sleep 100 & echo $! >running; wait";
    let arguments = ["check", ".", "--render", "--render-time", "500ms", "--output", "json"];
    let ended = run_with(repository.path(), helm, KUBECTL, &arguments);
    assert!(start.elapsed() < Duration::from_secs(50));
    let report = json_of(&ended);
    let (file, message) = error_of(&report);
    assert!(message.starts_with("`helm template shop ./chart` was stopped after 500ms; "), "{message}");
    assert_eq!((ended.code, file, judged(&report).len()), (2, "./chart", 2));
    let sleeping = std::fs::read_to_string(repository.path().join("running")).unwrap();
    assert!(!is_running(sleeping.trim()));
}

/// Returns whether a process runs. One that nothing waits for stays in the list as a zombie.
fn is_running(process: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn a_program_that_floods_its_output_is_stopped() {
    let repository = repository();
    let ended = run_with(repository.path(), "yes", KUBECTL, &["check", ".", "--render", "--output", "json"]);
    let report = json_of(&ended);
    let (file, message) = error_of(&report);
    assert!(message.starts_with("`helm template shop ./chart` prints more than 67108864 bytes"), "{message}");
    assert_eq!((ended.code, file, judged(&report).len()), (2, "./chart", 2));
}

#[test]
fn what_is_printed_has_to_be_manifests() {
    let repository = repository();
    for (helm, part) in [
        ("echo 'a: b'", "not a Kubernetes object"),
        ("printf 'a\\377'", "is not UTF-8 text"),
        ("echo 'a: b: c'", "mapping values"),
    ] {
        let ended =
            run_with(repository.path(), helm, KUBECTL, &["check", ".", "--render", "--output", "json"]);
        let report = json_of(&ended);
        let (file, message) = error_of(&report);
        assert_eq!((ended.code, file, message.contains(part)), (2, "./chart", true), "{message}");
    }
    let nothing =
        run_with(repository.path(), "true", "true", &["check", ".", "--render", "--output", "json"]);
    assert_eq!((nothing.code, judged(&json_of(&nothing)).len()), (0, 1));
}

#[test]
fn a_time_that_is_none_is_bad_usage() {
    for time in ["0s", "2h", "60", "soon"] {
        let ended = run_in(Path::new("."), &["check", ".", "--render", "--render-time", time]);
        assert_eq!(ended.code, 64, "{ended:?}");
        assert!(ended.stderr.contains("for '--render-time <TIME>'"), "{}", ended.stderr);
    }
}
