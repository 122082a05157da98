//! Updates of sets in which much is renamed, moved or lost.

use super::{Shape, ShapedReview, claim, container, data, many, mount, pod_name, set, updated, variable};
use serde_json::{Value, json};

pub(super) const SHAPES: &[Shape] = &[
    Shape { name: "an update that renames many exports", build: renamed_exports },
    Shape { name: "an update that renames many volumes", build: renamed_volumes },
    Shape { name: "an update that renames many containers", build: renamed_containers },
    Shape { name: "an update that reverses everything", build: reversed },
    Shape { name: "an update that drops many expressions", build: dropped },
    Shape { name: "an update that drops many expressions in mode Warn", build: dropped_in_mode_warn },
    Shape { name: "an update that replaces many expressions by sub-paths", build: fixed },
    Shape { name: "an update that moves many mounts", build: moved },
    Shape { name: "an update that adds many mounts", build: added },
    Shape { name: "an update that drops many variables", build: dropped_variables },
    Shape { name: "an update that changes many variables", build: changed_variables },
    Shape { name: "an update that drops variables of a large value", build: dropped_large_variable },
    Shape { name: "an update that changes many misused names", build: misused },
    Shape { name: "an update of a set with many missing variables", build: missing },
    Shape { name: "an update with many changed opt-outs", build: opt_outs },
    Shape { name: "an update that scales many shared volumes up", build: scaled },
    Shape { name: "an update of a deep template", build: deep },
    Shape { name: "an update that exchanges many claims", build: exchanged },
    Shape { name: "an update that makes one volume many", build: split },
    Shape {
        name: "an update with many opted-out volumes that lose their expressions",
        build: lost_on_purpose,
    },
    Shape { name: "an update that lets many readers write", build: new_writers },
    Shape { name: "a Scale of a set with many volumes", build: scale },
];

fn isolated(at: usize) -> Value {
    mount(at, &format!("$(ORDINANCE_POD_NAME)/{at}"))
}

fn one_container(mounts: Vec<Value>) -> Value {
    set(vec![container("app", mounts)], data())
}

/// Returns a set with `count` mounted volumes.
fn set_of_volumes(name: impl Fn(usize) -> String, volumes: Vec<Value>) -> Value {
    let mounts = many(volumes.len(), |at| super::mount_of(&name(at), at, ""));
    set(vec![container("app", mounts)], volumes)
}

fn renamed_exports(count: usize) -> ShapedReview {
    let set = |prefix: &str| {
        let name = |at: usize| format!("{prefix}{at}");
        let export =
            |at: usize| json!({"name": name(at), "nfs": {"server": "nas", "path": format!("/srv/{at}")}});
        set_of_volumes(name, many(count, export))
    };
    updated(&set("a"), &set("b"))
}

fn renamed_volumes(count: usize) -> ShapedReview {
    let set = |prefix: &str| {
        let name = |at: usize| format!("{prefix}{at}");
        set_of_volumes(name, many(count, |at| claim(&name(at), &format!("c{at}"))))
    };
    updated(&set("a"), &set("b"))
}

fn renamed_containers(count: usize) -> ShapedReview {
    let set = |prefix: &str, expression: &str| {
        set(many(count, |at| container(&format!("{prefix}{at}"), vec![mount(at, expression)])), data())
    };
    updated(&set("a", "$(ORDINANCE_POD_NAME)"), &set("b", ""))
}

fn reversed(count: usize) -> ShapedReview {
    let volume = |at: usize| claim(&format!("v{at}"), &format!("c{at}"));
    let of = |at: usize| {
        let mount = super::mount_of(&format!("v{at}"), at, "$(ORDINANCE_POD_NAME)");
        container(&format!("c{at}"), vec![mount])
    };
    let (containers, volumes) = (many(count, of), many(count, volume));
    let backwards = |list: &[Value]| list.iter().rev().cloned().collect();
    let new = set(backwards(&containers), backwards(&volumes));
    updated(&set(containers, volumes), &new)
}

fn dropped(count: usize) -> ShapedReview {
    updated(&one_container(many(count, isolated)), &one_container(many(count, |at| mount(at, ""))))
}

fn dropped_in_mode_warn(count: usize) -> ShapedReview {
    dropped(count).with_settings(r#"{"mode":"Warn"}"#)
}

fn fixed(count: usize) -> ShapedReview {
    let fixed =
        |at: usize| json!({"name": "data", "mountPath": format!("/m/{at}"), "subPath": format!("d{at}")});
    updated(&one_container(many(count, isolated)), &one_container(many(count, fixed)))
}

fn moved(count: usize) -> ShapedReview {
    let moved = |at: usize| mount(at, &format!("$(ORDINANCE_POD_NAME)/moved-{at}"));
    updated(&one_container(many(count, isolated)), &one_container(many(count, moved)))
}

fn added(count: usize) -> ShapedReview {
    let mut mounts = many(count, isolated);
    let old = one_container(mounts.clone());
    mounts.extend((count..2 * count).map(|at| mount(at, "")));
    updated(&old, &one_container(mounts))
}

/// Returns a set in which each mount takes a variable of its own.
fn set_of_variables(count: usize, value: Option<&str>) -> Value {
    let mut app = container("app", many(count, |at| mount(at, &format!("$(POD)/$(V{at})"))));
    let mut env = vec![pod_name()];
    if let Some(value) = value {
        env.extend((0..count).map(|at| variable(&format!("V{at}"), &format!("{value}{at}"))));
    }
    app["env"] = env.into();
    set(vec![app], data())
}

fn dropped_variables(count: usize) -> ShapedReview {
    updated(&set_of_variables(count, Some("x")), &set_of_variables(count, None))
}

fn changed_variables(count: usize) -> ShapedReview {
    updated(&set_of_variables(count, Some("x")), &set_of_variables(count, Some("y")))
}

fn dropped_large_variable(count: usize) -> ShapedReview {
    let mut set = set_of_variables(count, Some("$(LARGE)"));
    let large = variable("LARGE", &"x".repeat(50 * count));
    if let Some(env) = set["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut() {
        env.insert(1, large);
    }
    updated(&set, &set_of_variables(count, None))
}

fn misused(count: usize) -> ShapedReview {
    let set = |value: &str| {
        let misused = |at: usize| variable("ORDINANCE_POD_NAME", &format!("{value}{at}"));
        let containers = many(8, |container_at| {
            let mut container = container(&format!("c{container_at}"), vec![mount(container_at, "")]);
            container["env"] = many(count, misused).into();
            container
        });
        super::set(containers, data())
    };
    updated(&set("x"), &set("y"))
}

fn missing(count: usize) -> ShapedReview {
    let set = |path: &str| one_container(many(count, |at| mount(at, &format!("{path}$(u{at})"))));
    updated(&set("a"), &set("b"))
}

fn opt_outs(count: usize) -> ShapedReview {
    let set = |prefix: &str| {
        let name = |at: usize| format!("v{at}");
        let mut set = set_of_volumes(name, many(count, |at| claim(&name(at), &format!("{prefix}{at}"))));
        let names = many(count, |at| format!("{prefix}{at}")).join(",");
        set["metadata"]["annotations"] = json!({"ordinance.dev/shared-volumes": names});
        set
    };
    updated(&set("v"), &set("w"))
}

fn scaled(count: usize) -> ShapedReview {
    let name = |at: usize| format!("v{at}");
    let mut old = set_of_volumes(name, many(count, |at| claim(&name(at), &format!("c{at}"))));
    let new = old.clone();
    old["spec"]["replicas"] = 1.into();
    updated(&old, &new)
}

fn deep(count: usize) -> ShapedReview {
    let set = |text: &str| {
        let deep = (0..100).fold(json!(text), |inside, _| json!({"a": inside, "b": null}));
        let mut set = one_container(many(count, isolated));
        set["spec"]["template"]["metadata"] = deep;
        set
    };
    let (old, mut new) = (set("x"), set("x"));
    new["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1.into();
    updated(&old, &new)
}

fn exchanged(count: usize) -> ShapedReview {
    let name = |at: usize| format!("v{at}");
    let set = |first: usize| {
        set_of_volumes(name, many(count, |at| claim(&name(at), &format!("c{}", (at + first) % count))))
    };
    updated(&set(0), &set(count / 2))
}

fn split(count: usize) -> ShapedReview {
    let name = |at: usize| format!("v{at}");
    let new = set_of_volumes(name, many(count, |at| claim(&name(at), "data")));
    updated(&one_container(many(count, isolated)), &new)
}

fn lost_on_purpose(count: usize) -> ShapedReview {
    let name = |at: usize| format!("v{at}");
    let set = |expression: &str| {
        let mounts = many(count, |at| super::mount_of(&name(at), at, expression));
        let volumes = many(count, |at| claim(&name(at), &format!("c{at}")));
        let mut set = set(vec![container("app", mounts)], volumes);
        let names = many(count, name).join(",");
        set["metadata"]["annotations"] = json!({"ordinance.dev/shared-volumes": names});
        set
    };
    updated(&set("$(ORDINANCE_POD_NAME)"), &set(""))
}

fn new_writers(count: usize) -> ShapedReview {
    let name = |at: usize| format!("v{at}");
    let mut old = set_of_volumes(name, many(count, |at| claim(&name(at), &format!("c{at}"))));
    let new = old.clone();
    let mounts = &mut old["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
    for mount in mounts.as_array_mut().into_iter().flatten() {
        mount["readOnly"] = true.into();
    }
    updated(&old, &new)
}

fn scale(count: usize) -> ShapedReview {
    let scale = |replicas: usize| json!({"spec": {"replicas": replicas}});
    let mut review = updated(&scale(1), &scale(3));
    review.request.scope.subresource = "scale".into();
    let isolation = json!({"write": "subPathExpr: $(ORDINANCE_POD_NAME)"});
    let shared = many(count, |at| json!({"name": format!("v{at}"), "isolation": isolation}));
    let note = json!({"replicas": 1, "shared": shared}).to_string();
    review.with_holdings(vec![super::holding(
        "statefulsets",
        "web".to_owned(),
        "set/default",
        &["web"],
        &note,
    )])
}
