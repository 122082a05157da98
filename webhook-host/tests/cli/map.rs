//! `ordinance map`: which ordinal writes where.

use crate::files::{directory, volume};
use crate::run::{end, ordinance, run, run_in, run_with_input};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Writes a set of two replicas, whose claims are bound to the volumes `pv` and `pv2`.
fn founding_story(second: &str) -> TempDir {
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

/// Returns the ordinal and the location of each writer, and whether the location is exclusive.
fn writers(map: &Value, when: &str) -> Vec<(u64, String, bool)> {
    let writer = |writer: &Value| {
        let location = writer["location"].as_str().unwrap().to_owned();
        (writer["ordinal"].as_u64().unwrap(), location, writer["exclusive"].as_bool().unwrap())
    };
    map[when].as_array().unwrap().iter().map(writer).collect()
}

#[test]
fn a_shared_location_becomes_exclusive_with_the_patch() {
    let files = founding_story("/srv/www/");
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
fn refuses_no_volume_on_a_separate_export() {
    let files = founding_story("/srv/other");
    let ended = run_in(files.path(), &["map", "--output", "json", "web.json", "pv.json", "pv2.json"]);
    let map: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, map["refused"].as_array().map(Vec::len)), (0, Some(0)));
}

#[test]
fn existing_objects_are_drawn_and_not_reviewed() {
    let files = founding_story("/srv/www");
    let ended = run_in(files.path(), &["map", "--output", "json", "--state", "."]);
    let map: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(map["writers"], map["before"]);
    assert_eq!(writers(&map, "writers").len(), 2);
}

#[test]
fn a_manifest_without_a_namespace_is_in_that_of_the_flag() {
    let files = founding_story("/srv/other");
    let set = std::fs::read_to_string(files.path().join("web.json")).unwrap();
    let ended = run_with_input(&["map", "-", "--namespace", "shop", "--output", "json"], &set);
    let map: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(map["writers"][0]["location"], "claim/shop/www-web-0/web-0");
}

#[test]
fn an_unreadable_file_does_not_affect_others() {
    let files = founding_story("/srv/other");
    std::fs::write(files.path().join("broken.yaml"), "kind: [\n").unwrap();
    let ended = run_in(files.path(), &["map", "broken.yaml", "missing.yaml", "web.json"]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (2, 2), "{ended:?}");
    assert!(ended.stdout.contains("claim/default/www-web-0/web-0"), "{}", ended.stdout);
}

#[test]
fn text_adapts_to_locale_color_and_width() {
    let files = founding_story("/srv/other");
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
fn the_svg_adapts_to_dark_mode() {
    let files = founding_story("/srv/www");
    let ended = run_in(files.path(), &["map", "--output", "svg", "."]);
    assert!(ended.stdout.starts_with("<svg ") && ended.stdout.ends_with("</svg>\n"));
    assert!(ended.stdout.contains("prefers-color-scheme: dark"));
}

#[test]
fn invalid_usage_exits_with_64() {
    assert_eq!(run(&["map", "--output", "png"]).code, 64);
    assert_eq!(run(&["map", "missing.yaml", "--settings", "-"]).code, 64);
}

#[test]
fn an_error_of_opening_names_no_line() {
    let files = directory(&[("broken.yaml", "a: b: c\n")]);
    let ended = run_in(files.path(), &["map", "gone.yaml", "broken.yaml"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.starts_with("error: gone.yaml: No such file"), "{}", ended.stderr);
    assert!(ended.stderr.contains("\nerror: broken.yaml:1:5: "), "{}", ended.stderr);
}
