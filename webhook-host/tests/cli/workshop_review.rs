//! `ordinance request`, and `ordinance review` of manifests, with explanations and what is dropped.

use crate::files::{directory, volume};
use crate::host::Host;
use crate::run::{run, run_in, run_in_with_input};
use ordinance_testkit::guest::component;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A set whose replicas share one claim, so that the built-in policy patches it.
const SET: &str = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx
        volumeMounts: [{name: data, mountPath: /data}]
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: data}
";

fn volumes() -> TempDir {
    let [one, other] = ["one", "other"].map(|name| volume(name, "/srv/www"));
    directory(&[
        ("set.yaml", SET),
        ("one.json", &one.to_string()),
        ("other.json", &other.to_string()),
        ("both.yaml", &format!("{one}\n---\n{other}\n")),
    ])
}

fn requests(files: &TempDir, arguments: &[&str]) -> Vec<Value> {
    let ended = run_in(files.path(), &[&["request"], arguments].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_request_has_what_an_api_server_sends() {
    let files = volumes();
    let reviews = requests(&files, &["set.yaml"]);
    let [review] = reviews.as_slice() else { panic!("{reviews:?}") };
    assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
    let request = &review["request"];
    let kind = json!({"group": "apps", "version": "v1", "kind": "StatefulSet"});
    let resource = json!({"group": "apps", "version": "v1", "resource": "statefulsets"});
    for (field, value) in [
        ("kind", &kind),
        ("requestKind", &kind),
        ("resource", &resource),
        ("requestResource", &resource),
        ("name", &json!("web")),
        ("namespace", &json!("shop")),
        ("operation", &json!("CREATE")),
        ("oldObject", &Value::Null),
        ("dryRun", &json!(false)),
    ] {
        assert_eq!(&request[field], value, "{field}");
    }
    assert_eq!(request["options"]["kind"], "CreateOptions");
    assert_eq!(request["userInfo"]["username"], "kubernetes-admin");
}

#[test]
fn a_request_of_an_update_or_a_deletion_has_the_stored_object() {
    let files = volumes();
    let update = &requests(&files, &["one.json", "--update", "one.json", "--user", "eve", "--group", "ops"])
        [0]["request"];
    assert_eq!(
        (&update["operation"], &update["options"]["kind"]),
        (&json!("UPDATE"), &json!("UpdateOptions"))
    );
    assert_eq!(update["oldObject"]["spec"], update["object"]["spec"]);
    assert_eq!(update["userInfo"], json!({"username": "eve", "groups": ["ops", "system:authenticated"]}));
    let deletion = &requests(&files, &["one.json", "--delete"])[0]["request"];
    assert_eq!((&deletion["operation"], &deletion["object"]), (&json!("DELETE"), &Value::Null));
    assert_eq!(deletion["oldObject"]["metadata"]["name"], "one");
}

#[test]
fn a_manifest_and_its_request_get_the_same_answer() {
    let files = volumes();
    for (manifest, change, phase, code) in [
        ("set.yaml", &[][..], "mutate", 0),
        ("set.yaml", &[], "validate", 1),
        ("both.yaml", &[], "validate", 1),
        ("one.json", &["--update", "one.json"], "validate", 0),
        ("one.json", &["--delete"], "validate", 0),
    ] {
        let request = run_in(files.path(), &[&["request", manifest], change].concat());
        let review = [&["review", "--phase", phase, manifest], change].concat();
        let direct = run_in(files.path(), &review);
        let piped = run_in_with_input(files.path(), &["review", "--phase", phase], request.stdout.as_bytes());
        assert_eq!((direct.code, &direct.stdout), (piped.code, &piped.stdout), "{manifest} {change:?}");
        assert_eq!((direct.code, &direct.stderr), (code, &piped.stderr), "{direct:?}");
    }
}

#[test]
fn an_admitted_object_counts_for_those_after_it() {
    let files = volumes();
    let ended = run_in(files.path(), &["review", "--phase", "validate", "both.yaml"]);
    let answers: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let allowed: Vec<&Value> = answers.iter().map(|answer| &answer["response"]["allowed"]).collect();
    assert_eq!((ended.code, allowed), (1, vec![&json!(true), &json!(false)]));
}

#[test]
fn says_that_a_webhook_is_not_called_for_a_manifest_or_its_request() {
    let files = volumes();
    let ended = run_in(files.path(), &["review", "one.json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let note = "warning: the API server does not ask storage about CREATE of persistentvolumes (v1) in the phase mutate; \
                give --phase validate\n";
    assert_eq!(ended.stderr, note);
    let request = run_in(files.path(), &["request", "one.json"]);
    let piped = run_in_with_input(files.path(), &["review"], request.stdout.as_bytes());
    assert_eq!((piped.code, piped.stderr.as_str()), (0, note));
}

#[test]
fn unusable_manifests_are_one_line_with_the_place() {
    let files = volumes();
    for (text, why) in [
        ("", "stdin: has no object; give manifests or an AdmissionReview"),
        ("a: 1\n", "stdin: line 1, column 1: not a Kubernetes object: kind is not set"),
        ("- 1\n", "stdin: line 1, column 1: not a Kubernetes object"),
        ("kind: [\n", "stdin: line 1"),
        ("\u{0}\u{1}", "stdin: "),
    ] {
        for command in ["review", "request"] {
            let ended = run_in_with_input(files.path(), &[command], text.as_bytes());
            assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{text:?}: {ended:?}");
            assert!(ended.stderr.starts_with(&format!("error: {why}")), "{text:?}: {}", ended.stderr);
            assert_eq!(ended.stderr.lines().count(), 1);
        }
    }
    let other = run_in(files.path(), &["review", "one.json", "--update", "other.json"]);
    assert_eq!(other.code, 2, "{other:?}");
    assert!(other.stderr.contains("other.json: has no PersistentVolume one; give"), "{}", other.stderr);
    let review = run_in(files.path(), &["request", "one.json"]).stdout;
    let ended = run_in_with_input(files.path(), &["review", "--delete"], review.as_bytes());
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("--delete applies to manifests"), "{}", ended.stderr);
    assert_eq!(run(&["request", "--delete", "--update", "x"]).code, 64);
}

#[test]
fn explains_keys_holdings_and_the_deciding_step() {
    let files = volumes();
    let review = ["review", "other.json", "--phase", "validate", "--state", "one.json"];
    let ended = run_in(files.path(), &[&review[..], &["--explain"]].concat());
    let plain = run_in(files.path(), &review);
    assert_eq!((ended.code, &ended.stdout), (1, &plain.stdout), "{ended:?}");
    assert_eq!((plain.code, plain.stderr.as_str()), (1, ""));
    for part in [
        "CREATE PersistentVolume other, phase validate:\n",
        "verdict   denied\n",
        "decided   by resume, with 1 holding\n",
        "finding   deny shared-export: ",
        "key       holds nfs://10.0.0.5 /srv/www",
        "holding   persistentvolumes one holds nfs://10.0.0.5 /srv/www\n",
        "\n  instance  ",
        " KiB of linear memory\n",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let [instance, review, resume, total] =
        ["instance", "review", "resume", "total"].map(|step| fuel(&ended.stderr, step));
    assert!(review > 1_000 && resume > 1_000, "{}", ended.stderr);
    assert_eq!(instance + review + resume, total);
}

/// Returns the fuel of a step of an explanation.
fn fuel(explanation: &str, step: &str) -> u64 {
    let line = explanation.lines().find(|line| line.trim_start().starts_with(&format!("{step} "))).unwrap();
    let (time, fuel) = line.split_once(" µs, ").unwrap();
    assert!(time.rsplit(' ').next().unwrap().parse::<u64>().is_ok(), "{line}");
    fuel.strip_suffix(" fuel").unwrap().parse().unwrap()
}

#[test]
fn the_fuel_of_an_explanation_is_that_of_every_run() {
    let counting = "(local $i i32) (loop $again (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))";
    let [first, second] = [(); 2].map(|()| reviewed(counting, "", &["--explain"]).stderr);
    let review = fuel(&first, "review");
    assert!((7_000..10_000).contains(&review), "{first}");
    assert_eq!(fuel(&second, "review"), review);
    let trapped = reviewed(&format!("{counting} unreachable"), "", &["--explain"]).stderr;
    assert!(fuel(&trapped, "review") > 7_000, "{trapped}");
    assert!(!trapped.contains("\n  resume "), "{trapped}");
}

/// Reviews a thing with a policy of these instructions.
fn reviewed(review: &str, more: &str, arguments: &[&str]) -> crate::run::Ended {
    let files = directory(&[("thing.yaml", "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\n")]);
    std::fs::write(files.path().join("mine.wasm"), component(review, more)).unwrap();
    run_in(files.path(), &[&["review", "thing.yaml", "--policy", "mine.wasm"], arguments].concat())
}

#[test]
fn warns_of_the_built_in_policy_beside_a_component() {
    let files = volumes();
    std::fs::write(files.path().join("mine.wasm"), component("", "")).unwrap();
    let warning = "warning: this is the built-in policy `storage`; for mine.wasm of this directory, ";
    for command in [&["review", "one.json"][..], &["inspect"]] {
        let ended = run_in(files.path(), command);
        assert!(ended.stderr.contains(warning), "{ended:?}");
        let quiet = run_in(files.path(), &[command, &["--quiet"]].concat());
        assert!(!quiet.stderr.contains(warning), "{quiet:?}");
    }
    let ended = run_in(files.path(), &["review", "--policy", "mine.wasm", "one.json"]);
    assert!(!ended.stderr.contains(warning), "{ended:?}");
}

#[test]
fn names_the_functions_of_a_trap() {
    let ended =
        reviewed("call $outer", "(func $inner unreachable) (func $outer call $inner)", &["--explain"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    for part in [
        "verdict   none: the policy trapped: ",
        "decided   not: review failed\n",
        "trap in   inner\n",
        "called by outer\n",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

/// Returns instructions that write a patch into the verdict, and data with the patch.
fn with_patch(patch: &str) -> (String, String) {
    let review = format!(
        "(i32.store8 (i32.const 268) (i32.const 1)) (i32.store (i32.const 272) (i32.const 2048)) (i32.store (i32.const 276) (i32.const {}))",
        patch.len()
    );
    (review, format!("(data (i32.const 2048) {:?})", patch.replace('"', "'")).replace('\'', "\\22"))
}

#[test]
fn says_what_is_dropped_of_a_verdict() {
    let (patch, data) = with_patch(r#"[{"op":"replace","path":"/spec/x","value":1}]"#);
    let ended = reviewed(&patch, &data, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let why = "warning: the API server will refuse the request: the patch does not fit the object";
    assert!(ended.stderr.starts_with(why), "{}", ended.stderr);
    let deny = "(i32.store (i32.const 260) (i32.const 768)) (i32.store (i32.const 264) (i32.const 1))";
    let ended = reviewed(&format!("{patch} {deny}"), &data, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.starts_with("warning: dropped: the patch, since the request is denied"),
        "{}",
        ended.stderr
    );
    // An audit annotation with the key `a b` and the value `a-rule`.
    let audit = "(i32.store (i32.const 288) (i32.const 3000)) (i32.store (i32.const 292) (i32.const 1))
        (i32.store (i32.const 3000) (i32.const 2048)) (i32.store (i32.const 3004) (i32.const 3))
        (i32.store (i32.const 3008) (i32.const 30)) (i32.store (i32.const 3012) (i32.const 6))";
    let ended = reviewed(audit, "(data (i32.const 2048) \"a b\")", &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.starts_with("warning: dropped: the audit annotation \"a b\""), "{}", ended.stderr);
    let fits = with_patch(r#"[{"op":"add","path":"/spec","value":{}}]"#);
    assert_eq!(reviewed(&fits.0, &fits.1, &[]).stderr, "");
}

#[test]
fn a_review_in_yaml_is_a_review() {
    let files = volumes();
    let request = &requests(&files, &["one.json"])[0]["request"];
    let yaml =
        format!("# recorded\nkind: AdmissionReview\napiVersion: admission.k8s.io/v1\nrequest: {request}\n");
    let direct = run_in(files.path(), &["review", "--phase", "validate", "one.json"]);
    let ended = run_in_with_input(files.path(), &["review", "--phase", "validate"], yaml.as_bytes());
    assert_eq!(ended, direct);
    let other = run_in_with_input(files.path(), &["review", "--user", "eve"], yaml.as_bytes());
    assert!(other.code == 2 && other.stderr.contains("--user applies to manifests"), "{other:?}");
}

#[test]
fn check_explains_each_review() {
    let files = volumes();
    let ended = run_in(files.path(), &["check", "set.yaml", "both.yaml", "--explain"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in [
        "CREATE StatefulSet shop/web, phase mutate:\n  verdict   allowed, with the patch [",
        "CREATE StatefulSet shop/web, phase validate:\n  verdict   allowed\n",
        "CREATE PersistentVolume other, phase validate:\n  verdict   denied\n  decided   by resume, with 1 holding\n",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert_eq!(ended.stderr.matches(" fuel\n  memory ").count(), 4, "{}", ended.stderr);
    let plain = run_in(files.path(), &["check", "set.yaml", "both.yaml"]);
    assert_eq!((plain.code, plain.stdout, plain.stderr.as_str()), (1, ended.stdout, ""));
}

#[test]
fn a_server_names_the_served_paths_to_callers_who_need_no_token() {
    let host = Host::start(&[]);
    let ready = host.seen.last().unwrap();
    assert!(ready.contains("/mutate/storage /validate/storage"), "{ready}");
    for path in ["/", "/validate/other", "/mutate/storage/"] {
        let reply = host.post(path, "{}");
        let served = "no policy has this path; served are /mutate/storage, /validate/storage\n";
        assert_eq!((reply.status, reply.body.as_str()), (404, served), "{path}");
    }
}

#[test]
fn explains_an_object_with_a_line_break_in_its_name_in_one_line() {
    let mut volume = volume("first", "/a");
    volume["metadata"]["name"] = json!("a\n  verdict   allowed");
    let files = directory(&[("request.json", &crate::files::creation(&volume).to_string())]);
    let ended = run_in(files.path(), &["review", "request.json", "--phase", "validate", "--explain"]);
    let header = ended.stderr.lines().next().unwrap_or_default();
    assert_eq!(header, "CREATE PersistentVolume a\u{fffd}  verdict   allowed, phase validate:", "{ended:?}");
}
