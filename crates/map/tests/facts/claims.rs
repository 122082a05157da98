//! Claims and the volumes that they lead to.

use crate::manifests::map;
use ordinance_map::{Bound, VolumeWriter};
use serde_json::{Value, json};

/// Returns a set with one claim template `data` of the class `nfs`.
fn set(replicas: u64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "replicas": replicas,
        "template": {"spec": {"containers": [{"name": "db", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "nfs", "resources": {"requests": {"storage": "5Gi"}},
        }}],
    }})
}

/// Returns a volume of the class `nfs` on a path of its name, with `change` merged into it.
fn volume(name: &str, change: Value) -> Value {
    let mut volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteOnce", "ReadWriteMany"], "storageClassName": "nfs", "capacity": {"storage": "5Gi"},
        "nfs": {"server": "nas", "path": format!("/{name}")},
    }});
    merge(&mut volume, change);
    volume
}

fn claim(name: &str, change: Value) -> Value {
    let mut claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "nfs", "resources": {"requests": {"storage": "5Gi"}},
    }});
    merge(&mut claim, change);
    claim
}

fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, change) => *into = change,
    }
}

fn claim_ref(name: &str) -> Value {
    json!({"spec": {"claimRef": {"namespace": "default", "name": name}}})
}

/// Returns the location of each ordinal before patches, with a star if the volume is only expected.
fn places(objects: &[Value]) -> Vec<String> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let place = |writer: &VolumeWriter| {
        let expected =
            writer.persistent_volume.as_ref().is_some_and(|volume| volume.bound == Bound::Expected);
        format!("{}{}", writer.location, if expected { "*" } else { "" })
    };
    map(&list.to_string()).before.writers.iter().map(place).collect()
}

#[test]
fn a_volume_that_names_the_claim_goes_before_one_with_its_name() {
    let objects = [set(1), volume("data-db-0", json!({})), volume("z", claim_ref("data-db-0"))];
    assert_eq!(places(&objects), ["nfs://nas/z"]);
}

#[test]
fn a_claim_has_the_volume_that_it_names() {
    let bound = claim("data-db-0", json!({"spec": {"volumeName": "z"}}));
    let objects = [set(1), volume("a", json!({})), volume("z", json!({})), bound.clone()];
    assert_eq!(places(&objects), ["nfs://nas/z"]);
    let taken = [set(1), volume("a", json!({})), volume("z", claim_ref("other")), bound];
    assert_eq!(places(&taken), ["claim/default/data-db-0"]);
}

#[test]
fn a_volume_with_the_name_of_the_claim_goes_before_the_smallest_that_fits() {
    let objects = [set(2), volume("a", json!({})), volume("data-db-1", json!({}))];
    assert_eq!(places(&objects), ["nfs://nas/a*", "nfs://nas/data-db-1*"]);
}

#[test]
fn the_smallest_volume_that_fits_is_expected() {
    let size = |storage: &str| json!({"spec": {"capacity": {"storage": storage}}});
    let objects = [
        set(3),
        volume("a", size("1Gi")),
        volume("b", size("100Gi")),
        volume("c", size("6Gi")),
        volume("d", size("6Gi")),
    ];
    assert_eq!(places(&objects), ["nfs://nas/c*", "nfs://nas/d*", "nfs://nas/b*"]);
}

#[test]
fn a_volume_is_given_once_and_only_if_it_fits() {
    let change = [
        json!({"spec": {"storageClassName": "other"}}),
        json!({"spec": {"accessModes": ["ReadOnlyMany"]}}),
        json!({"spec": {"volumeMode": "Block"}}),
        json!({"spec": {"capacity": null}}),
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
        json!({"status": {"phase": "Failed"}}),
        claim_ref("other"),
    ];
    let mut objects = vec![set(2), volume("fits", json!({}))];
    objects
        .extend(change.into_iter().enumerate().map(|(index, change)| volume(&format!("v{index}"), change)));
    assert_eq!(places(&objects), ["nfs://nas/fits*", "claim/default/data-db-1"]);
}

#[test]
fn a_released_volume_belongs_to_an_earlier_claim() {
    let mut released = volume("old", claim_ref("data-db-0"));
    merge(&mut released, json!({"status": {"phase": "Released"}}));
    assert_eq!(places(&[set(1), released]), ["claim/default/data-db-0"]);
    let mut bound = volume("old", claim_ref("data-db-0"));
    merge(&mut bound, json!({"spec": {"claimRef": {"uid": "1"}}}));
    let again = claim("data-db-0", json!({"metadata": {"uid": "2"}}));
    assert_eq!(places(&[set(1), bound, again]), ["claim/default/data-db-0"]);
}

#[test]
fn a_selector_chooses_by_labels() {
    let selecting = claim("data-db-0", json!({"spec": {"selector": {"matchLabels": {"tier": "fast"}}}}));
    let fast = volume("z", json!({"metadata": {"labels": {"tier": "fast"}}}));
    assert_eq!(places(&[set(1), volume("a", json!({})), fast, selecting]), ["nfs://nas/z*"]);
}

#[test]
fn a_volume_that_is_mounted_read_only_has_no_writers() {
    let read_only = volume("z", json!({"spec": {"mountOptions": ["vers=4.1,ro"]}}));
    assert!(places(&[set(1), read_only]).is_empty());
    let annotated = json!({"metadata": {"annotations": {"volume.beta.kubernetes.io/mount-options": "rw"}},
        "spec": {"mountOptions": ["ro"]}});
    assert_eq!(places(&[set(1), volume("z", annotated)]), ["nfs://nas/z*"]);
}

#[test]
fn unreadable_objects_are_reported_and_the_others_drawn() {
    let broken =
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "broken"}, "spec": 7});
    let mut odd = set(1);
    merge(&mut odd, json!({"metadata": {"name": "odd"}, "spec": {"replicas": "two"}}));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [broken, odd, set(1)]});
    let map = map(&list.to_string());
    let unread: Vec<&str> = map.unread.iter().map(|unread| &*unread.object.name).collect();
    assert_eq!(unread, ["odd", "broken"]);
    assert_eq!(map.before.writers.len(), 1);
}

#[test]
fn where_a_placeholder_decides_nothing_is_drawn_and_nothing_is_an_error() {
    let with = |name: &str, change: Value| {
        let mut changed = set(1);
        merge(&mut changed, json!({"metadata": {"name": name}, "spec": change}));
        changed
    };
    let replicas = with("replicas", json!({"replicas": "${REPLICAS}"}));
    let mounts = json!([{"name": "data", "mountPath": "/data", "subPath": "${A:-b}"}]);
    let sub_path = with(
        "sub-path",
        json!({"template": {"spec": {"containers": [{"name": "db", "volumeMounts": mounts}]}}}),
    );
    let elsewhere = with("elsewhere", json!({"template": {"metadata": {"labels": {"a": "${A}"}}}}));
    let export = volume("export", json!({"spec": {"nfs": {"path": "${NFS_PATH}"}}}));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [replicas, sub_path, elsewhere, export]});
    let map = map(&list.to_string());
    let reasons: Vec<(&str, &str)> =
        map.unknown.iter().map(|unknown| (&*unknown.object.name, &*unknown.reason)).collect();
    assert_eq!(
        reasons,
        [
            ("replicas", "\"${REPLICAS}\" in spec.replicas is not substituted"),
            (
                "sub-path",
                "\"${A:-b}\" in spec.template.spec.containers[0].volumeMounts[0].subPath is not substituted"
            ),
            ("export", "\"${NFS_PATH}\" in spec.nfs.path is not substituted"),
        ]
    );
    assert_eq!(map.unread, []);
    let drawn: Vec<(&str, String)> = map
        .after
        .writers
        .iter()
        .map(|writer| (&*writer.pod.stateful_set, writer.location.to_string()))
        .collect();
    assert_eq!(drawn, [("elsewhere", "claim/default/data-elsewhere-0".to_owned())]);
}

#[test]
fn mount_options_of_the_nfs_driver_count() {
    let csi = |options: &str| {
        json!({"spec": {"nfs": null, "csi": {"driver": "nfs.csi.k8s.io", "volumeHandle": "h", "volumeAttributes": {
            "server": "nas", "share": "/z", "mountOptions": options,
        }}}})
    };
    assert!(places(&[set(1), volume("z", csi("ro,vers=4.1"))]).is_empty());
    assert_eq!(places(&[set(1), volume("z", csi("hard"))]), ["nfs://nas/z*"]);
    // The kubelet sorts mount options, so either of the two may come last.
    assert_eq!(places(&[set(1), volume("z", csi("ro,rw"))]), ["nfs://nas/z*"]);
}
