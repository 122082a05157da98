//! Properties of every map.

use crate::manifests::map;
use ordinance_map::{Charset, Map, Pod, TextOptions, VolumeWriter, json, svg, text};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A made-up StatefulSet.
#[derive(Clone, Debug)]
struct GeneratedSet {
    replicas: u64,
    start: u64,
    source: Source,
    sub_path: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Template,
    Claim(u8),
    Nfs(&'static str),
}

fn generated_set() -> impl Strategy<Value = GeneratedSet> {
    let source = prop_oneof![
        Just(Source::Template),
        (0u8..3).prop_map(Source::Claim),
        prop::sample::select(vec!["/", "/srv", "/srv/", "/srv/a", "/srv/a/b", "/other"])
            .prop_map(Source::Nfs),
    ];
    let sub_path = prop::sample::select(vec!["", "a", "a/b", "$(POD)", "x/$(POD)/y", "$(UNDECLARED)"]);
    (0u64..4, 0u64..3, source, sub_path).prop_map(|(replicas, start, source, sub_path)| GeneratedSet {
        replicas,
        start,
        source,
        sub_path,
    })
}

/// Generates sets and volumes, some of which overlap.
fn clusters() -> impl Strategy<Value = (Vec<GeneratedSet>, Vec<(u8, &'static str)>)> {
    let volume = (0u8..4, prop::sample::select(vec!["/srv", "/srv/a", "/srv/a/b", "/v", "/"]));
    (prop::collection::vec(generated_set(), 0..4), prop::collection::vec(volume, 0..4))
}

impl GeneratedSet {
    fn manifest(&self, index: usize) -> Value {
        let volume = match self.source {
            Source::Template => Value::Null,
            Source::Claim(claim) => {
                json!({"name": "v", "persistentVolumeClaim": {"claimName": format!("c{claim}")}})
            }
            Source::Nfs(path) => json!({"name": "v", "nfs": {"server": "nas", "path": path}}),
        };
        let is_template = matches!(self.source, Source::Template);
        let templates = json!([{"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteMany"]}}]);
        let field = if self.sub_path.contains('$') { "subPathExpr" } else { "subPath" };
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": format!("s{index}")}, "spec": {
            "replicas": self.replicas,
            "ordinals": {"start": self.start},
            "template": {"spec": {
                "volumes": if is_template { json!([]) } else { json!([volume]) },
                "containers": [{
                    "name": "c",
                    "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                    "volumeMounts": [{"name": "v", "mountPath": "/v", field: self.sub_path}],
                }],
            }},
            "volumeClaimTemplates": if is_template { templates } else { json!([]) },
        }})
    }

    fn pods(&self, index: usize) -> impl Iterator<Item = Pod> {
        (self.start..self.start + self.replicas).map(move |ordinal| Pod {
            namespace: "default".to_owned(),
            stateful_set: format!("s{index}"),
            ordinal,
        })
    }
}

fn drawn(sets: &[GeneratedSet], volumes: &[(u8, &str)]) -> Map {
    let sets = sets.iter().enumerate().map(|(index, set)| set.manifest(index));
    let volumes = volumes.iter().map(|(claim, path)| {
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("pv{claim}")}, "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "claimRef": {"namespace": "default", "name": format!("c{claim}")},
            "nfs": {"server": "nas", "path": path},
        }})
    });
    let items: Vec<Value> = volumes.chain(sets).collect();
    map(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}

/// Returns whether two locations overlap as `docs/architecture.md` defines it: in one realm, equal, or one path is a
/// prefix of the other.
fn overlap(one: &VolumeWriter, other: &VolumeWriter) -> bool {
    let segments = |writer: &VolumeWriter| writer.location.path().to_vec();
    one.location.realm() == other.location.realm()
        && segments(one).iter().zip(&segments(other)).all(|(one, other)| one == other)
}

proptest! {
    #[test]
    fn a_writer_is_exclusive_exactly_if_no_other_pod_overlaps((sets, volumes) in clusters()) {
        let map = drawn(&sets, &volumes);
        for snapshot in [&map.before, &map.after] {
            for writer in &snapshot.writers {
                let overlaps = snapshot.writers.iter().any(|other| other.pod != writer.pod && overlap(writer, other));
                prop_assert_eq!(writer.is_exclusive(), !overlaps, "{:?}", writer);
                if let Some(found) = &writer.overlap {
                    let named = snapshot.writers.iter().find(|other| other.pod == found.with && other.location == found.location);
                    prop_assert!(named.is_some_and(|other| other.pod != writer.pod && overlap(writer, other)));
                }
            }
        }
    }

    #[test]
    fn every_ordinal_writes_before_and_after((sets, volumes) in clusters()) {
        let map = drawn(&sets, &volumes);
        let wanted: BTreeSet<Pod> = sets.iter().enumerate().flat_map(|(index, set)| set.pods(index)).collect();
        for snapshot in [&map.before, &map.after] {
            let found: BTreeSet<Pod> = snapshot.writers.iter().map(|writer| writer.pod.clone()).collect();
            prop_assert_eq!(&found, &wanted);
        }
    }

    #[test]
    fn every_location_is_an_export_or_a_claim((sets, volumes) in clusters()) {
        let map = drawn(&sets, &volumes);
        for writer in map.before.writers.iter().chain(&map.after.writers) {
            let realm = writer.location.realm();
            prop_assert!(realm == "nfs://nas" || realm == "claim/default", "{}", realm);
            prop_assert!(writer.location.path().iter().all(|segment| !segment.is_empty() && segment != ".."));
        }
    }

    #[test]
    fn any_name_can_be_drawn(name in "\\PC{0,12}|.{0,40}", path in ".{0,60}", width in 0usize..200) {
        let mut set = GeneratedSet { replicas: 2, start: 0, source: Source::Nfs("/"), sub_path: "" }.manifest(0);
        set["metadata"]["name"] = json!(name);
        set["spec"]["template"]["spec"]["volumes"][0]["nfs"]["path"] = json!(format!("/{path}"));
        let map = map(&set.to_string());
        let drawing = String::from_utf8(svg(&map).unwrap()).unwrap();
        prop_assert!(roxmltree::Document::parse(&drawing).is_ok(), "{}", drawing);
        prop_assert!(serde_json::from_str::<Value>(&json(&map).unwrap()).is_ok());
        for charset in [Charset::Unicode, Charset::Ascii] {
            let text = text(&map, TextOptions { width, is_colored: false, charset });
            prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
            for line in text.lines() {
                prop_assert!(textwrap::core::display_width(line) <= width.max(40), "{}", line);
            }
        }
    }
}
