//! Directories as people have them: with files that are no Kubernetes objects.

use crate::files::{directory, volume};
use crate::run::{Ended, run, run_in};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A repository with an application, a chart, a kustomization with an overlay, and an ignored directory.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository")
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Returns the names of the objects that were judged.
fn judged(ended: &Ended) -> Vec<String> {
    let report = json_of(ended);
    let results = report["results"].as_array().unwrap().iter();
    results.map(|result| result["object"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_not_read_is_said_in_a_line_each() {
    let notes = "\
note: passed over 14 files that are no Kubernetes objects (-v names them)
note: passed over 1 template; render it first, and check what is printed (-v names it)
note: chart is a Helm chart and is not rendered; add --render, or pipe in the output of: helm template shop ./chart
note: deploy/overlays/live is a kustomization and is not rendered; add --render, or pipe in the output of: \
kubectl kustomize ./deploy/overlays/live
";
    for command in ["check", "map"] {
        let ended = run_in(&repository(), &[command, "."]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, notes));
        assert_eq!(run_in(&repository(), &[command, ".", "-q"]).stderr, "");
    }
}

#[test]
fn verbose_notes_name_each_file() {
    let notes = run_in(&repository(), &["check", ".", "-v"]).stderr;
    assert!(
        notes.starts_with("note: passed over 14 files that are no Kubernetes objects:\n  app/compose.yaml\n")
    );
    for file in ["chart/Chart.yaml", "deploy/overlays/live/uploads.yaml", "test/latin1.yaml"] {
        assert!(notes.contains(&format!("\n  {file}\n")), "{file}: {notes}");
    }
}

#[test]
fn json_has_the_counts_and_the_directories_to_render() {
    let report = json_of(&run_in(&repository(), &["check", "--output", "json", "."]));
    assert_eq!(
        report["summary"],
        json!({"objects": 3, "skipped": 0, "denied": 0, "warned": 1, "patched": 1, "passedOver": 15, "unrendered": 2})
    );
    assert_eq!(
        report["unrendered"],
        json!([
            {"directory": "./chart", "command": "helm template shop ./chart"},
            {"directory": "./deploy/overlays/live", "command": "kubectl kustomize ./deploy/overlays/live"},
        ])
    );
}

#[test]
fn a_file_that_is_named_has_to_be_an_object() {
    for file in ["app/package.json", "chart/values.yaml", "chart/templates/set.yaml", "test/broken.yaml"] {
        let ended = run_in(&repository(), &["check", file, "--exclude", "*"]);
        assert_eq!((ended.code, ended.stderr.as_str()), (2, ""), "{file}");
        assert!(ended.stdout.contains("1 unreadable"), "{}", ended.stdout);
    }
}

#[test]
fn an_object_that_cannot_be_read_is_an_error_in_a_directory_too() {
    let files = directory(&[
        ("a/cut.json", r#"{"apiVersion": "v1", "items": [{"apiVersion": "v1", "kind": "Persist"#),
        (
            "a/cut.yaml",
            "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: PersistentVolume\n  metadata: {name: a\n",
        ),
        ("b.yaml", "apiVersion: v1\nkind: PersistentVolume\nmetadata: [\n"),
        ("c.json", &volume("c", "/c").to_string()),
    ]);
    let ended = run_in(files.path(), &["check", "--output", "json", "."]);
    let report = json_of(&ended);
    let errors: Vec<&str> =
        report["errors"].as_array().unwrap().iter().map(|error| error["file"].as_str().unwrap()).collect();
    assert_eq!((ended.code, errors), (2, vec!["./a/cut.json", "./a/cut.yaml", "./b.yaml"]));
    assert_eq!(judged(&ended), ["c"]);
}

#[test]
fn include_and_exclude_choose_files_of_directories() {
    let files = directory(&[
        ("deploy/a.json", &volume("a", "/a").to_string()),
        ("deploy/test/b.json", &volume("b", "/b").to_string()),
        ("test/c.json", &volume("c", "/c").to_string()),
        ("d.json", &volume("d", "/d").to_string()),
    ]);
    let with = |arguments: &[&str]| {
        judged(&run_in(files.path(), &[&["check", "--output", "json", "."], arguments].concat()))
    };
    assert_eq!(with(&[]), ["d", "a", "b", "c"]);
    assert_eq!(with(&["--exclude", "test/"]), ["d", "a"]);
    assert_eq!(with(&["--exclude", "/test/", "--exclude=d.*"]), ["a", "b"]);
    assert_eq!(with(&["--include", "deploy/"]), ["a", "b"]);
    assert_eq!(with(&["--include", "deploy", "--include", "c.json", "--exclude", "test"]), ["a"]);
    assert_eq!(with(&["d.json", "--exclude", "*"]), ["d"]);
}

#[test]
fn a_bad_glob_is_bad_usage() {
    for command in ["check", "map"] {
        for (flag, glob) in [("--include", "["), ("--exclude", "a{b"), ("--exclude", "")] {
            let ended = run(&[command, ".", flag, glob]);
            assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{ended:?}");
            assert!(ended.stderr.contains(&format!("for '{flag} <GLOB>'")), "{}", ended.stderr);
        }
    }
}

#[test]
fn files_that_git_ignores_are_left_out_but_can_be_named() {
    let directory = run_in(&repository(), &["check", "--output", "json", "build"]);
    assert_eq!(judged(&directory), ["old-uploads"]);
    let both = run_in(&repository(), &["check", "--output", "json", ".", "build/rendered.yaml"]);
    assert_eq!(
        (both.code, judged(&both)),
        (1, ["uploads", "shop", "uploads", "old-uploads"].map(str::to_owned).to_vec())
    );
}

#[test]
fn a_state_may_be_a_directory_with_other_files_and_nothing_of_it_is_left_out() {
    let files = directory(&[
        (".gitignore", "*.json\n"),
        ("values.yaml", "replicas: 2\n"),
        ("old.json", &volume("old", "/x").to_string()),
    ]);
    let new = directory(&[("new.json", &volume("new", "/x").to_string())]);
    let state = files.path().to_str().unwrap();
    assert_eq!(run_in(new.path(), &["check", "new.json", "--state", state]).code, 1);
}

#[test]
fn globs_choose_files_behind_a_link_to_a_directory() {
    let files = directory(&[
        (".hidden/a.json", &volume("a", "/a").to_string()),
        ("b.json", &volume("b", "/b").to_string()),
    ]);
    std::os::unix::fs::symlink(".hidden", files.path().join("deploy")).unwrap();
    let with = |arguments: &[&str]| {
        judged(&run_in(files.path(), &[&["check", "--output", "json", "."], arguments].concat()))
    };
    assert_eq!(with(&["--include", "a.json"]), ["a"]);
    assert_eq!(with(&["--exclude", "b.json"]), ["a"]);
    assert_eq!(with(&["--exclude", "deploy/"]), ["b"]);
}
