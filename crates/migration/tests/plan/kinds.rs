//! The plan for each kind of storage.

use crate::plans::{CLAIM, MOUNT, manifests, patched, plan, planned, set, set_with};
use ordinance_case::{Build as _, Indexed};
use ordinance_contract::Phase;
use ordinance_migration::{Plan, PlanOptions};
use ordinance_testkit::Native;
use serde_json::{Value, json};

/// Where the files go, e.g. `claim/shop/files: / -> web-0 web-1 web-2`.
fn moves(plan: &Plan) -> Vec<String> {
    let line = |migration: &ordinance_migration::VolumeMigration| {
        let directories: Vec<&str> = migration.directories.iter().map(|one| &*one.directory).collect();
        format!("{}: /{} -> {}", migration.location, migration.sources.join(" /"), directories.join(" "))
    };
    plan.migrations.iter().map(line).collect()
}

/// Checks that the patch makes the set that the webhook makes of a new one, and that the way back makes the old one.
fn agrees_with_the_webhook(text: &str) {
    let plan = plan(text);
    let set = manifests(text).into_iter().find(|manifest| manifest.kind == "StatefulSet").expect("a set");
    let verdict = Indexed(Native).verdict("", &[], &set.creation(Phase::Mutate)).expect("a verdict");
    let patch: Vec<Value> = match (&verdict.patch, verdict.findings.first()) {
        (Some(patch), _) => serde_json::from_str(patch).expect("a patch"),
        (None, Some(finding)) => serde_json::from_str(&finding.fixes[0].patch).expect("a patch"),
        (None, None) => panic!("the webhook does nothing"),
    };
    let by_webhook = ordinance_json::applied(&set.json, &patch).expect("a patch that fits");
    let by_webhook: Value = serde_json::from_str(&by_webhook).expect("JSON");
    let migrated = patched(text, &plan.patch);
    let mounts = |set: &Value| set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].clone();
    assert_eq!(mounts(&migrated), mounts(&by_webhook));
    let original: Value = serde_json::from_str(&set.json).expect("JSON");
    let back = patched(&migrated.to_string(), &plan.roll_back);
    assert_eq!(mounts(&back), mounts(&original));
    let env = &back["spec"]["template"]["spec"]["containers"][0]["env"];
    assert!(env.is_null() || env.as_array().is_some_and(Vec::is_empty), "{env}");
}

#[test]
fn a_claim_by_name_gets_a_directory_per_pod() {
    let text = set_with(MOUNT, CLAIM);
    let plan = plan(&text);
    assert_eq!(moves(&plan), ["claim/shop/files: / -> web-0 web-1 web-2"]);
    assert_eq!(plan.migrations[0].source, json!({"persistentVolumeClaim": {"claimName": "files"}}));
    assert_eq!(plan.mounts[0].expression, "$(ORDINANCE_POD_NAME)");
    assert_eq!((&*plan.marks[0].claim, &*plan.marks[0].sub_path), ("files", "$(ORDINANCE_POD_NAME)"));
    agrees_with_the_webhook(&text);
}

#[test]
fn storage_without_a_claim_gets_a_directory_per_namespace_and_pod() {
    for (source, location) in [
        (r#""nfs":{"server":"nas.example.com","path":"/srv/"}"#, "nfs://nas.example.com/srv"),
        (r#""azureFile":{"secretName":"s","shareName":"files"}"#, "azure-file-secret://shop.s/files"),
        (r#""glusterfs":{"endpoints":"e","path":"vol"}"#, "glusterfs://e/vol"),
        (
            r#""csi":{"driver":"nfs.csi.k8s.io","volumeAttributes":{"server":"nas.example.com","share":"/srv"}}"#,
            "nfs://nas.example.com/srv",
        ),
    ] {
        let text = set_with(MOUNT, source);
        let plan = plan(&text);
        assert_eq!(moves(&plan), [format!("{location}: / -> shop/web-0 shop/web-1 shop/web-2")]);
        assert_eq!(plan.marks, []);
        agrees_with_the_webhook(&text);
    }
}

#[test]
fn a_fixed_sub_path_stays_below_the_ordinals_directory() {
    let text = set_with(r#"{"name":"data","mountPath":"/data","subPath":"a$b/c"}"#, CLAIM);
    let plan = plan(&text);
    assert_eq!(moves(&plan), ["claim/shop/files: /a$b/c -> web-0 web-1 web-2"]);
    assert_eq!(plan.mounts[0].expression, "$(ORDINANCE_POD_NAME)/a$$b/c");
    agrees_with_the_webhook(&text);
}

#[test]
fn mounts_of_one_volume_keep_their_relation() {
    let mounts = r#"{"name":"data","mountPath":"/one","subPath":"one"},{"name":"data","mountPath":"/deep","subPath":"one/deep"},
        {"name":"data","mountPath":"/two","subPathExpr":"two-$(ZONE)","readOnly":true}"#;
    let pod = format!(
        r#""containers":[{{"name":"main","env":[{{"name":"ZONE","value":"eu"}}],"volumeMounts":[{mounts}]}}],"volumes":[{{"name":"data",{CLAIM}}}]"#
    );
    let text = set(&pod, "");
    let plan = plan(&text);
    assert_eq!(moves(&plan), ["claim/shop/files: /one /two-eu -> web-0 web-1 web-2"]);
    let expressions: Vec<&str> = plan.mounts.iter().map(|mount| &*mount.expression).collect();
    let own = "$(ORDINANCE_POD_NAME)";
    assert_eq!(expressions, [format!("{own}/one"), format!("{own}/one/deep"), format!("{own}/two-$(ZONE)")]);
    assert_eq!(plan.marks, [], "mounts with different expressions have no common mark");
    let migrated = patched(&text, &plan.patch);
    let env = &migrated["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(env.as_array().map(Vec::len), Some(2));
    let back = patched(&migrated.to_string(), &plan.roll_back);
    let original: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(back["spec"]["template"], original["spec"]["template"]);
}

/// Two volumes on one export for ordinals 0 and 1, and another one for ordinal 2.
pub fn story() -> String {
    let volume = |ordinal: u64, path: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"PersistentVolume","metadata":{{"name":"pv-{ordinal}"}},"spec":{{
                "accessModes":["ReadWriteMany"],"capacity":{{"storage":"1Gi"}},"storageClassName":"nfs",
                "claimRef":{{"namespace":"shop","name":"www-web-{ordinal}"}},
                "nfs":{{"server":"10.0.0.5","path":"{path}"}}}}}}"#
        )
    };
    let pod = r#""containers":[{"name":"main","volumeMounts":[{"name":"www","mountPath":"/data"}]}]"#;
    let spec = r#","volumeClaimTemplates":[{"metadata":{"name":"www"},"spec":{
        "accessModes":["ReadWriteMany"],"storageClassName":"nfs","resources":{"requests":{"storage":"1Gi"}}}}]"#;
    let set = set(pod, spec);
    [set, volume(0, "/srv/www"), volume(1, "/srv/www"), volume(2, "/srv/other")].join("\n---\n")
}

#[test]
fn claims_of_a_template_on_one_export_are_migrated_once_per_export() {
    let plan = plan(&story());
    assert_eq!(
        moves(&plan),
        ["nfs://10.0.0.5/srv/other: / -> web-2", "nfs://10.0.0.5/srv/www: / -> web-0 web-1"]
    );
    assert_eq!(plan.migrations[1].claim.as_deref(), Some("www-web-0"));
    let marked: Vec<&str> = plan.marks.iter().map(|mark| &*mark.claim).collect();
    assert_eq!(marked, ["www-web-0", "www-web-1", "www-web-2"]);
}

#[test]
fn claims_of_a_template_on_exports_of_their_own_need_no_migration() {
    let plan = plan(
        &story()
            .replace("\"path\":\"/srv/www\"}}}", "\"path\":\"/srv/ww1\"}}}")
            .replacen("/srv/ww1", "/srv/ww0", 1),
    );
    assert!(plan.is_empty(), "{:?}", moves(&plan));
    assert_eq!(plan.left_out[0].reason, "each ordinal has a volume of its own");
    assert!(plan.text().contains("nothing to migrate"));
}

#[test]
fn what_is_isolated_opted_out_or_not_shared_stays() {
    let isolated = r#"{"name":"data","mountPath":"/data","subPathExpr":"$(ORDINANCE_POD_NAME)"}"#;
    let read_only = r#"{"name":"data","mountPath":"/data","readOnly":true}"#;
    let opted_out = set_with(MOUNT, CLAIM).replace(
        r#""name":"web""#,
        r#""name":"web","annotations":{"ordinance.dev/shared-volumes":"other, data"}"#,
    );
    for text in [
        set_with(isolated, CLAIM),
        set_with(read_only, CLAIM),
        set_with(MOUNT, r#""emptyDir":{}"#),
        set_with(MOUNT, r#""csi":{"driver":"secrets.example.com"}"#),
        opted_out,
    ] {
        assert!(plan(&text).is_empty(), "{text}");
    }
}

#[test]
fn a_volume_of_an_unknown_driver_is_named() {
    let plan = plan(&set_with(MOUNT, r#""csi":{"driver":"files.example.com"}"#));
    assert!(
        plan.text()
            .contains("volume data stays as it is: it is not known where its CSI driver keeps the files")
    );
}

#[test]
fn a_claim_that_is_not_bound_is_named() {
    let plan = plan(&story().replace(r#""claimRef":{"namespace":"shop","name":"www-web-0"},"#, ""));
    let expected = "claim www-web-0 is not bound; this plan expects that it gets PersistentVolume pv-0";
    assert_eq!(plan.warnings, [expected]);
}

#[test]
fn a_prefix_is_part_of_directories_and_expressions() {
    let options = PlanOptions { prefix: "by/ordinal".to_owned(), ..PlanOptions::default() };
    let plan = planned(&set_with(MOUNT, CLAIM), options).expect("a plan");
    assert_eq!(moves(&plan), ["claim/shop/files: / -> by/ordinal/web-0 by/ordinal/web-1 by/ordinal/web-2"]);
    assert_eq!(plan.mounts[0].expression, "by/ordinal/$(ORDINANCE_POD_NAME)");
    assert!(plan.job_arguments(&plan.migrations[0]).contains(&"top=by".to_owned()));
}

#[test]
fn only_the_owner_gets_the_files() {
    let options = PlanOptions { owner: Some(1), ..PlanOptions::default() };
    let plan = planned(&set_with(MOUNT, CLAIM), options).expect("a plan");
    let arguments = plan.job_arguments(&plan.migrations[0]).join(" ");
    assert!(arguments.ends_with("empty=web-0 copy=web-1 empty=web-2"), "{arguments}");
}

#[test]
fn what_else_uses_the_storage_or_writes_the_set_is_named() {
    let text = [
        set_with(MOUNT, CLAIM).replace(r#""name":"web""#, r#""name":"web","annotations":{"meta.helm.sh/release-name":"shop"}"#),
        set_with(MOUNT, CLAIM).replace(r#""name":"web""#, r#""name":"api""#),
        r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"admin"},"spec":{"template":{"spec":{
            "volumes":[{"name":"x","persistentVolumeClaim":{"claimName":"files"}}]}}}}"#.to_owned(),
        r#"{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"auto"},
            "spec":{"scaleTargetRef":{"kind":"StatefulSet","name":"web"}}}"#.to_owned(),
    ]
    .join("\n---\n");
    let warnings = plan(&text).warnings;
    for expected in [
        "Helm release shop manages the set",
        "StatefulSet shop/api uses claim/shop/files too",
        "deployment admin uses claim files too",
        "HorizontalPodAutoscaler auto scales the set",
    ] {
        assert!(warnings.iter().any(|warning| warning.starts_with(expected)), "{expected:?}: {warnings:?}");
    }
    assert_eq!(warnings.len(), 4, "{warnings:?}");
}
