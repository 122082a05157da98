//! Sets without a plan.

use crate::kinds::story;
use crate::plans::{CLAIM, MOUNT, planned, set, set_with};
use ordinance_migration::{ORDINALS, PlanOptions};

fn refusal(text: &str, options: PlanOptions) -> String {
    planned(text, options).expect_err("no plan").to_string()
}

#[test]
fn a_refusal_names_the_volume_and_the_way_out() {
    let half =
        format!(r#"{MOUNT},{{"name":"data","mountPath":"/own","subPathExpr":"$(ORDINANCE_POD_NAME)"}}"#);
    let from_secret = r#""containers":[{"name":"main","env":[{"name":"ZONE","valueFrom":{"configMapKeyRef":{"name":"c","key":"k"}}},
        {"name":"NODE","valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}}],
        "volumeMounts":[{"name":"data","mountPath":"/data","subPathExpr":"$(NODE)"}]}],"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"files"}}]"#;
    let reserved = r#""containers":[{"name":"main","env":[{"name":"ORDINANCE_POD_NAME","value":"fixed"}],
        "volumeMounts":[{"name":"data","mountPath":"/data"}]}],"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"files"}}]"#;
    let device = r#""containers":[{"name":"main","volumeDevices":[{"name":"data","devicePath":"/dev/x"}]}],
        "volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"files"}}]"#;
    let windows = format!(
        r#""os":{{"name":"windows"}},"containers":[{{"name":"main","volumeMounts":[{MOUNT}]}}],"volumes":[{{"name":"data",{CLAIM}}}]"#
    );
    let both = r#"{"name":"data","mountPath":"/data","subPath":"a","subPathExpr":"b"}"#;
    for (text, expected) in [
        (set_with(&half, CLAIM), "volume \"data\": some of its mounts have a directory per ordinal"),
        (set(from_secret, ""), "the value of $(NODE) is not in the pod template"),
        (set(reserved, ""), "env declares a variable of $(ORDINANCE_POD_NAME) as something else"),
        (set(device, ""), "it is a block device, which has no sub-paths; use a claim template"),
        (set(&windows, ""), "StatefulSet shop/web runs on Windows"),
        (set_with(both, CLAIM), "has both subPath and subPathExpr; remove one"),
    ] {
        let message = refusal(&text, PlanOptions::default());
        assert!(message.contains(expected), "{expected:?}: {message}");
    }
}

#[test]
fn directories_inside_each_other_have_no_plan() {
    let text = story().replace("/srv/other", "/srv/www/inner");
    let message = refusal(&text, PlanOptions::default());
    let expected =
        "nfs://10.0.0.5/srv/www/inner lies inside nfs://10.0.0.5/srv/www, which the set writes too";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn options_that_do_not_fit_the_set_are_refused() {
    let text = set_with(MOUNT, CLAIM);
    let default = PlanOptions::default;
    for (options, expected) in [
        (PlanOptions { owner: Some(3), ..default() }, "--owner 3: the ordinals are 0 to 2"),
        (
            PlanOptions { volumes: vec!["dat".to_owned()], ..default() },
            "--volume dat: the pods have no such volume",
        ),
        (PlanOptions { prefix: "a b".to_owned(), ..default() }, "--prefix: \"a b\" can't be used"),
        (PlanOptions { prefix: "a/../b".to_owned(), ..default() }, "--prefix: \"..\" can't be used"),
        (PlanOptions { excluded: vec!["a*".to_owned()], ..default() }, "--exclude: \"a*\" can't be used"),
        (PlanOptions { replicas: Some(0), ..default() }, "give the number that it had with --replicas N"),
        (
            PlanOptions { replicas: Some(ORDINALS + 1), ..default() },
            "1001 replicas, and a plan has room for 1000",
        ),
    ] {
        let message = refusal(&text, options);
        assert!(message.contains(expected), "{expected:?}: {message}");
    }
    assert!(planned(&text, PlanOptions { replicas: Some(ORDINALS), ..default() }).is_ok());
}

#[test]
fn a_set_that_is_not_there_or_broken_has_no_plan() {
    let other = set_with(MOUNT, CLAIM).replace(r#""name":"web""#, r#""name":"other""#);
    assert!(refusal(&other, PlanOptions::default()).contains("there is no StatefulSet shop/web"));
    let broken = set_with(MOUNT, CLAIM).replace(r#""replicas":3"#, r#""replicas":"three""#);
    assert!(refusal(&broken, PlanOptions::default()).contains("StatefulSet shop/web can't be read"));
}
