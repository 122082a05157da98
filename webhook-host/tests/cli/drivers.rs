//! Volumes of many storage drivers: what is told of those that the catalogue does not know, and rows of the settings.

use crate::files::directory;
use crate::run::{Ended, run_with_input};
use serde_json::{Value, json};

fn csi_volume(name: &str, driver: &str, handle: &str, attributes: Value) -> String {
    let source = json!({"driver": driver, "volumeHandle": handle, "volumeAttributes": attributes});
    let spec = json!({"accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Gi"}, "csi": source});
    let volume =
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec});
    format!("---\n{volume}\n")
}

/// Two volumes of a driver that the catalogue does not have; `share` is that of the second one.
fn unknown(share: &str) -> String {
    csi_volume("a", "csi.example.com", "a", json!({"server": "nas", "share": "/srv"}))
        + &csi_volume("b", "csi.example.com", "b", json!({"server": "nas", "share": share}))
}

fn check(input: &str, settings: &str) -> Ended {
    let directory = directory(&[("settings.yaml", settings)]);
    let settings = directory.path().join("settings.yaml").display().to_string();
    run_with_input(&["check", "--settings", &settings, "-"], input)
}

#[test]
fn volumes_of_unknown_drivers_are_counted_and_named_if_verbose() {
    let counted = "note: 2 x Nothing is known of the driver of a volume [unknown-driver] (-v names them)\n";
    let ended = run_with_input(&["check", "-"], &unknown("/other"));
    assert_eq!((ended.code, ended.stdout.ends_with(counted)), (0, true), "{ended:?}");
    let verbose = run_with_input(&["check", "-v", "-"], &unknown("/other"));
    assert!(verbose.stdout.contains("does not know the driver \"csi.example.com\""), "{verbose:?}");
    let map = run_with_input(&["map", "-"], &unknown("/other"));
    assert!(map.stderr.ends_with(counted), "{map:?}");
    let map = run_with_input(&["map", "-v", "-"], &unknown("/other"));
    assert!(map.stderr.contains("does not know the driver \"csi.example.com\""), "{map:?}");
    let quiet = run_with_input(&["map", "-q", "-"], &unknown("/other"));
    assert_eq!(quiet.stderr, "", "{quiet:?}");
}

#[test]
fn an_inline_volume_of_an_unknown_driver_is_named_with_its_set() {
    let set = "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web, namespace: shop}, spec: {replicas: 2, \
               serviceName: web, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: \
               {containers: [{name: app, volumeMounts: [{name: data, mountPath: /data}]}], \
               volumes: [{name: data, csi: {driver: csi.example.com}}]}}}}\n";
    let map = run_with_input(&["map", "-v", "-"], set);
    let named =
        "  StatefulSet shop/web: volume \"data\": Ordinance does not know the driver \"csi.example.com\"";
    assert!(map.stderr.contains(named), "{map:?}");
}

#[test]
fn equal_attributes_of_an_unknown_driver_are_warned_of() {
    let ended = run_with_input(&["check", "-"], &unknown("/srv"));
    assert!(ended.code == 0 && ended.stdout.contains("[equal-attributes]"), "{ended:?}");
    let ended = run_with_input(&["check", "-"], &unknown("/other"));
    assert!(!ended.stdout.contains("[equal-attributes]"), "{ended:?}");
}

#[test]
fn a_row_of_the_settings_locates_the_volumes_of_a_driver() {
    let row = "drivers: [{names: [csi.example.com], location: [\"nfs://{server}//{share}\"]}]";
    let plain = "---\n{apiVersion: v1, kind: PersistentVolume, metadata: {name: plain}, \
                 spec: {accessModes: [ReadWriteMany], nfs: {server: nas, path: /srv}}}\n";
    let ended = check(&(unknown("/other") + plain), row);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stdout.contains("PersistentVolume \"plain\" shares nfs://nas/srv with PersistentVolume \"a\"")
    );
    assert!(!ended.stdout.contains("unknown-driver"), "{ended:?}");
}

#[test]
fn a_row_of_the_settings_judges_classes_and_inline_volumes() {
    let row = "drivers: [{names: [csi.example.com], location: [\"x://{share}\"], inline: true, \
               class: {sharedIf: [\"[!dir]\"], directory: [dir]}}]";
    let class = "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: c}, provisioner: csi.example.com, \
                 parameters: {share: s}}\n";
    let ended = check(class, row);
    assert!(ended.stdout.contains("StorageClass \"c\" has no dir"), "{ended:?}");
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\nspec:\n  replicas: 2\n  serviceName: web\n  \
               selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      \
               containers: [{name: web, image: nginx, volumeMounts: [{name: v, mountPath: /v}]}]\n      \
               volumes: [{name: v, csi: {driver: csi.example.com, volumeAttributes: {share: s}}}]\n";
    let ended = check(set, row);
    assert!(ended.stdout.contains("1 changed at admission"), "{ended:?}");
    let ended = run_with_input(&["check", "-"], set);
    assert!(!ended.stdout.contains("changed at admission"), "{ended:?}");
}

#[test]
fn a_row_that_cannot_be_used_is_refused_with_its_field() {
    for (row, message) in [
        (
            "{names: [a], location: [\"nfs://{server\"]}",
            "drivers[0].location[0]: \"nfs://{server\" has '{' without its end",
        ),
        ("{names: [a], place: x}", "drivers[0].place: is unknown"),
        (
            "{names: [smb.csi.k8s.io], location: [\"smb://{source}\"]}",
            "drivers[0].names[0]: \"smb.csi.k8s.io\" has a built-in row",
        ),
    ] {
        let ended = check("", &format!("drivers: [{row}]"));
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(message), "{ended:?}");
    }
}

#[test]
fn many_rows_leave_every_other_verdict_as_it_was() {
    let row = |number: usize| format!("{{names: [csi-{number}.example.org], location: [\"x://{{share}}\"]}}");
    let rows: Vec<String> = (0..100).map(row).collect();
    let settings = format!("drivers: [{}]", rows.join(", "));
    let input = unknown("/srv") + &csi_volume("c", "csi-99.example.org", "c", json!({"share": "s"}));
    let with_rows = check(&input, &settings);
    let without = run_with_input(&["check", "-"], &unknown("/srv"));
    assert_eq!(with_rows.stdout.replace("3 objects", "2 objects"), without.stdout);
}

#[test]
fn hostile_attributes_and_handles_get_a_verdict() {
    let many: serde_json::Map<String, Value> =
        (0..10_000).map(|n| (format!("key-{n}"), json!("x"))).collect();
    let cases = json!({"server": "nas", "share": "/a", "SHARE": "/b", "Share": "/a"});
    let input = csi_volume("many", "nfs.csi.k8s.io", "many", Value::Object(many.clone()))
        + &csi_volume("many-unknown", "csi.example.com", "many", Value::Object(many))
        + &csi_volume(
            "long",
            "nfs.csi.k8s.io",
            "long",
            json!({"server": "nas", "share": "/x".repeat(128 * 1024)}),
        )
        + &csi_volume("cases", "smb.csi.k8s.io", "cases", json!({"source": "//nas/a", "SOURCE": "//nas/b"}))
        + &csi_volume("nfs-cases", "nfs.csi.k8s.io", "nfs-cases", cases)
        + &csi_volume("control", "driver.longhorn.io", "a\u{1b}[31m\nb\u{202e}", json!({}))
        + &csi_volume("control-too", "driver.longhorn.io", "a\u{1b}[31m\nb\u{202e}", json!({}));
    let ended = run_with_input(&["check", "-"], &input);
    assert_eq!(ended.code, 1, "{ended:?}");
    let unresolved = ended.stdout.matches("whose keys differ by case only").count();
    assert_eq!(unresolved, 2, "{ended:?}");
    assert!(
        ended.stdout.contains("PersistentVolume \"control-too\" shares csi://driver.longhorn.io/a [31m b"),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains('\u{1b}') && !ended.stdout.contains('\u{202e}'), "{ended:?}");
}
