//! Each format of a report.

use super::*;
use ordinance_contract::Fix;
use serde_json::json;

const TEXT: &str = "# two volumes\napiVersion: v1\nkind: PersistentVolume\nmetadata:\n  name: pv2\nspec:\n  nfs:\n    server: 10.0.0.5\n    path: /srv/www\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        volumeMounts:\n        - name: data\n          mountPath: /data\n        - {name: more, mountPath: /more}\n";

fn objects() -> Vec<Manifest> {
    ordinance_manifests::read(TEXT, "default").into_iter().collect::<Result<_, _>>().expect("readable")
}

fn finding(rule: &str, severity: Severity, field: &str, fact: &str, remedy: &str) -> Finding {
    let (field, remedy) = (field.to_owned(), remedy.to_owned());
    Finding { field, remedy, ..Finding::new(rule, severity, fact) }
}

fn rule(id: &str, severity: Severity) -> Rule {
    Rule {
        id: id.to_owned(),
        title: "A title".to_owned(),
        severity,
        setting: String::new(),
        annotations: Vec::new(),
        explanation: "An **explanation**.".to_owned(),
    }
}

fn report(objects: &[Manifest]) -> CheckReport<'_> {
    let fact = "PersistentVolume \"pv2\" shares nfs://10.0.0.5/srv/www with PersistentVolume \"pv\": two volumes on one directory overwrite each other's files";
    let env =
        json!({"name": "ORDINANCE_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let container = "/spec/template/spec/containers/0";
    let shared = Finding {
        fixes: vec![Fix {
            title: "Move it".to_owned(),
            patch: r#"[{"op":"add","path":"/spec/nfs/readOnly","value":true}]"#.to_owned(),
        }],
        ..finding(
            "shared-export",
            Severity::Deny,
            "spec.nfs.path",
            fact,
            "Give pv2 a directory of its own, e.g. /srv/www-pv2",
        )
    };
    let denied = CheckedObject {
        outcome: AdmissionOutcome::Denied,
        patch: Vec::new(),
        ..with_findings(vec![shared], "v.yaml", &objects[0])
    };
    let warning = finding(
        "unisolated-mount",
        Severity::Warn,
        "spec.template.spec.containers[0].volumeMounts[0].subPathExpr",
        "volume \"data\": each replica's files are elsewhere from now on",
        "",
    );
    let patched = CheckedObject {
        patch: vec![
            json!({"op": "add", "path": format!("{container}/env"), "value": [env]}),
            json!({"op": "add", "path": format!("{container}/volumeMounts/0/subPathExpr"), "value": "$(ORDINANCE_POD_NAME)"}),
            json!({"op": "add", "path": format!("{container}/volumeMounts/1/subPathExpr"), "value": "$(ORDINANCE_POD_NAME)"}),
        ],
        ..with_findings(vec![warning], "v.yaml", &objects[1])
    };
    let error = ReadError {
        file: "b <&>\u{1b}.yaml",
        text: "a: 1\n  b: 2\n",
        line: 2,
        column: 4,
        message: "mapping values are not allowed in this context".to_owned(),
    };
    CheckReport {
        objects: vec![denied, patched],
        errors: vec![error],
        skipped: 3,
        unlisted: 0,
        passed_over: 4,
        unrendered: Vec::new(),
        policy: "storage".to_owned(),
        version: "0.1.0".to_owned(),
        rules: vec![rule("shared-export", Severity::Deny), rule("unisolated-mount", Severity::Warn)],
        rules_page: Some("https://example.com/rules.md"),
    }
}

fn fine<'a>(file: &'a str, object: &'a Manifest) -> CheckedObject<'a> {
    with_findings(Vec::new(), file, object)
}

fn with_findings<'a>(findings: Vec<Finding>, file: &'a str, object: &'a Manifest) -> CheckedObject<'a> {
    CheckedObject {
        file,
        text: TEXT,
        origin: TextOrigin::File,
        object,
        name: (&*object.scope.name).into(),
        outcome: AdmissionOutcome::Admitted,
        message: VerdictText::from_findings(&findings),
        findings,
        patch: Vec::new(),
        stored: None,
        migration: Vec::new(),
    }
}

/// Compares an output with a file; `BLESS=1` writes the file.
fn assert_file(output: &str, file: &str, expected: &str) {
    if std::env::var_os("BLESS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata").join(file);
        std::fs::write(path, output).expect("written");
    } else {
        assert_eq!(output, expected);
    }
}

#[test]
fn json_has_every_object_with_its_place() {
    let objects = objects();
    let output: Value = serde_json::from_str(&json(&report(&objects))).expect("JSON");
    assert_eq!(
        output["summary"],
        json!({"objects": 2, "skipped": 3, "denied": 1, "warned": 1, "patched": 1, "passedOver": 4})
    );
    assert_eq!(
        output["results"][1]["object"],
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "namespace": "shop", "name": "web"})
    );
    assert_eq!((&output["results"][0]["line"], &output["results"][1]["line"]), (&json!(2), &json!(11)));
    assert_eq!(output["errors"][0]["column"], 4);
    let finding = &output["results"][0]["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["severity"], &finding["line"]),
        (&json!("shared-export"), &json!("deny"), &json!(9))
    );
    assert_eq!(finding["fixes"][0]["patch"][0]["path"], "/spec/nfs/readOnly");
    assert_eq!(output["results"][0]["message"], output["results"][0]["causes"][0]["message"]);
}

#[test]
fn text_shows_the_lines_the_facts_and_the_remedies() {
    let objects = objects();
    let output = text(&report(&objects), ReportStyle::default());
    assert_file(&output, "report.txt", include_str!("testdata/report.txt"));
}

#[test]
fn what_would_be_denied_is_a_warning_with_a_flag() {
    let objects = objects();
    let put_off = Finding { would_deny: true, ..finding("a-rule", Severity::Warn, "", "a fact", "A remedy") };
    let report = CheckReport {
        objects: vec![with_findings(vec![put_off], "v.yaml", &objects[0])],
        ..CheckReport::default()
    };
    let output = text(&report, ReportStyle::default());
    let note = "= help: A remedy\n  = note: would be denied if the policy enforced its rules, as with `mode: Enforce`\n";
    assert!(output.starts_with("warning: a fact [a-rule]\n") && output.contains(note), "{output}");
    let document: Value = serde_json::from_str(&json(&report)).expect("JSON");
    let finding = &document["results"][0]["findings"][0];
    assert_eq!((&finding["severity"], &finding["wouldDeny"]), (&json!("warn"), &json!(true)));
    let log: Value = serde_json::from_str(&sarif(&report)).expect("JSON");
    assert_eq!(log["runs"][0]["results"][0]["properties"], json!({"wouldDeny": true}));
}

#[test]
fn a_line_that_is_too_long_is_named_and_not_shown() {
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "x": "é".repeat(5000)});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [set, set]}).to_string();
    let objects: Vec<Manifest> = ordinance_manifests::read(&list, "shop").into_iter().flatten().collect();
    let careful = || vec![finding("a-rule", Severity::Warn, "", "careful", "Take care")];
    let warned = |object| CheckedObject {
        text: &list,
        patch: vec![json!({"op": "add", "path": "/spec", "value": {"a": 1}})],
        ..with_findings(careful(), "l.json", object)
    };
    let error =
        ReadError { file: "l.json", text: &list, line: 1, column: 7000, message: "a fault".to_owned() };
    let report = CheckReport {
        objects: objects.iter().map(warned).collect(),
        errors: vec![error],
        ..CheckReport::default()
    };
    let output = text(&report, ReportStyle::default());
    assert!(output.starts_with("error: a fault\n--> l.json:1:7000\n\n"), "{output}");
    let named =
        "warning: careful [a-rule]\n--> l.json:1:86\n = note: StatefulSet shop/web\n = help: Take care\n";
    assert!(output.contains(named), "{output}");
    assert!(output.contains("\n = /spec: {\"a\":1}\n"), "{output}");
    assert!(output.len() < 2000, "{}", output.len());
}

#[test]
fn quiet_text_has_only_denials_and_verbose_text_also_objects_without_findings() {
    let objects = objects();
    let quiet =
        text(&report(&objects), ReportStyle { verbosity: Verbosity::Quiet, ..ReportStyle::default() });
    assert!(!quiet.contains("warning") && !quiet.contains("judged") && quiet.contains("error: "), "{quiet}");
    let fine = CheckReport { objects: vec![fine("v.yaml", &objects[1])], ..CheckReport::default() };
    let verbose = text(&fine, ReportStyle { verbosity: Verbosity::Verbose, ..ReportStyle::default() });
    assert_eq!(verbose, "ok: StatefulSet shop/web (v.yaml:11)\n\n1 object judged, nothing denied\n");
}

#[test]
fn notes_are_counted_after_the_summary_and_named_if_verbose() {
    let objects = objects();
    let noted =
        |fact| with_findings(vec![finding("a-rule", Severity::Note, "", fact, "")], "v.yaml", &objects[0]);
    let report = CheckReport {
        objects: vec![noted("one"), noted("PersistentVolume two")],
        rules: vec![rule("a-rule", Severity::Note)],
        ..CheckReport::default()
    };
    let title = &report.rules[0].title;
    let output = text(&report, ReportStyle::default());
    let line = format!("nothing denied\nnote: 2 x {title} [a-rule] (-v names them)\n");
    assert!(output.ends_with(&line), "{output}");
    let object = report.objects[0].title();
    let named = format!("note: 2 x {title} [a-rule]:\n  {object}: one\n  PersistentVolume two\n");
    assert_eq!(report.notes(true), named);
    let verbose = text(&report, ReportStyle { verbosity: Verbosity::Verbose, ..ReportStyle::default() });
    assert!(verbose.contains("note: one [a-rule]") && verbose.ends_with("nothing denied\n"), "{verbose}");
}

#[test]
fn objects_without_a_verdict_are_not_counted_as_denied() {
    let objects = objects();
    let failed = CheckedObject { outcome: AdmissionOutcome::Failed, ..fine("v.yaml", &objects[0]) };
    let report = CheckReport { objects: vec![failed, fine("v.yaml", &objects[1])], ..CheckReport::default() };
    let output = text(&report, ReportStyle::default());
    assert!(output.ends_with("\n2 objects judged, 1 without a verdict\n"), "{output}");
}

#[test]
fn colours_are_written_on_request() {
    let objects = objects();
    let coloured = text(&report(&objects), ReportStyle { is_coloured: true, ..ReportStyle::default() });
    assert!(
        coloured.contains("\u{1b}[") && !text(&report(&objects), ReportStyle::default()).contains('\u{1b}')
    );
}

#[test]
fn sarif_conforms_to_its_schema() {
    let objects = objects();
    let log: Value = serde_json::from_str(&sarif(&report(&objects))).expect("JSON");
    // The schema has an unescaped bracket in a pattern, which ECMAScript accepts and the validator does not.
    let schema = include_str!("testdata/sarif-schema-2.1.0.json").replace("{2}]?$", "{2}$");
    let schema: Value = serde_json::from_str(&schema).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0], "{log:#}");
    assert!(!validator.is_valid(&json!({"version": "2.1.0", "runs": [{}]})));
}

#[test]
fn sarif_points_at_fields_and_names_rules() {
    let objects = objects();
    let log: Value = serde_json::from_str(&sarif(&report(&objects))).expect("JSON");
    let run = &log["runs"][0];
    let denied = &run["results"][1];
    assert_eq!(denied["ruleId"], "shared-export");
    let rule = &run["tool"]["driver"]["rules"][denied["ruleIndex"].as_u64().expect("a position") as usize];
    assert_eq!(rule["id"], denied["ruleId"]);
    assert_eq!(rule["help"]["markdown"], "An **explanation**.");
    assert_eq!(rule["helpUri"], "https://example.com/rules.md#shared-export");
    let place = &denied["locations"][0]["physicalLocation"];
    assert_eq!(place["region"], json!({"startLine": 9, "startColumn": 5, "endLine": 9, "endColumn": 19}));
    assert_eq!(place["artifactLocation"], json!({"uri": "v.yaml", "uriBaseId": "%SRCROOT%"}));
    let fix = &denied["fixes"][0];
    assert_eq!(fix["description"]["text"], "Move it");
    let replacement = &fix["artifactChanges"][0]["replacements"][0];
    assert_eq!(replacement["insertedContent"]["text"], "    readOnly: true\n");
    assert_eq!(replacement["deletedRegion"]["startLine"], 10);
    let strange = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(strange, "b%20%3C%26%3E%1B.yaml");
}

#[test]
fn fingerprints_stay_while_lines_move_and_differ_between_results() {
    let fingerprints = |text: &str| -> Vec<Value> {
        let moved: Vec<Manifest> = ordinance_manifests::read(text, "default").into_iter().flatten().collect();
        let mut report = report(&moved);
        report.objects.iter_mut().for_each(|object| object.text = "");
        let log: Value = serde_json::from_str(&sarif(&report)).expect("JSON");
        let results = log["runs"][0]["results"].as_array().expect("results").clone();
        results.into_iter().map(|result| result["partialFingerprints"].clone()).collect()
    };
    let first = fingerprints(TEXT);
    assert_eq!(first, fingerprints(&format!("# more\n\n{TEXT}")));
    assert!(first[0] != first[1] && first[1] != first[2]);
}

#[test]
fn junit_has_a_suite_for_each_file_and_a_case_for_each_object() {
    let objects = objects();
    let output = junit(&report(&objects));
    assert_file(&output, "report.xml", include_str!("testdata/report.xml"));
}

#[test]
fn foreign_text_moves_no_cursor_and_gives_no_command() {
    assert_eq!(printable("a\u{1b}[31m\n\u{202e}b\u{2028}"), "a\u{fffd}[31m\u{fffd}\u{fffd}b\u{fffd}");
    for (text, shown) in [
        ("::error::x", ":\u{fffd}:error::x"),
        ("  ::set-output name=a::b", "  :\u{fffd}:set-output name=a::b"),
        ("a::b", "a::b"),
        ("a ##[error]b", "a ##\u{fffd}[error]b"),
    ] {
        assert_eq!(printable(text), shown);
    }
    assert_eq!(plain_lines("a\u{1b}b\n::warning::c"), "a\u{fffd}b\n:\u{fffd}:warning::c");
}

#[test]
fn plain_json_has_the_same_values() {
    let value = serde_json::json!({"a\u{202e}": ["\u{9b}\u{2028}\u{e0001}\u{feff}", "##[error]", "::x\n"]});
    let plain = plain_json(serde_json::to_string_pretty(&value).expect("JSON"));
    assert!(
        !plain.contains(|c: char| ordinance_contract::acts(c) && c != '\n') && !plain.contains("##["),
        "{plain}"
    );
    assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).expect("JSON"), value);
}
