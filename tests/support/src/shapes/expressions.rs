//! Sets whose sub-paths take many or large variables.

use super::{Shape, ShapedReview, container, created, data, many, mount, pod_name, set, variable};
use serde_json::{Value, json};

pub(super) const SHAPES: &[Shape] = &[
    Shape { name: "many mounts with one expression", build: one_expression },
    Shape { name: "many mounts with their own expressions", build: own_expressions },
    Shape { name: "many variables that double each other", build: doubling },
    Shape { name: "many expressions of a large variable", build: large_variable },
    Shape { name: "many mounts with one large value in different spellings", build: spellings },
    Shape { name: "an expression of many segments", build: segments },
    Shape { name: "an expression of many unclosed variables", build: unclosed },
    Shape { name: "an expression of many undeclared variables", build: undeclared },
    Shape { name: "many undeclared variables beside many prefixes", build: prefixes },
    Shape { name: "a variable with a long name", build: long_name },
    Shape { name: "many mounts beside isolated ones", build: mixed },
    Shape { name: "many volumes with mounts beside isolated ones", build: mixed_volumes },
    Shape { name: "many mounts beside one with a long expression", build: long_sibling },
    Shape { name: "many mounts with different missing variables", build: missing },
    Shape { name: "many mounts with unstable expressions", build: unstable },
    Shape { name: "many mounts with unproved expressions", build: unproved },
    Shape { name: "many misused names in many containers", build: misused },
];

/// Returns a set with one container that has these variables and mounts of one claim.
fn set_with(env: Vec<Value>, mounts: Vec<Value>) -> Value {
    let mut app = container("app", mounts);
    app["env"] = env.into();
    set(vec![app], data())
}

fn one_expression(count: usize) -> ShapedReview {
    created(&set_with(vec![pod_name()], many(count, |at| mount(at, "$(POD)/data"))))
}

fn own_expressions(count: usize) -> ShapedReview {
    created(&set_with(vec![pod_name()], many(count, |at| mount(at, &format!("$(POD)/{at}")))))
}

fn doubling(count: usize) -> ShapedReview {
    let mut env = vec![pod_name(), variable("V0", "x$(POD)")];
    env.extend((1..=count).map(|at| {
        let before = format!("$(V{})", (at - 1) % 24);
        variable(&format!("V{}", at % 24), &before.repeat(2))
    }));
    created(&set_with(env, many(count, |at| mount(at, &format!("$(V{})/{at}", at % 24)))))
}

fn large_variable(count: usize) -> ShapedReview {
    let env = vec![pod_name(), variable("LARGE", &"x$(POD)".repeat(20 * count))];
    created(&set_with(env, many(count, |at| mount(at, &format!("$(LARGE)/{at}")))))
}

fn spellings(count: usize) -> ShapedReview {
    let mut env = vec![pod_name(), variable("LARGE", &"x$(POD)".repeat(20 * count))];
    env.extend((0..count).map(|at| variable(&format!("V{at}"), "$(LARGE)")));
    let mut mounts = many(count, |at| mount(at, &format!("$(V{at})")));
    mounts.push(mount(count, ""));
    created(&set_with(env, mounts))
}

fn segments(count: usize) -> ShapedReview {
    let mounts = vec![mount(0, &"$(POD)/s/".repeat(count)), mount(1, "$(POD)"), mount(2, "")];
    created(&set_with(vec![pod_name()], mounts))
}

fn unclosed(count: usize) -> ShapedReview {
    created(&set_with(vec![pod_name()], vec![mount(0, &"/$(POD".repeat(count)), mount(1, "")]))
}

fn undeclared(count: usize) -> ShapedReview {
    let expression: String = (0..count).map(|at| format!("$(U{at})")).collect();
    created(&set_with(vec![pod_name()], vec![mount(0, &expression)]))
}

fn prefixes(count: usize) -> ShapedReview {
    let mut app = container("app", many(count, |at| mount(at, &format!("$(U{at})"))));
    app["envFrom"] =
        many(count, |at| json!({"prefix": format!("P{at}"), "configMapRef": {"name": "c"}})).into();
    created(&set(vec![app], data()))
}

fn long_name(count: usize) -> ShapedReview {
    let name = format!("{}x", "_SERVICE_PORT_A".repeat(count));
    created(&set_with(vec![], vec![mount(0, &format!("$({name})"))]))
}

fn mixed(count: usize) -> ShapedReview {
    let expression = |at: usize| if at.is_multiple_of(2) { "" } else { "$(POD)/data" };
    created(&set_with(vec![pod_name()], many(count, |at| mount(at, expression(at)))))
}

fn mixed_volumes(count: usize) -> ShapedReview {
    let name = |at: usize| format!("v{at}");
    let mounts = (0..count).flat_map(|at| {
        [super::mount_of(&name(at), at, "$(POD)"), super::mount_of(&name(at), at + count, "")]
    });
    let mut app = container("app", mounts.collect());
    app["env"] = json!([pod_name()]);
    created(&set(vec![app], many(count, |at| super::claim(&name(at), &name(at)))))
}

fn long_sibling(count: usize) -> ShapedReview {
    let fixed =
        |at: usize| json!({"name": "data", "mountPath": format!("/m/{at}"), "subPath": format!("d{at}")});
    let mut mounts = many(count, fixed);
    // Behind 16 KiB, the policy no longer looks at variables.
    mounts.push(mount(count, &format!("{}$(POD)", "x".repeat((100 * count).min(16_000)))));
    created(&set_with(vec![pod_name()], mounts))
}

fn missing(count: usize) -> ShapedReview {
    created(&set_with(vec![], many(count, |at| mount(at, &format!("$(u{at})")))))
}

fn unstable(count: usize) -> ShapedReview {
    let uid = json!({"name": "UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}});
    created(&set_with(vec![uid], many(count, |at| mount(at, &format!("a/$(UID)/{at}")))))
}

fn unproved(count: usize) -> ShapedReview {
    let mut app = container("app", many(count, |at| mount(at, &format!("$(U{at})/x"))));
    app["envFrom"] = json!([{"configMapRef": {"name": "c"}}]);
    created(&set(vec![app], data()))
}

fn misused(count: usize) -> ShapedReview {
    let misused = || json!([{"name": "ORDINANCE_POD_NAME", "value": "x"}]);
    let containers = many(count, |at| {
        let mut container = container(&format!("c{at}"), vec![mount(at, "")]);
        container["env"] = misused();
        container
    });
    created(&set(containers, data()))
}
