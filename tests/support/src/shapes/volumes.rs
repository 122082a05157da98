//! Sets with many containers, volumes, mounts and findings.

use super::{
    Shape, ShapedReview, claim, container, created, data, holding, many, mount, mount_of, set, volume,
};
use serde_json::{Value, json};

pub(super) const SHAPES: &[Shape] = &[
    Shape { name: "many containers", build: containers },
    Shape { name: "many init containers", build: init_containers },
    Shape { name: "many mounts of one volume", build: mounts },
    Shape { name: "many volumes of claims", build: claims },
    Shape { name: "many inline exports", build: exports },
    Shape { name: "many claim templates", build: templates },
    Shape { name: "many block devices", build: devices },
    Shape { name: "many volumes of one name", build: volumes_of_one_name },
    Shape { name: "many volumes of one claim", build: volumes_of_one_claim },
    Shape { name: "many findings", build: findings },
    Shape { name: "many findings in mode Warn", build: warnings },
    Shape { name: "many findings about a long name", build: findings_about_a_long_name },
    Shape { name: "many opted-out volumes", build: opted_out },
    Shape { name: "many unknown opt-outs", build: unknown_opt_outs },
    Shape { name: "many exports on those of other objects", build: overlapping_exports },
    Shape { name: "a volume among many", build: overlapping_volume },
    Shape { name: "a volume with many names in its annotations", build: sharing_volume },
    Shape { name: "a volume with a long path", build: deep_volume },
    Shape { name: "a volume with many variables in its path", build: volume_of_variables },
    Shape { name: "a volume with many monitors", build: monitors },
    Shape { name: "a volume with many mount options", build: mount_options },
    Shape { name: "many placeholders", build: placeholders },
    Shape { name: "many beginnings of placeholders", build: unclosed_placeholders },
    Shape { name: "a class with a long pattern", build: pattern },
];

fn containers(count: usize) -> ShapedReview {
    created(&set(many(count, |at| container(&format!("c{at}"), vec![mount(at, "")])), data()))
}

fn init_containers(count: usize) -> ShapedReview {
    let mut set = set(vec![container("app", vec![mount(0, "")])], data());
    set["spec"]["template"]["spec"]["initContainers"] =
        many(count, |at| container(&format!("c{at}"), vec![mount(at, "")])).into();
    created(&set)
}

fn mounts(count: usize) -> ShapedReview {
    created(&set(vec![container("app", many(count, |at| mount(at, "")))], data()))
}

/// Returns a set with `count` volumes, each mounted once.
fn set_of_volumes(count: usize, volume: impl Fn(&str, usize) -> Value) -> Value {
    let name = |at: usize| format!("v{at}");
    let mounts = many(count, |at| mount_of(&name(at), at, ""));
    set(vec![container("app", mounts)], many(count, |at| volume(&name(at), at)))
}

fn claims(count: usize) -> ShapedReview {
    let path = |at: usize| format!("c{at}");
    let set = set_of_volumes(count, |name, at| claim(name, &path(at)));
    let holdings = many(count.min(256), |at| {
        let mut other =
            holding("persistentvolumeclaims", path(at), "claim/default", &[&path(at)], "unmarked");
        other.holder.namespace = "default".into();
        other
    });
    created(&set).with_holdings(holdings)
}

fn export(name: &str, at: usize) -> Value {
    json!({"name": name, "nfs": {"server": "nas.example.com", "path": format!("/srv/{at}")}})
}

fn exports(count: usize) -> ShapedReview {
    created(&set_of_volumes(count, export))
}

fn templates(count: usize) -> ShapedReview {
    let mut set = set_of_volumes(count, |name, _| json!({"name": name, "emptyDir": {}}));
    set["spec"]["volumeClaimTemplates"] = many(
        count,
        |at| json!({"metadata": {"name": format!("v{at}")}, "spec": {"accessModes": ["ReadWriteMany"]}}),
    )
    .into();
    let note = "sub-path=$(ORDINANCE_POD_NAME)";
    let holdings = many(count.min(256), |at| {
        let (first, name) = (format!("v{at}-web"), format!("v{at}-web-0"));
        let mut other = holding("persistentvolumeclaims", name, "claim/default", &[&first, "0"], note);
        other.holder.namespace = "default".into();
        other
    });
    created(&set).with_holdings(holdings)
}

fn devices(count: usize) -> ShapedReview {
    let mut set = set_of_volumes(count, |name, at| claim(name, &format!("c{at}")));
    let devices = many(count, |at| json!({"name": format!("v{at}"), "devicePath": format!("/dev/{at}")}));
    set["spec"]["template"]["spec"]["containers"] = json!([{"name": "app", "volumeDevices": devices}]);
    created(&set)
}

fn volumes_of_one_name(count: usize) -> ShapedReview {
    let volumes = many(count, |at| claim("data", &format!("c{at}")));
    created(&set(vec![container("app", many(count, |at| mount(at, "")))], volumes))
}

fn volumes_of_one_claim(count: usize) -> ShapedReview {
    created(&set_of_volumes(count, |name, _| claim(name, "data")))
}

/// Returns a set with a denial for each mount.
fn set_with_findings(count: usize) -> Value {
    let fixed =
        |at: usize| json!({"name": "data", "mountPath": format!("/m/{at}"), "subPath": format!("d{at}")});
    set(vec![container("app", many(count, fixed))], data())
}

fn findings(count: usize) -> ShapedReview {
    created(&set_with_findings(count))
}

fn warnings(count: usize) -> ShapedReview {
    created(&set_with_findings(count)).with_settings(r#"{"mode":"Warn"}"#)
}

fn findings_about_a_long_name(count: usize) -> ShapedReview {
    let long = "x".repeat(100 * count);
    let misused = |_| json!({"name": "ORDINANCE_POD_NAME", "value": "x"});
    let mut app = container(&long, vec![mount_of(&long, 0, "")]);
    app["env"] = many(count, misused).into();
    created(&set(vec![app], vec![claim(&long, "data")]))
}

fn opted_out(count: usize) -> ShapedReview {
    let mut set = set_of_volumes(count, |name, at| claim(name, &format!("c{at}")));
    let names = many(count, |at| format!("v{at}")).join(",");
    set["metadata"]["annotations"] = json!({"ordinance.dev/shared-volumes": names});
    created(&set)
}

fn unknown_opt_outs(count: usize) -> ShapedReview {
    let mut set = set_of_volumes(count, |name, at| claim(name, &format!("c{at}")));
    let names = many(count, |at| format!("w{at}")).join(",");
    set["metadata"]["annotations"] = json!({"ordinance.dev/shared-volumes": names});
    created(&set)
}

/// Returns PersistentVolumes on the root of the server.
fn roots(count: usize) -> Vec<ordinance_contract::Holding> {
    many(count, |at| holding("persistentvolumes", format!("pv{at}"), "nfs://nas.example.com", &[], "{}"))
}

fn overlapping_exports(count: usize) -> ShapedReview {
    created(&set_of_volumes(count, export)).with_holdings(roots(count.min(256)))
}

fn nfs() -> Value {
    json!({"nfs": {"server": "nas.example.com", "path": "/srv/www"}})
}

fn overlapping_volume(count: usize) -> ShapedReview {
    volume(&json!({}), &nfs()).with_holdings(roots(count))
}

fn sharing_volume(count: usize) -> ShapedReview {
    let names = many(count, |at| format!("n{at}")).join(",");
    let annotations = json!({"ordinance.dev/shared-with": names, "ordinance.dev/takes-over": names});
    volume(&annotations, &nfs()).with_holdings(roots(256))
}

fn deep_volume(count: usize) -> ShapedReview {
    let path = "/d".repeat(count);
    let spec = json!({"nfs": {"server": "nas.example.com", "path": path}});
    volume(&json!({}), &spec).with_holdings(roots(256))
}

fn volume_of_variables(count: usize) -> ShapedReview {
    let attributes = json!({
        "server": "nas.example.com",
        "share": "/srv",
        "subdir": "${pv.metadata.name}".repeat(count),
        "csi.storage.k8s.io/pv/name": "n".repeat(20 * count),
    });
    let csi = json!({"driver": "nfs.csi.k8s.io", "volumeHandle": "h", "volumeAttributes": attributes});
    volume(&json!({}), &json!({"csi": csi}))
}

fn monitors(count: usize) -> ShapedReview {
    let monitors = many(count, |at| format!("10.0.{}.{}:6789", at / 256, at % 256));
    volume(&json!({}), &json!({"cephfs": {"monitors": monitors, "path": "/srv"}}))
}

fn mount_options(count: usize) -> ShapedReview {
    let mut spec = nfs();
    spec["mountOptions"] = many(count, |at| format!("vers=4,o{at}")).into();
    volume(&json!({}), &spec)
}

/// Returns a manifest, which no user sent, with such server names.
fn manifest(server: impl Fn(usize) -> String, count: usize) -> ShapedReview {
    let set = set_of_volumes(
        count,
        |name, at| json!({"name": name, "nfs": {"server": server(at), "path": "/srv"}}),
    );
    let mut review = created(&set);
    review.request.user_info = "".into();
    review
}

fn placeholders(count: usize) -> ShapedReview {
    let mut review = manifest(|at| format!("${{NAS_{at}}}"), count);
    review.request.operation = ordinance_contract::Operation::Update;
    review.request.old_object.clone_from(&review.request.object);
    review
}

fn unclosed_placeholders(count: usize) -> ShapedReview {
    manifest(|at| if at == 0 { "${A".repeat(20 * count) } else { "nas".to_owned() }, count)
}

fn pattern(count: usize) -> ShapedReview {
    let parameters =
        json!({"server": "nas", "share": "/", "subDir": "${pvc.metadata.name}/..".repeat(count)});
    let class = json!({"provisioner": "nfs.csi.k8s.io", "parameters": parameters});
    ShapedReview::of(["storage.k8s.io", "storageclasses", "StorageClass"], "", &class)
}
