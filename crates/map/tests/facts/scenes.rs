//! The facts of each scene in `tests/golden`: which ordinal writes where, and which other pods write there.

use crate::manifests::map;
use ordinance_map::{Charset, Map, Relation, Snapshot, TextOptions, VolumeWriter, json, text};
use serde_json::{Value, json};

/// Returns the map of a scene.
fn scene(name: &str) -> Map {
    let file = format!("{}/tests/golden/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    map(&std::fs::read_to_string(file).unwrap())
}

/// Returns a line for each writer: `web-0 nfs://nas/srv`, a `*` for a volume that is only expected, and the overlap.
fn writers(snapshot: &Snapshot) -> Vec<String> {
    let line = |writer: &VolumeWriter| {
        let expected = if writer.is_expected() { "*" } else { "" };
        let overlap = writer.overlap.as_ref().map(|overlap| {
            let relation = match overlap.relation {
                Relation::Equal => "=",
                Relation::Inside => "<",
                Relation::Around => ">",
            };
            format!(" {relation} {} +{}", overlap.with.name(), overlap.others - 1)
        });
        format!("{} {}{expected}{}", writer.pod.name(), writer.location, overlap.unwrap_or_default())
    };
    snapshot.writers.iter().map(line).collect()
}

/// Returns the names of the refused objects.
fn refused(map: &Map) -> Vec<&str> {
    map.refused.iter().map(|refused| &*refused.object.name).collect()
}

#[test]
fn replicas_that_share_a_claim_get_a_directory_each() {
    let map = scene("claim-by-name");
    let shared = "nfs://nas.example.com/srv/uploads";
    assert_eq!(
        writers(&map.before),
        [
            format!("shop-0 {shared} = shop-1 +1"),
            format!("shop-1 {shared} = shop-0 +1"),
            format!("shop-2 {shared} = shop-0 +1")
        ]
    );
    assert_eq!(
        writers(&map.after),
        [
            format!("shop-0 {shared}/shop-0"),
            format!("shop-1 {shared}/shop-1"),
            format!("shop-2 {shared}/shop-2")
        ]
    );
    let [first, ..] = map.after.writers.as_slice() else { panic!("no writers") };
    assert_eq!((first.claim.as_deref(), first.volume.as_str()), (Some("uploads"), "files"));
}

#[test]
fn two_volumes_on_one_directory_are_separated_by_sub_paths() {
    let map = scene("founding-story");
    assert_eq!(
        writers(&map.before),
        ["web-0 nfs://10.0.0.5/srv/www* = web-1 +0", "web-1 nfs://10.0.0.5/srv/www* = web-0 +0"]
    );
    assert_eq!(
        writers(&map.after),
        ["web-0 nfs://10.0.0.5/srv/www/web-0*", "web-1 nfs://10.0.0.5/srv/www/web-1*"]
    );
}

#[test]
fn the_text_of_the_founding_story() {
    let options = TextOptions { width: 80, is_colored: false, charset: Charset::Unicode };
    let expected = "\
StatefulSet default/web · volume web-pvc

  before   web-0 ──▶ nfs://10.0.0.5/srv/www *  ✘ shared with web-1
           web-1 ──▶ nfs://10.0.0.5/srv/www *  ✘ shared with web-0
  after    web-0 ──▶ nfs://10.0.0.5/srv/www/web-0 *  ✔ its own
           web-1 ──▶ nfs://10.0.0.5/srv/www/web-1 *  ✔ its own

  before   2 writers, all of them overlap
  after    2 writers, each in a directory of its own

  * not bound yet: the volume that the claim is expected to get
";
    assert_eq!(text(&scene("founding-story"), options), expected);
}

#[test]
fn the_repaired_story_is_exclusive_before_and_after() {
    let map = scene("founding-story-repaired");
    assert_eq!(
        writers(&map.before),
        ["web-0 nfs://10.0.0.5/srv/www/web-0*", "web-1 nfs://10.0.0.5/srv/www/web-1*"]
    );
    assert_eq!(map.after.overlapping(), 0);
}

#[test]
fn names_that_no_api_server_accepts_stay_below_their_volume() {
    let map = scene("hostile-names");
    assert_eq!(map.before, map.after);
    for writer in &map.before.writers {
        assert_eq!(writer.location.realm(), "nfs://nas\0.example.com");
        let [literal, markup, variable, _] = writer.location.sub_path() else { panic!("{writer:?}") };
        assert_eq!((literal.as_str(), markup.as_str()), ("$(A)$(B)\0", "<b>"));
        assert_eq!(variable, "\u{7}$(MISSING)");
        assert!(!writer.is_exclusive());
    }
    assert_eq!(map.refused.len(), 1);
}

#[test]
fn storage_without_a_claim_is_isolated_by_namespace_and_pod() {
    let map = scene("inline");
    let roots = ["nfs://[fd00::5]/frames", "glusterfs://gluster/vol1", "nfs://nas/inline"];
    let before = roots
        .map(|root| [format!("render-0 {root} = render-1 +0"), format!("render-1 {root} = render-0 +0")]);
    assert_eq!(writers(&map.before), before.concat());
    let after = roots
        .map(|root| [format!("render-0 {root}/studio/render-0"), format!("render-1 {root}/studio/render-1")]);
    assert_eq!(writers(&map.after), after.concat());
    let volumes: Vec<&str> = map.after.writers.iter().map(|writer| &*writer.volume).collect();
    assert_eq!(volumes, ["frames", "frames", "bricks", "bricks", "csi", "csi"]);
}

#[test]
fn local_disks_are_known_by_their_claims() {
    let map = scene("local");
    let expected = ["db-5 claim/default/data-db-5", "db-6 claim/default/data-db-6*"];
    assert_eq!(writers(&map.before), expected);
    assert_eq!(map.before, map.after);
    let volumes = map.after.writers.iter().filter_map(|writer| writer.persistent_volume.as_ref());
    assert_eq!(volumes.map(|volume| &*volume.name).collect::<Vec<_>>(), ["local-a", "local-b"]);
}

#[test]
fn the_first_thousand_ordinals_are_mapped() {
    let map = scene("many");
    assert_eq!((map.before.writers.len(), map.before.overlapping()), (2000, 1000));
    assert_eq!((map.after.writers.len(), map.after.overlapping()), (2000, 0));
    let [omitted] = map.after.omitted.as_slice() else { panic!("{:?}", map.after.omitted) };
    assert_eq!(omitted.ordinals, 1000..2500);
}

#[test]
fn many_ordinals_are_folded_in_the_text() {
    let options = TextOptions { width: 80, is_colored: false, charset: Charset::Unicode };
    let text = text(&scene("many"), options);
    let row = |row: &str| text.lines().any(|line| line.trim_end().ends_with(row));
    assert!(row("crowd-2   ──▶ nfs://nas/crowd  ✘ shared with crowd-0 and 998 more"), "{text}");
    assert!(row("⋮             996 more like these"), "{text}");
    assert!(row("crowd-999 ──▶ nfs://nas/crowd/default/crowd-999  ✔ its own"), "{text}");
    assert!(row("not drawn: ordinals 1000 to 2499 of StatefulSet default/crowd"), "{text}");
}

#[test]
fn claims_without_a_volume_are_places_by_themselves() {
    let map = scene("missing-volume");
    assert_eq!(
        writers(&map.before),
        [
            "queue-0 claim/default/data-queue-0",
            "queue-1 claim/default/data-queue-1",
            "queue-0 claim/default/cache = queue-1 +0",
            "queue-1 claim/default/cache = queue-0 +0"
        ]
    );
    assert_eq!(
        writers(&map.after),
        [
            "queue-0 claim/default/data-queue-0/queue-0",
            "queue-1 claim/default/data-queue-1/queue-1",
            "queue-0 claim/default/cache/queue-0",
            "queue-1 claim/default/cache/queue-1"
        ]
    );
}

#[test]
fn a_volume_inside_of_another_overlaps_it() {
    let map = scene("nested");
    assert_eq!(
        writers(&map.before),
        [
            "archive-0 nfs://nas/srv > db-0 +0",
            "db-0 nfs://nas/srv/db/pgdata* < archive-0 +0",
            "db-1 claim/default/data-db-1/pgdata"
        ]
    );
    assert_eq!(map.before, map.after);
}

#[test]
fn a_set_without_replicas_has_no_writers() {
    let map = scene("no-replicas");
    assert_eq!((map.before.writers.len(), map.after.writers.len()), (0, 0));
    let options = TextOptions { width: 80, is_colored: false, charset: Charset::Ascii };
    assert_eq!(text(&map, options), "No StatefulSet writes to a volume that outlives its pods.\n");
}

#[test]
fn a_set_that_opted_out_overlaps_the_others() {
    let map = scene("two-sets-one-claim");
    let claim = "claim/default/files";
    assert_eq!(
        writers(&map.after),
        [
            format!("api-0 {claim} = api-1 +0"),
            format!("api-1 {claim} = api-0 +0"),
            format!("web-0 {claim}/web-0 < api-0 +1"),
            format!("web-1 {claim}/web-1 < api-0 +1"),
            format!("worker-0 {claim}/worker = worker-1 +0"),
            format!("worker-1 {claim}/worker = worker-0 +0")
        ]
    );
    assert_eq!(map.before.overlapping(), 6);
    assert_eq!(refused(&map), ["worker"]);
}

#[test]
fn the_json_of_a_writer_has_all_its_fields() {
    let document: Value = serde_json::from_str(&json(&scene("nested")).unwrap()).unwrap();
    assert_eq!(
        document["writers"][1],
        json!({
            "namespace": "default",
            "statefulSet": "db",
            "ordinal": 0,
            "volume": "data",
            "claim": "data-db-0",
            "persistentVolume": "data-db-0",
            "bound": false,
            "location": "nfs://nas/srv/db/pgdata",
            "exclusive": false,
            "overlap": {
                "relation": "inside",
                "with": {"namespace": "default", "statefulSet": "archive", "ordinal": 0},
                "location": "nfs://nas/srv",
                "others": 1,
            },
        })
    );
    assert_eq!(document["writers"], document["before"]);
    let members: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(members, ["before", "omitted", "refused", "writers"]);
}

#[test]
fn the_json_says_what_is_refused_and_omitted() {
    let refused: Value = serde_json::from_str(&json(&scene("two-sets-one-claim")).unwrap()).unwrap();
    let refused = &refused["refused"][0];
    let object = (&refused["resource"], &refused["namespace"], &refused["name"]);
    assert_eq!(object, (&json!("statefulsets"), &json!("default"), &json!("worker")));
    assert!(refused["message"].as_str().is_some_and(|message| message.contains("worker")));
    let omitted: Value = serde_json::from_str(&json(&scene("many")).unwrap()).unwrap();
    let expected = json!([{"namespace": "default", "statefulSet": "crowd", "from": 1000, "to": 2499}]);
    assert_eq!(omitted["omitted"], expected);
}
