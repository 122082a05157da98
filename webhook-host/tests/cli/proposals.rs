//! What the messages propose, what `--fix` writes and what the webhook adds are the same.

use crate::files::directory;
use crate::run::run_in_with_input;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Sets that one run of the command checks.
const SETS: usize = 24;

/// Rounds of following the messages, each of which may lead to further ones.
const ROUNDS: usize = 4;

/// A mount of the volume: the part of it that the mount shows.
#[derive(Clone, Copy, Debug)]
enum Part {
    Root,
    Fixed(&'static str),
    Expression(&'static str),
}

const PARTS: [Part; 9] = [
    Part::Root,
    Part::Root,
    Part::Fixed("data"),
    Part::Fixed("a$b"),
    Part::Expression("$(POD)"),
    Part::Expression("$(POD)/data"),
    Part::Expression("$(POD)/cache/deep"),
    Part::Expression("site/$(POD)/data"),
    Part::Expression("$(ORDINANCE_POD_NAME)/data"),
];

fn mount((index, part): (usize, &Part)) -> Value {
    let mut mount = json!({"name": "data", "mountPath": format!("/m{index}")});
    match part {
        Part::Root => {}
        Part::Fixed(path) => mount["subPath"] = (*path).into(),
        Part::Expression(expression) => mount["subPathExpr"] = (*expression).into(),
    }
    mount
}

/// A container that declares the variables of its expressions, and perhaps one of another name.
fn container(name: String, parts: &[Part], has_other: bool) -> Value {
    let pod = |name: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let takes_pod = parts.iter().any(|part| matches!(part, Part::Expression(text) if text.contains("(POD)")));
    let mut env = Vec::new();
    env.extend(has_other.then(|| pod("OTHER")));
    env.extend(takes_pod.then(|| pod("POD")));
    let mounts: Vec<Value> = parts.iter().enumerate().map(mount).collect();
    let mut container = json!({"name": name, "image": "app", "volumeMounts": mounts});
    if !env.is_empty() {
        container["env"] = env.into();
    }
    container
}

prop_compose! {
    fn stateful_set()(
        replicas in 1..4,
        is_inline in any::<bool>(),
        containers in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(&PARTS[..]), 0..3), any::<bool>()), 1..4),
    ) -> Value {
        let container = |(index, (parts, has_other)): (usize, &(Vec<Part>, bool))| {
            container(format!("c{index}"), parts, *has_other)
        };
        let containers: Vec<Value> = containers.iter().enumerate().map(container).collect();
        let source = if is_inline {
            json!({"name": "data", "nfs": {"server": "nas.example.com", "path": "/srv"}})
        } else {
            json!({"name": "data", "persistentVolumeClaim": {"claimName": "shared"}})
        };
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "set"}, "spec": {
            "replicas": replicas,
            "template": {"spec": {"containers": containers, "volumes": [source]}}}})
    }
}

/// Names the sets, so that one run can check all.
fn named(mut sets: Vec<Value>) -> Vec<Value> {
    for (index, set) in sets.iter_mut().enumerate() {
        set["metadata"]["name"] = format!("set-{index}").into();
        if set["spec"]["template"]["spec"]["volumes"][0]["nfs"].is_object() {
            set["spec"]["template"]["spec"]["volumes"][0]["nfs"]["path"] = format!("/srv/{index}").into();
        }
    }
    sets
}

fn text_of(sets: &[Value]) -> String {
    sets.iter().map(|set| format!("---\n{set}\n")).collect()
}

fn results(sets: &[Value]) -> Vec<Value> {
    let arguments = ["check", "--output=json", "-"];
    let ended = run_in_with_input(directory(&[]).path(), &arguments, text_of(sets).as_bytes());
    let report: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    report["results"].as_array().unwrap().clone()
}

/// Returns the sets as `--fix` writes them.
fn fixed(sets: &[Value]) -> Vec<Value> {
    let arguments = ["check", "--fix", "-"];
    let ended = run_in_with_input(directory(&[]).path(), &arguments, text_of(sets).as_bytes());
    ordinance_manifests::read(&ended.stdout, "default")
        .into_iter()
        .map(|manifest| serde_json::from_str(&manifest.unwrap().json).unwrap())
        .collect()
}

/// Returns a set as the webhook changes it, or `None` if it denies the set.
fn admitted(set: &Value, result: &Value) -> Option<Value> {
    if result["allowed"] == false {
        return None;
    }
    let patch = result["patch"].as_array().unwrap();
    let patched = ordinance_json::applied(&set.to_string(), patch).unwrap();
    Some(serde_json::from_str(&patched).unwrap())
}

/// Writes what the messages propose for the mounts, as a reader would.
fn followed(set: &Value, result: &Value) -> Value {
    let mut set = set.clone();
    for finding in result["findings"].as_array().unwrap() {
        let field = finding["field"].as_str().unwrap();
        for text in [&finding["fact"], &finding["remedy"]] {
            if let Some((_, proposal)) = text.as_str().unwrap().split_once("subPathExpr: ") {
                follow(&mut set, field, proposal);
            }
        }
    }
    set
}

/// Writes one proposal: an expression, or several with the paths of their mounts.
fn follow(set: &mut Value, field: &str, proposal: &str) {
    let proposal = proposal.split(" now, or").next().unwrap();
    if proposal.contains(" at \"/m") {
        for (expression, path) in proposal.split(", ").filter_map(|part| part.split_once(" at ")) {
            write(set, expression, |mount| {
                json!(path.trim_matches('"')) == mount["mountPath"] && !is_isolated(mount)
            });
        }
        return;
    }
    let expression = proposal.split([' ', ',']).next().unwrap();
    if field.ends_with("].subPath") {
        let pointer =
            format!("/{}", field.trim_end_matches(".subPath").replace(['.', '['], "/").replace(']', ""));
        return replace(set.pointer_mut(&pointer).unwrap(), expression);
    }
    write(set, expression, |mount| mount.get("subPath").is_none() && mount.get("subPathExpr").is_none());
}

fn is_isolated(mount: &Value) -> bool {
    mount["subPathExpr"].as_str().is_some_and(|expression| expression.contains("POD"))
}

fn write(set: &mut Value, expression: &str, is_meant: impl Fn(&Value) -> bool) {
    for container in set["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap() {
        for mount in container["volumeMounts"].as_array_mut().unwrap() {
            if is_meant(mount) {
                replace(mount, expression);
            }
        }
    }
}

fn replace(mount: &mut Value, expression: &str) {
    let mount: &mut Map<String, Value> = mount.as_object_mut().unwrap();
    mount.remove("subPath");
    mount.insert("subPathExpr".to_owned(), expression.into());
}

/// Follows the messages of denied sets until they are admitted.
fn admitted_by_hand(sets: &[Value]) -> Vec<Option<Value>> {
    let mut sets = sets.to_vec();
    for _ in 0..ROUNDS {
        let results = results(&sets);
        for (set, result) in sets.iter_mut().zip(&results) {
            if result["allowed"] == false {
                *set = followed(set, result);
            }
        }
    }
    let results = results(&sets);
    sets.iter().zip(&results).map(|(set, result)| admitted(set, result)).collect()
}

/// The sub-paths of all mounts, by container.
fn sub_paths(set: &Value) -> Vec<String> {
    let containers = set["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let mounts = containers.iter().flat_map(|container| container["volumeMounts"].as_array().unwrap());
    mounts
        .map(|mount| format!("{} {} {}", mount["mountPath"], mount["subPath"], mount["subPathExpr"]))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_fixes_and_patches_agree(sets in prop::collection::vec(stateful_set(), SETS)) {
        let sets = named(sets);
        let (results, fixed, by_hand) = (results(&sets), fixed(&sets), admitted_by_hand(&sets));
        for (((set, result), fixed), by_hand) in sets.iter().zip(&results).zip(&fixed).zip(&by_hand) {
            if let Some(admitted) = admitted(set, result) {
                prop_assert_eq!(fixed, &admitted, "--fix and the webhook differ on {}", set);
            }
            if let Some(by_hand) = by_hand {
                prop_assert_eq!(sub_paths(fixed), sub_paths(by_hand), "--fix and the messages differ on {}", set);
            }
        }
    }
}

#[test]
fn following_the_messages_gives_what_fix_writes() {
    let parts = [Part::Fixed("state"), Part::Fixed("cache")];
    let mut set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "agent"}, "spec": {
        "replicas": 2,
        "template": {"spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "agent"}}]}}}});
    set["spec"]["template"]["spec"]["containers"] = json!([
        container("own".to_owned(), &[Part::Root], false),
        container("agent".to_owned(), &parts, false)
    ]);
    let by_hand = admitted_by_hand(std::slice::from_ref(&set));
    let fixed = fixed(std::slice::from_ref(&set));
    assert_eq!(by_hand, [Some(fixed[0].clone())]);
    assert_eq!(
        sub_paths(&fixed[0]),
        [
            r#""/m0" null "$(ORDINANCE_POD_NAME)""#,
            r#""/m0" null "$(ORDINANCE_POD_NAME)/state""#,
            r#""/m1" null "$(ORDINANCE_POD_NAME)/cache""#
        ]
    );
}
