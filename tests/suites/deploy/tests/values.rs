//! The chart's values: all are documented, covered by the schema, and equal to the policy's defaults.

use ordinance_deploy::folder;
use serde_json::{Map, Value};
use std::fs;

/// The mode that `docs/operations.md` begins with.
const FIRST_MODE: &str = "Warn";

fn file(path: &str) -> String {
    let path = folder().join("chart/ordinance").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&file(path)).expect("it is YAML")
}

fn schema() -> Value {
    serde_json::from_str(&file("values.schema.json")).expect("the schema is JSON")
}

fn settings_schema() -> Value {
    serde_json::from_str(&ordinance_policy::describe().settings_schema).expect("the schema is JSON")
}

/// Collects every value with its path. Empty maps count as values. Webhooks all have the same fields, so only their
/// timeout is collected.
fn paths(values: &Value, prefix: &str, found: &mut Vec<(String, Value)>) {
    for (name, value) in values.as_object().unwrap_or(&Map::new()) {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(below) if below.contains_key("failurePolicy") => {
                found.push((path, serde_json::json!({"timeoutSeconds": value["timeoutSeconds"]})));
            }
            Value::Object(below) if !below.is_empty() => paths(value, &path, found),
            _ => found.push((path, value.clone())),
        }
    }
}

fn defaults() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    paths(&yaml("values.yaml"), "", &mut found);
    found
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart = yaml("Chart.yaml");
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
}

#[test]
fn the_defaults_and_all_sets_of_values_match_the_schema() {
    let schema = schema();
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is one");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    validator.validate(&yaml("values.yaml")).expect("the defaults fit");
    for entry in fs::read_dir(folder().join("chart/ordinance/ci")).expect("the folder can be read") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let mut values = yaml(&format!("ci/{name}"));
        // Helm removes a default whose value is null.
        if let Some(context) = values.get_mut("podSecurityContext").and_then(Value::as_object_mut) {
            context.retain(|_, value| !value.is_null());
        }
        validator.validate(&values).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn an_unknown_value_is_refused() {
    let validator = jsonschema::validator_for(&schema()).expect("the schema is one");
    for values in [
        r#"{"replica": 3}"#,
        r#"{"policy": {"mode": "Off"}}"#,
        r#"{"policy": {"exports": {"same": "Deny"}}}"#,
    ] {
        assert!(!validator.is_valid(&serde_json::from_str(values).expect("JSON")), "{values}");
    }
}

#[test]
fn the_schema_has_the_settings_of_the_policy() {
    let (ours, mut theirs) = (schema(), settings_schema());
    let mode = &mut theirs["properties"]["mode"];
    mode["default"] = FIRST_MODE.into();
    let description = mode["description"].as_str().unwrap_or_default();
    mode["description"] =
        description.replace("By default `Enforce`", "By default `Warn`, with which a rollout begins").into();
    assert_eq!(ours["properties"]["policy"]["properties"], theirs["properties"]);
    assert_eq!(ours["properties"]["policy"]["additionalProperties"], false);
    for (name, definition) in theirs["$defs"].as_object().expect("definitions") {
        assert_eq!(ours["$defs"][name], *definition, "{name}");
    }
}

#[test]
fn the_default_settings_are_those_of_the_policy_but_for_the_mode() {
    let properties = settings_schema()["properties"].clone();
    let defaults: Map<String, Value> = properties
        .as_object()
        .expect("properties")
        .iter()
        .map(|(name, property)| (name.clone(), property["default"].clone()))
        .chain([("mode".to_owned(), FIRST_MODE.into())])
        .collect();
    assert_eq!(yaml("values.yaml")["policy"], Value::Object(defaults));
}

#[test]
fn the_readme_lists_every_value_with_its_default() {
    let readme = file("README.md");
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    assert_eq!(rows.iter().find(|row| row.get(2).is_none_or(|text| text.is_empty())), None);
    let mut written: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row[0].to_owned(), row.get(1).copied().unwrap_or_default().to_owned()))
        .collect();
    let mut expected: Vec<(String, String)> =
        defaults().into_iter().map(|(path, value)| (path, value.to_string())).collect();
    written.sort();
    expected.sort();
    assert_eq!(written, expected);
}
