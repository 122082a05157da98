//! `ordinance map`: which ordinal writes where.

use crate::files::{directory, volume};
use crate::run::{end, ordinance, run, run_in, run_with_input};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A set of two replicas with claims of the volumes `pv` and `pv2`.
fn story(second: &str) -> TempDir {
    let bound = |name: &str, path: &str, ordinal: u64| {
        let mut volume = volume(name, path);
        volume["spec"]["claimRef"] = json!({"namespace": "default", "name": format!("www-web-{ordinal}")});
        volume.to_string()
    };
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": {
        "replicas": 2,
        "template": {"spec": {"containers": [{"name": "web", "volumeMounts": [{"name": "www", "mountPath": "/www"}]}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "www"}, "spec": {"accessModes": ["ReadWriteMany"]}}],
    }});
    directory(&[
        ("pv.json", &bound("pv", "/srv/www", 0)),
        ("pv2.json", &bound("pv2", second, 1)),
        ("web.json", &set.to_string()),
    ])
}

/// Ordinal, location and whether it is exclusive, of each writer.
fn writers(map: &Value, when: &str) -> Vec<(u64, String, bool)> {
    let writer = |writer: &Value| {
        let location = writer["location"].as_str().unwrap().to_owned();
        (writer["ordinal"].as_u64().unwrap(), location, writer["exclusive"].as_bool().unwrap())
    };
    map[when].as_array().unwrap().iter().map(writer).collect()
}

#[test]
fn what_is_shared_before_is_each_ordinals_own_afterwards() {
    let files = story("/srv/www/");
    let ended = run_in(files.path(), &["map", "--output", "json", "."]);
    let map: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""));
    let shared = "nfs://10.0.0.5/srv/www".to_owned();
    assert_eq!(writers(&map, "before"), [(0, shared.clone(), false), (1, shared.clone(), false)]);
    assert_eq!(
        writers(&map, "writers"),
        [(0, format!("{shared}/web-0"), true), (1, format!("{shared}/web-1"), true)]
    );
    assert_eq!(map["refused"][0]["name"], "pv2");
}

#[test]
fn nothing_is_refused_of_what_is_apart() {
    let files = story("/srv/other");
    let ended = run_in(files.path(), &["map", "--output", "json", "web.json", "pv.json", "pv2.json"]);
    let map: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, map["refused"].as_array().map(Vec::len)), (0, Some(0)));
}

#[test]
fn what_exists_is_drawn_and_never_judged() {
    let files = story("/srv/www");
    let ended = run_in(files.path(), &["map", "--output", "json", "--state", "."]);
    let map: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(map["writers"], map["before"]);
    assert_eq!(writers(&map, "writers").len(), 2);
}

#[test]
fn a_manifest_without_a_namespace_is_in_the_one_that_is_named() {
    let files = story("/srv/other");
    let set = std::fs::read_to_string(files.path().join("web.json")).unwrap();
    let ended = run_with_input(&["map", "-", "--namespace", "shop", "--output", "json"], &set);
    let map: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(map["writers"][0]["location"], "claim/shop/www-web-0/web-0");
}

#[test]
fn what_cannot_be_read_costs_no_other_file() {
    let files = story("/srv/other");
    std::fs::write(files.path().join("broken.yaml"), "kind: [\n").unwrap();
    let ended = run_in(files.path(), &["map", "broken.yaml", "missing.yaml", "web.json"]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (2, 2), "{ended:?}");
    assert!(ended.stdout.contains("claim/default/www-web-0/web-0"), "{}", ended.stdout);
}

#[test]
fn text_is_as_the_terminal_can_show_it() {
    let files = story("/srv/other");
    let text = |arguments: &[&str], locale: &str| {
        let mut command = ordinance(&["map", "."]);
        command.args(arguments).current_dir(files.path()).env("LC_ALL", locale).env_remove("COLUMNS");
        end(&mut command).stdout
    };
    assert!(text(&[], "C.UTF-8").contains("✔") && !text(&[], "C.UTF-8").contains('\x1b'));
    for text in [text(&[], "POSIX"), text(&["--ascii"], "en_GB.utf8")] {
        assert!(text.is_ascii() && text.contains("-->"), "{text}");
    }
    assert!(text(&["--color", "always"], "C.UTF-8").contains("\x1b[32m"));
    assert!(text(&["--width", "44"], "C.UTF-8").lines().all(|line| line.chars().count() <= 44));
}

#[test]
fn a_drawing_is_an_svg() {
    let files = story("/srv/www");
    let ended = run_in(files.path(), &["map", "--output", "svg", "."]);
    assert!(ended.stdout.starts_with("<svg ") && ended.stdout.ends_with("</svg>\n"));
    assert!(ended.stdout.contains("prefers-color-scheme: dark"));
}

#[test]
fn bad_usage_is_said() {
    assert_eq!(run(&["map", "--output", "png"]).code, 64);
    assert_eq!(run(&["map", "missing.yaml", "--settings", "-"]).code, 64);
}

#[test]
fn what_can_not_be_opened_has_no_lines() {
    let files = directory(&[("broken.yaml", "a: b: c\n")]);
    let ended = run_in(files.path(), &["map", "gone.yaml", "broken.yaml"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.starts_with("error: gone.yaml: No such file"), "{}", ended.stderr);
    assert!(ended.stderr.contains("\nerror: broken.yaml:1:5: "), "{}", ended.stderr);
}
