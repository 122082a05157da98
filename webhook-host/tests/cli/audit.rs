//! `ordinance audit`: dumps and clusters, filters, formats and exit codes.

use crate::files::directory;
use crate::host::argument;
use crate::run::{Ended, end, ordinance, run, run_in, run_with_input};
use ordinance_testkit::apiserver::{ApiServer, ScriptedAnswer, Verb};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const OLD: &str = "2024-01-01T00:00:00Z";
const NEW: &str = "2026-01-01T00:00:00Z";

/// Returns a volume as it is stored, bound to a claim of a namespace.
fn volume(name: &str, created: &str, namespace: &str, source: Value) -> Value {
    let mut spec = source;
    spec["claimRef"] = json!({"namespace": namespace, "name": "claim", "uid": "u"});
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "spec": spec,
        "metadata": {"name": name, "uid": name, "creationTimestamp": created}})
}

fn nfs(path: &str) -> Value {
    json!({"nfs": {"server": "nas", "path": path}})
}

/// Returns a set of two replicas as it is stored, with the members of its mount and of its volumes.
fn set(name: &str, mount: Value, spec: Value) -> Value {
    let mut mount = mount;
    (mount["name"], mount["mountPath"]) = ("data".into(), "/data".into());
    let variable =
        json!({"name": "ORDINANCE_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let mut set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"replicas": 2, "template": {"spec": {
        "containers": [{"name": "app", "volumeMounts": [mount], "env": [variable]}]}}},
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": OLD}});
    if let Some(claim) = spec.as_str() {
        set["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
    } else {
        set["spec"]["volumeClaimTemplates"] = spec;
    }
    set
}

fn templates() -> Value {
    json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteMany"]}}])
}

fn isolated() -> Value {
    json!({"subPathExpr": "$(ORDINANCE_POD_NAME)"})
}

fn claim(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"accessModes": ["ReadWriteMany"]},
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": OLD}})
}

fn class() -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "one", "uid": "one"},
        "provisioner": "cluster.local/nfs-subdir-external-provisioner", "parameters": {"pathPattern": "all"}})
}

/// Returns objects with each kind of finding.
fn objects() -> Vec<Value> {
    let csi = |attributes: Value| json!({"csi": {"driver": "csi.example.com", "volumeHandle": "h", "volumeAttributes": attributes}});
    vec![
        volume("pv-old", OLD, "shop", nfs("/srv")),
        volume("pv-new", NEW, "data", nfs("/srv")),
        volume("pv-deep", OLD, "data", nfs("/var/deep")),
        volume("pv-outer", OLD, "data", nfs("/var")),
        volume("pv-h1", OLD, "data", csi(json!({"a": "1"}))),
        volume("pv-h2", OLD, "data", csi(json!({"a": "2"}))),
        class(),
        set("cms", json!({}), "pages".into()),
        set("web", isolated(), templates()),
        claim("data-web-0"),
        set("fresh", json!({}), templates()),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other", "uid": "x"}}),
    ]
}

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Runs an audit of a dump of objects.
fn audit(items: &[Value], flags: &[&str]) -> Ended {
    let files = directory(&[("cluster.json", &list(items))]);
    run_in(files.path(), &[&["audit", "cluster.json"], flags].concat())
}

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Returns the rules and the names of the objects of all findings.
fn found(report: &Value) -> BTreeSet<(String, String)> {
    let findings = report["findings"].as_array().expect("findings").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    findings.map(|finding| (text(&finding["rule"]), text(&finding["object"]["name"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    expected.iter().map(|(rule, name)| ((*rule).to_owned(), (*name).to_owned())).collect()
}

#[test]
fn every_kind_of_finding_is_told_with_its_object_and_the_way_out() {
    let ended = audit(&objects(), &["--output", "json"]);
    let report = report(&ended);
    let expected = [
        ("shared-export", "pv-old"),
        ("shared-export", "pv-new"),
        ("nested-export", "pv-deep"),
        ("nested-export", "pv-outer"),
        ("duplicate-handle", "pv-h1"),
        ("duplicate-handle", "pv-h2"),
        ("unknown-driver", "pv-h1"),
        ("unknown-driver", "pv-h2"),
        ("collapsing-class", "one"),
        ("unisolated-mount", "cms"),
        ("unmarked-claim", "data-web-0"),
        ("ordinance/would-change", "cms"),
        ("ordinance/would-change", "fresh"),
    ];
    assert_eq!((ended.code, found(&report)), (1, pairs(&expected)), "{report:#}");
    assert_eq!(report["summary"]["objects"], 11);
    assert_eq!(report["summary"]["skipped"], 1);
    assert_eq!(report["summary"]["severities"], json!({"deny": 3, "wouldDeny": 0, "warn": 6, "note": 4}));
    let shared = &report["findings"][0];
    assert_eq!((&shared["rule"], &shared["related"][0]["name"]), (&"shared-export".into(), &"pv-old".into()));
    assert_eq!(shared["object"]["created"], NEW);
    assert_eq!(report["findings"][2]["migration"].as_array().map(Vec::len), Some(4), "{report:#}");
    let without_remedy: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().filter(|finding| finding["remedy"] == "").collect();
    let duplicates: BTreeSet<&str> =
        without_remedy.iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    assert!(duplicates.is_subset(&BTreeSet::from(["duplicate-handle"])), "{duplicates:?}");
}

#[test]
fn the_answer_whether_it_is_safe_to_enforce_counts_what_would_be_refused_or_changed() {
    let enforce = report(&audit(&objects(), &["--output", "json"]))["enforce"].clone();
    assert_eq!(enforce["isSafe"], false);
    assert_eq!(enforce["createdAgain"], json!({"refused": 2, "changed": 3, "rules": {"shared-export": 2}}));
    assert_eq!(enforce["updated"], json!({"refused": 0, "changed": 1, "rules": {}}));
    assert_eq!(enforce["affected"], 5);
    assert_eq!(
        enforce["namespaces"],
        json!([{"namespace": "shop", "affected": 4}, {"namespace": "data", "affected": 1}])
    );
    let text = audit(&objects(), &[]).stdout;
    for line in [
        "Is it safe to enforce? Not yet.\n  5 of 11 stored objects would be refused or changed under `mode: Enforce`:\n",
        "    created again: 2 refused (shared-export 2), 3 changed\n",
        "    updated without a change: 0 refused, 1 changed\n  by namespace: shop 4, data 1\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn the_answer_is_the_same_in_every_mode_and_with_every_filter() {
    let files = directory(&[
        ("cluster.json", &list(&objects())),
        ("warn.yaml", "mode: Warn"),
        ("isolate.yaml", "mode: Isolate"),
    ]);
    let audit = |flags: &[&str]| {
        run_in(files.path(), &[&["audit", "cluster.json", "--output", "json"], flags].concat())
    };
    let enforced = report(&audit(&[]))["enforce"].clone();
    for mode in ["warn.yaml", "isolate.yaml"] {
        let ended = audit(&["--settings", mode]);
        let report = report(&ended);
        assert_eq!((ended.code, &report["enforce"]), (0, &enforced), "{mode}");
        let severities = &report["summary"]["severities"];
        assert_eq!((&severities["deny"], &severities["wouldDeny"]), (&0.into(), &3.into()), "{mode}");
    }
    assert_eq!(report(&audit(&["--namespace", "nowhere"]))["enforce"], enforced);
}

#[test]
fn what_is_stored_may_be_safe_to_enforce() {
    let objects = [volume("a", OLD, "shop", nfs("/a")), set("web", isolated(), templates())];
    let ended = audit(&objects, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in [
        "2 objects audited, no finding\n",
        "Is it safe to enforce? Yes, for what is stored.\n  None of 2 stored objects would be refused",
    ] {
        assert!(ended.stdout.contains(line), "{ended:?}");
    }
}

#[test]
fn filters_choose_what_is_shown_and_the_exit_code() {
    let shown = |flags: &[&str]| {
        let ended = audit(&objects(), &[flags, &["--output", "json"]].concat());
        let report = report(&ended);
        let all =
            report["summary"]["findings"].as_u64().unwrap() + report["summary"]["leftOut"].as_u64().unwrap();
        assert_eq!(all, 13, "{report:#}");
        (ended.code, found(&report))
    };
    let nested = pairs(&[("nested-export", "pv-deep"), ("nested-export", "pv-outer")]);
    let shared = pairs(&[("shared-export", "pv-old"), ("shared-export", "pv-new")]);
    assert_eq!(shown(&["--rule", "nested-export"]), (0, nested.clone()));
    assert_eq!(
        shown(&["--rule", "nested-export", "--rule", "shared-export"]),
        (1, nested.union(&shared).cloned().collect())
    );
    // The class has no time, so it may be new.
    let new = pairs(&[("shared-export", "pv-old"), ("shared-export", "pv-new"), ("collapsing-class", "one")]);
    assert_eq!(shown(&["--since", "2025-06-01"]), (1, new));
    assert_eq!(shown(&["--since", "2025-06-01", "-n", "shop"]), (1, pairs(&[("shared-export", "pv-old")])));
    let shop = shown(&["--namespace", "shop", "--rule", "shared-export", "--rule", "unmarked-claim"]);
    assert_eq!(shop, (1, pairs(&[("shared-export", "pv-old"), ("unmarked-claim", "data-web-0")])));
    assert_eq!(shown(&["--namespace", "shop", "--namespace", "data"]).1.len(), 12);
    let text = audit(&objects(), &["--rule", "nested-export"]).stdout;
    assert!(text.contains("11 findings left out by --rule\n"), "{text}");
}

#[test]
fn an_unknown_rule_and_a_wrong_time_are_usage_errors() {
    let ended = audit(&objects(), &["--rule", "shared-exports"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (64, ""));
    assert!(
        ended.stderr.starts_with("error: --rule: there is no rule \"shared-exports\"; did you mean")
            && ended.stderr.contains("shared-device"),
        "{ended:?}"
    );
    let ended = audit(&objects(), &["--since", "yesterday"]);
    assert!(ended.code == 64 && ended.stderr.contains("write e.g. 7d"), "{ended:?}");
    let ended = audit(&objects(), &["--context", "x"]);
    assert!(ended.code == 64 && ended.stderr.contains("files are a dump of one"), "{ended:?}");
}

#[test]
fn the_table_has_a_row_for_each_finding_and_the_most_serious_first() {
    let ended = audit(&objects(), &["--rule", "shared-export", "--rule", "unknown-driver"]);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[0].starts_with("SEVERITY  RULE            KIND              NAMESPACE/NAME  WHAT IS WRONG")
    );
    assert!(lines[1].starts_with(
        "deny      shared-export   PersistentVolume  pv-new          PersistentVolume \"pv-new\""
    ));
    assert!(lines[2].trim_start().starts_with("way out: A stored volume keeps its directory"));
    assert!(lines[7].starts_with("note      unknown-driver  PersistentVolume  pv-h2"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\u{1b}'));
    let coloured = audit(&objects(), &["--color", "always"]).stdout;
    assert!(coloured.contains("\n\u{1b}[1;31mdeny\u{1b}[0m      shared-export"), "{coloured}");
    let quiet = audit(&objects(), &["-q"]).stdout;
    assert!(
        quiet.contains("shared-export") && !quiet.contains("nested-export") && !quiet.contains("Is it safe")
    );
}

#[test]
fn the_page_shows_what_the_command_prints() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{root}/docs/audit.md")).unwrap();
    let example = page.split("```\nSEVERITY").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown = run_in(root.as_ref(), &["audit", "tests/data/audit/cluster.yaml"]).stdout;
    let lines = example.lines().skip(1).filter(|line| *line != "…");
    for line in lines {
        let start = line.trim_end_matches('…').trim_end();
        assert!(shown.lines().any(|found| found.starts_with(start)), "{line}: {shown}");
    }
    let json = run_in(root.as_ref(), &["audit", "--output", "json", "tests/data/audit/cluster.yaml"]);
    for (begin, end) in [
        ("\"severities\":{", "}"),
        ("\"createdAgain\":{", "}}"),
        ("\"updated\":{", "}}"),
        ("\"namespaces\":[", "]"),
    ] {
        let member = page.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).unwrap().0;
        assert!(json.stdout.contains(&format!("{begin}{member}{end}")), "{begin}{member}: {}", json.stdout);
    }
}

#[test]
fn a_finding_without_advice_names_the_command_that_explains_it() {
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "one"},
        "provisioner": "cluster.local/nfs-subdir-external-provisioner",
        "parameters": {"pathPattern": "${.PVC.namespace}-${.PVC.name}"}});
    let ended = audit(&[class], &[]);
    assert!(ended.stdout.contains(" way out: `ordinance explain ambiguous-class`\n"), "{ended:?}");
}

#[test]
fn the_table_keeps_to_the_width() {
    let files = directory(&[("cluster.json", &list(&objects()))]);
    let ended = end(ordinance(&["audit", "cluster.json"]).env("COLUMNS", "110").current_dir(files.path()));
    let (table, _) = ended.stdout.split_once("\n\n").expect("a table");
    assert!(table.lines().all(|line| line.chars().count() <= 110), "{table}");
}

#[test]
fn other_formats_have_the_same_findings() {
    let sarif = audit(&objects(), &["--output", "sarif"]);
    assert!(sarif.stderr.contains("Is it safe to enforce? Not yet."), "{}", sarif.stderr);
    let sarif = report(&sarif);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 13);
    assert!(results.iter().all(|result| result["ruleIndex"].is_u64()), "{results:#?}");
    let junit = audit(&objects(), &["--output", "junit"]);
    let document = roxmltree::Document::parse(&junit.stdout).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase")).count();
    let failures = document.descendants().filter(|node| node.has_tag_name("failure")).count();
    assert_eq!((cases, failures), (10, 3), "{}", junit.stdout);
    let text = audit(&objects(), &["--output", "text"]).stdout;
    assert!(
        text.contains("\n11 objects judged, 3 denied") && text.contains("Is it safe to enforce?"),
        "{text}"
    );
}

#[test]
fn a_drawing_shows_who_writes_where_now_and_after_a_creation() {
    let story = include_str!("../../../tests/data/audit/cluster.yaml");
    let draw = |flags: &[&str]| run_with_input(&[&["audit", "-", "--output"], flags].concat(), story);
    let ended = draw(&["map"]);
    let (now, recreated) = (
        "before   cms-0 ──▶ nfs://10.0.0.5/srv/www  ✘ shared with cms-1",
        "nfs://10.0.0.5/srv/www/cms-2  ✔ its own",
    );
    assert!(ended.code == 1 && ended.stdout.contains(now) && ended.stdout.contains(recreated), "{ended:?}");
    assert!(ended.stdout.contains("wrong now: StatefulSet \"cms\""), "{ended:?}");
    assert!(ended.stderr.contains("Is it safe to enforce? Not yet."), "{ended:?}");
    let shop = draw(&["map", "--namespace", "shop"]).stdout;
    assert!(
        shop.contains("✘ inside the directory of cms/cms-0") && !shop.contains("StatefulSet cms/cms"),
        "{shop}"
    );
    let svg = draw(&["svg"]).stdout;
    let document = roxmltree::Document::parse(&svg).unwrap();
    assert!(document.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")), "{svg}");
    let ended = draw(&["svg", "--rule", "shared-export"]);
    assert!(ended.code == 64 && ended.stderr.contains("--rule and --since choose findings"), "{ended:?}");
}

#[test]
fn an_object_that_cannot_be_read_is_an_error_with_its_place_and_the_others_are_audited() {
    let unreadable = volume("pv-bad", OLD, "shop", json!({"nfs": "x"}));
    let nameless = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"uid": "x"}, "spec": nfs("/srv")});
    let beta =
        json!({"apiVersion": "apps/v1beta1", "kind": "StatefulSet", "metadata": {"name": "old", "uid": "x"}});
    let all =
        [objects(), vec![unreadable, nameless, beta, volume("pv-old", OLD, "shop", nfs("/other"))]].concat();
    let ended = audit(&all, &["--output", "json"]);
    let report = report(&ended);
    assert_eq!((ended.code, report["enforce"]["isSafe"].as_bool()), (2, Some(false)), "{report:#}");
    let errors: Vec<&str> =
        report["errors"].as_array().unwrap().iter().map(|error| error["message"].as_str().unwrap()).collect();
    for part in [
        "PersistentVolume has no metadata.name",
        "apiVersion apps/v1beta1, which the policy can't read",
        "PersistentVolume pv-old differs from another one",
        "\"pv-bad\" can't be read",
    ] {
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:#?}");
    }
    assert_eq!(errors.len(), 4);
    assert!(found(&report).contains(&("shared-export".to_owned(), "pv-old".to_owned())));
    assert!(found(&report).contains(&("unreadable-object".to_owned(), "pv-bad".to_owned())));
}

#[test]
fn a_dump_without_an_object_is_an_error_unless_its_list_is_empty() {
    for text in ["", "# nothing\n"] {
        let ended = run_with_input(&["audit", "-"], text);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains("has no Kubernetes object"), "{ended:?}");
        assert!(ended.stdout.contains("Is it safe to enforce? Not known."), "{ended:?}");
    }
    let empty = run_with_input(&["audit", "-"], &list(&[]));
    assert_eq!(empty.code, 0, "{empty:?}");
    assert!(empty.stdout.contains("Is it safe to enforce? Not known.\n  There is no object"), "{empty:?}");
    let cut = run_with_input(&["audit", "-"], &list(&objects())[..400]);
    assert_eq!(cut.code, 2, "{cut:?}");
    let files = directory(&[("empty/readme.txt", "none")]);
    let ended = run_in(files.path(), &["audit", "empty"]);
    assert!(ended.code == 2 && ended.stderr.contains("has no Kubernetes object"), "{ended:?}");
    let missing = run_in(files.path(), &["audit", "missing.yaml"]);
    assert!(missing.code == 2 && missing.stderr.contains("missing.yaml"), "{missing:?}");
}

#[test]
fn a_place_that_hundreds_of_volumes_hold_is_told_for_each_of_them() {
    let volumes: Vec<Value> =
        (0..600).map(|at| volume(&format!("pv-{at:03}"), OLD, "shop", nfs("/srv"))).collect();
    let ended = audit(&volumes, &["--output", "json"]);
    let report = report(&ended);
    assert_eq!((ended.code, &report["failures"]), (1, &json!([])), "{ended:?}");
    assert_eq!(found(&report).len(), 600);
    assert_eq!(report["enforce"]["createdAgain"]["rules"], json!({"shared-export": 600}));
}

#[test]
fn objects_of_the_state_count_and_are_not_audited() {
    let files = directory(&[
        ("a.json", &volume("a", OLD, "shop", nfs("/srv")).to_string()),
        ("b.json", &volume("b", OLD, "shop", nfs("/srv")).to_string()),
    ]);
    let ended = run_in(files.path(), &["audit", "a.json", "--state", "b.json", "--output", "json"]);
    assert_eq!(found(&report(&ended)), pairs(&[("shared-export", "a")]));
    assert_eq!(report(&ended)["summary"]["objects"], 1);
}

/// Starts an API server with the objects, and returns it with a directory that has its kubeconfig.
fn cluster() -> (ApiServer, tempfile::TempDir) {
    let api = ApiServer::start().unwrap();
    for object in objects() {
        let resource = match object["kind"].as_str().unwrap() {
            "PersistentVolume" => "persistentvolumes",
            "StorageClass" => "storageclasses",
            "StatefulSet" => "statefulsets",
            "PersistentVolumeClaim" => "persistentvolumeclaims",
            _ => continue,
        };
        api.put(resource, object);
    }
    let files = directory(&[("kubeconfig", &api.kubeconfig())]);
    (api, files)
}

fn audit_cluster(files: &tempfile::TempDir, flags: &[&str]) -> Ended {
    let kubeconfig = files.path().join("kubeconfig");
    run(&[&["audit", "--kubeconfig", argument(&kubeconfig)], flags].concat())
}

#[test]
fn a_cluster_has_the_findings_of_its_dump() {
    let (_api, files) = cluster();
    let live = audit_cluster(&files, &["--output", "json"]);
    let (live, dump) = (report(&live), report(&audit(&objects(), &["--output", "json"])));
    assert_eq!(found(&live), found(&dump));
    assert_eq!((&live["enforce"], &live["source"]), (&dump["enforce"], &"cluster".into()));
    assert_eq!(live["findings"][0]["file"], "persistentvolumes");
    let text = audit_cluster(&files, &["--output", "text"]);
    assert!(text.code == 1 && text.stdout.contains("--> persistentvolumes\n"), "{text:?}");
}

#[test]
fn all_pages_of_a_list_are_audited() {
    let (api, files) = cluster();
    for at in 0..1_100 {
        api.put(
            "persistentvolumes",
            volume(&format!("pv-{at:04}"), OLD, "data", nfs(&format!("/many/{at}"))),
        );
    }
    api.put("persistentvolumes", volume("pv-zz", OLD, "data", nfs("/many/3")));
    let ended = audit_cluster(&files, &["--output", "json", "--rule", "shared-export"]);
    let found = found(&report(&ended));
    assert!(found.contains(&("shared-export".to_owned(), "pv-zz".to_owned())), "{found:?}");
    assert_eq!(report(&ended)["summary"]["objects"], 1_112);
    assert_eq!(api.requests("persistentvolumes").len(), 3);
}

#[test]
fn a_kind_that_cannot_be_listed_is_named_and_the_rest_is_audited() {
    let (api, files) = cluster();
    api.script("persistentvolumeclaims", Verb::List, ScriptedAnswer::Status(403));
    let ended = audit_cluster(&files, &[]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.starts_with("error: persistentvolumeclaims: persistentvolumeclaims could not be listed"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("the right to list them"), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("shared-export") && ended.stdout.contains(", 1 unreadable"),
        "{}",
        ended.stdout
    );
}

#[test]
fn without_a_dump_and_a_cluster_the_error_names_both_ways() {
    let files = directory(&[]);
    let mut command = ordinance(&["audit"]);
    command.env("HOME", files.path()).env_remove("KUBECONFIG").env_remove("KUBERNETES_SERVICE_HOST");
    let ended = end(&mut command);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    assert!(
        ended.stderr.contains("give --kubeconfig FILE, or files that `kubectl get -A -o yaml` wrote"),
        "{ended:?}"
    );
}
