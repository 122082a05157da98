//! The script and the manifests.

use crate::plans::{CLAIM, MOUNT, plan, planned, set, set_with};
use ordinance_manifests::read;
use ordinance_migration::{JOB_SCRIPT, JobMode, PlanOptions};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Checks the syntax of a script.
fn is_shell(script: &str) {
    let mut shell = Command::new("sh").arg("-n").stdin(Stdio::piped()).spawn().expect("sh");
    shell.stdin.take().expect("stdin").write_all(script.as_bytes()).expect("written");
    assert!(shell.wait().expect("an end").success(), "{script}");
}

#[test]
fn the_script_is_posix_shell_for_awkward_names_too() {
    let awkward = r#"{"name":"data","mountPath":"/it's \"here\"","subPath":"a 'b' $(c) $$"}"#;
    for text in [set_with(MOUNT, CLAIM), set_with(awkward, CLAIM)] {
        is_shell(&plan(&text).script());
    }
    is_shell(JOB_SCRIPT);
}

#[test]
fn kubernetes_changes_nothing_in_the_script_and_its_arguments() {
    assert!(!JOB_SCRIPT.contains("$$"), "Kubernetes reads $$ as $");
    let text = set_with(r#"{"name":"data","mountPath":"/data","subPath":"$(HOME)"}"#, CLAIM);
    let job = plan(&text).job(0, JobMode::Copy).expect("a Job");
    let arguments = &job["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(arguments.as_array().expect("arguments").contains(&json!("source=$$(HOME)")), "{arguments}");
}

#[test]
fn the_jobs_name_is_bounded_and_a_label() {
    let long = "w".repeat(52);
    let text = set_with(MOUNT, CLAIM).replace(r#""name":"web""#, &format!(r#""name":"web","x":"{long}""#));
    let plan = plan(&text);
    for mode in JobMode::ALL {
        let job = plan.job(0, mode).expect("a Job");
        let name = job["metadata"]["name"].as_str().expect("a name");
        assert!(
            name.len() <= 63 && name.starts_with("web-migrate-") && name.ends_with(mode.name()),
            "{name}"
        );
    }
}

#[test]
fn the_job_runs_where_the_pods_run_and_as_root() {
    let pod = format!(
        r#""nodeSelector":{{"disk":"fast"}},"tolerations":[{{"operator":"Exists"}}],"serviceAccountName":"files","hostNetwork":true,
           "affinity":{{"nodeAffinity":{{"n":1}},"podAntiAffinity":{{"p":1}}}},
           "securityContext":{{"runAsNonRoot":true,"runAsUser":5,"fsGroup":7,"seLinuxOptions":{{"level":"s0:c1"}}}},
           "containers":[{{"name":"main","securityContext":{{"runAsUser":6}},"volumeMounts":[{MOUNT}]}}],"volumes":[{{"name":"data",{CLAIM}}}]"#
    );
    let text = set(&pod, "");
    let job = plan(&text).job(0, JobMode::Copy).expect("a Job");
    let spec = &job["spec"]["template"]["spec"];
    assert_eq!(spec["nodeSelector"], json!({"disk": "fast"}));
    assert_eq!(spec["affinity"], json!({"nodeAffinity": {"n": 1}}));
    assert_eq!(spec["serviceAccountName"], "files");
    assert_eq!(spec["hostNetwork"], Value::Null);
    assert_eq!(spec["securityContext"]["seLinuxOptions"], json!({"level": "s0:c1"}));
    assert_eq!(spec["securityContext"]["runAsUser"], Value::Null);
    assert_eq!(spec["containers"][0]["securityContext"]["runAsUser"], 0);
    assert_eq!(job["spec"]["backoffLimit"], 0);
    let options = PlanOptions { as_pod: true, ..PlanOptions::default() };
    let job = planned(&text, options).expect("a plan").job(0, JobMode::Copy).expect("a Job");
    let spec = &job["spec"]["template"]["spec"];
    assert_eq!(spec["securityContext"]["runAsUser"], 5);
    assert_eq!(spec["containers"][0]["securityContext"]["runAsUser"], 6);
}

#[test]
fn manifests_that_are_applied_at_once_copy_nothing_and_start_no_pod() {
    let set = set_with(MOUNT, CLAIM).replace(
        r#""name":"web""#,
        r#""name":"web","uid":"u","resourceVersion":"7","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","own":"kept"}"#,
    );
    let text = plan(&set).manifests().expect("manifests");
    let objects: Vec<Value> = read(&text, "default")
        .into_iter()
        .map(|object| serde_json::from_str(&object.expect("a manifest").json).expect("JSON"))
        .collect();
    let [check, set, copy] = objects.as_slice() else { panic!("{}", objects.len()) };
    assert_eq!((&check["kind"], &check["spec"]["suspend"]), (&json!("Job"), &Value::Null));
    assert_eq!(set["spec"]["replicas"], 0);
    assert_eq!(set["metadata"], json!({"name": "web", "namespace": "shop", "annotations": {"own": "kept"}}));
    let mount = &set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["subPathExpr"], "$(ORDINANCE_POD_NAME)");
    assert_eq!(copy["spec"]["suspend"], true);
    let script = &copy["spec"]["template"]["spec"]["containers"][0]["command"][2];
    assert_eq!(script, JOB_SCRIPT, "YAML keeps every byte of the script");
}

#[test]
fn the_data_has_every_job_and_the_script() {
    let plan = plan(&set_with(MOUNT, CLAIM));
    let data: Value = serde_json::from_str(&plan.json().expect("JSON")).expect("JSON");
    for mode in JobMode::ALL {
        assert_eq!(data["jobs"][mode.name()]["items"][0], plan.job(0, mode).expect("a Job"));
    }
    assert_eq!(data["script"], plan.script());
    assert_eq!(data["replicas"], 3);
    assert_eq!(
        data["migrations"][0]["directories"][2],
        json!({"ordinal": 2, "directory": "web-2", "getsFiles": true})
    );
}

#[test]
fn the_text_has_the_fields_and_the_way_back() {
    let text = plan(&set_with(MOUNT, CLAIM)).text();
    for expected in [
        "files of 3 replicas move into a directory per ordinal",
        "volume data on claim/shop/files: from / to web-0, web-1, web-2",
        "subPathExpr: $(ORDINANCE_POD_NAME)",
        "kubectl -n shop scale statefulset web --replicas=0",
        "sh migrate.sh --roll-back --yes",
        "jq '.jobs[\"clean-up\"]' plan.json | kubectl create -f -",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
}
