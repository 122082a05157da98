//! The check of settings, which reports every problem with its field and its remedy.
//!
//! The structure is compared with the published schema, of which this module implements the few keywords that it
//! uses. Names, addresses and paths, which a schema cannot describe, are checked on the parsed settings.

use crate::catalogue::{DriverSetting, repeated_names};
use crate::export::{ServerPath, StorageServer, is_ipv6, normalised_server};
use crate::settings::{Exports, SCHEMA, Settings};
use ordinance_contract::Problem;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Checks settings, and returns them as reviews read them fastest; an empty text means the defaults.
///
/// # Errors
///
/// Every setting that is unknown or has an invalid value.
pub(crate) fn check(text: &str) -> Result<String, Vec<Problem>> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| document_problem(format!("is not JSON: {error}")))?;
    let mut problems = Problems::default();
    check_structure(&value, &mut problems)?;
    problems.fail_if_any()?;
    let settings = Settings::parse(text).map_err(|error| document_problem(error.to_string()))?;
    problems.shared_drivers(&settings.isolation.shared_csi_drivers.names());
    problems.exports(&settings.exports);
    problems.rows(&value);
    let rows = settings.drivers.as_text().len();
    if rows > DRIVERS_BYTES {
        problems.add(
            "drivers",
            format!("has {rows} bytes, and at most {DRIVERS_BYTES} are allowed: every review gets them"),
        );
    }
    problems.fail_if_any()?;
    Ok(settings.prepared())
}

/// The longest rows of `drivers`, in bytes, without the names of their fields.
const DRIVERS_BYTES: usize = 128 * 1024;

/// The number of problems that are reported one by one.
const MAX_PROBLEMS: usize = 50;

/// Returns a problem of the whole document.
fn document_problem(message: String) -> Vec<Problem> {
    vec![Problem { field: String::new(), message }]
}

/// The message about a text that names no server.
const NO_SERVER: &str = "is not a server: give a name or an address, without port and path";

/// Returns whether a normalised name can be that of a server. Outside of an IPv6 address, a colon would begin a port.
fn is_server(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(|c: char| c == '/' || c.is_whitespace())
        && (is_ipv6(name) || !name.contains(':'))
}

/// The problems so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

// === impl Problems ===

impl Problems {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { field: field.into(), message: message.into() });
    }

    /// Returns the problems as an error if there are any.
    fn fail_if_any(&mut self) -> Result<(), Vec<Problem>> {
        let mut problems = std::mem::take(&mut self.0);
        if let Some(more) = problems.len().checked_sub(MAX_PROBLEMS).filter(|more| *more > 0) {
            problems.truncate(MAX_PROBLEMS);
            problems.push(Problem {
                field: String::new(),
                message: format!("{more} more settings cannot be used"),
            });
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn shared_drivers(&mut self, drivers: &[&str]) {
        for (index, driver) in drivers.iter().enumerate() {
            if driver.trim().is_empty() {
                self.add(
                    format!("isolation.sharedCsiDrivers[{index}]"),
                    "is empty: name a driver, e.g. nfs.csi.k8s.io",
                );
            }
        }
    }

    /// Checks the rows of `drivers` one by one, and that no driver has two.
    fn rows(&mut self, settings: &Value) {
        let Some(rows) = settings.get("drivers") else { return };
        let rows: Vec<DriverSetting> = serde_json::from_value(rows.clone()).unwrap_or_default();
        let own = rows
            .iter()
            .enumerate()
            .flat_map(|(row, setting)| setting.problems().into_iter().map(move |problem| (row, problem)));
        for (row, problem) in own.chain(repeated_names(&rows)) {
            let separator = if problem.field.is_empty() { "" } else { "." };
            self.add(format!("drivers[{row}]{separator}{}", problem.field), problem.message);
        }
    }

    fn exports(&mut self, exports: &Exports) {
        self.aliases(exports);
        self.pseudo_roots(exports);
        self.paths("exports.provisionerRoots", &exports.provisioner_roots, exports);
        self.paths("exports.shared", &exports.shared, exports);
    }

    /// Checks that a name stands for one server: as its canonical name or as an alias.
    fn aliases(&mut self, exports: &Exports) {
        let mut servers: BTreeMap<String, &str> = BTreeMap::new();
        for canonical in exports.server_aliases.keys() {
            let field = format!("exports.serverAliases.{canonical}");
            match normalised_server(canonical) {
                name if !is_server(&name) => self.add(field, NO_SERVER),
                name => {
                    if let Some(other) = servers.insert(name, canonical) {
                        self.add(
                            field,
                            format!("is the same server as {other:?}: put all names under one of them"),
                        );
                    }
                }
            }
        }
        for (canonical, aliases) in &exports.server_aliases {
            for (index, alias) in aliases.iter().enumerate() {
                self.alias(canonical, index, alias, &mut servers);
            }
        }
    }

    fn alias<'a>(
        &mut self,
        canonical: &'a str,
        index: usize,
        alias: &str,
        servers: &mut BTreeMap<String, &'a str>,
    ) {
        let field = || format!("exports.serverAliases.{canonical}[{index}]");
        let name = normalised_server(alias);
        if !is_server(&name) {
            self.add(field(), format!("{alias:?} {NO_SERVER}"));
            return;
        }
        match servers.get(&name) {
            Some(other) if *other != canonical => {
                self.add(
                    field(),
                    format!("{alias:?} already stands for {other:?}: a name stands for one server"),
                );
            }
            Some(_) => {}
            None => drop(servers.insert(name, canonical)),
        }
    }

    fn pseudo_roots(&mut self, exports: &Exports) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (server, root) in &exports.pseudo_roots {
            let field = format!("exports.pseudoRoots.{server}");
            if !root.starts_with('/') {
                self.add(
                    &*field,
                    format!("{root:?} is not absolute: write the path on the server, e.g. /srv"),
                );
            }
            match StorageServer::resolve(server, exports) {
                Some(resolved) if !is_server(resolved.name()) => self.add(field, NO_SERVER),
                None => self.add(field, NO_SERVER),
                Some(resolved) => {
                    if let Some(other) = seen.insert(resolved.name().to_owned(), server) {
                        self.add(
                            field,
                            format!("is the same server as {other:?}, and a server has one pseudo-root"),
                        );
                    }
                }
            }
        }
    }

    fn paths(&mut self, field: &str, paths: &[String], exports: &Exports) {
        for (index, path) in paths.iter().enumerate() {
            let parsed = ServerPath::parse(path, exports).filter(|path| is_server(path.server()));
            if path.contains("://") || parsed.is_none() {
                self.add(
                    format!("{field}[{index}]"),
                    format!(
                        "{path:?} is not server:path: write a server, a colon and an absolute path, e.g. \
                         nas.example.com:/srv"
                    ),
                );
            }
        }
    }
}

/// Compares settings with the published schema.
fn check_structure(settings: &Value, problems: &mut Problems) -> Result<(), Vec<Problem>> {
    let root: Value =
        serde_json::from_str(SCHEMA).map_err(|error| document_problem(format!("schema: {error}")))?;
    Schema { root: &root }.compare("", settings, &root, problems);
    Ok(())
}

/// The published schema.
struct Schema<'a> {
    root: &'a Value,
}

// === impl Shape ===

impl<'a> Schema<'a> {
    fn compare(&self, field: &str, value: &Value, schema: &'a Value, problems: &mut Problems) {
        let schema = self.resolved(schema);
        if let Some(allowed) = allowed(schema) {
            if !value.as_str().is_some_and(|value| allowed.contains(&value)) {
                problems
                    .add(field, format!("{} is not allowed: one of {}", shown(value), allowed.join(", ")));
            }
            return;
        }
        match (schema.get("type").and_then(Value::as_str), value) {
            (Some("object"), Value::Object(members)) => self.members(field, members, schema, problems),
            (Some("array"), Value::Array(elements)) => self.elements(field, elements, schema, problems),
            (Some("string"), Value::String(_)) | (Some("boolean"), Value::Bool(_)) | (None, _) => {}
            (Some(expected), _) => problems.add(
                field,
                format!("{} is not allowed: {}; omit it for the default", shown(value), type_hint(expected)),
            ),
        }
    }

    fn members(&self, field: &str, members: &Map<String, Value>, schema: &'a Value, problems: &mut Problems) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (name, value) in members {
            let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
            let known = properties.and_then(|properties| properties.get(name));
            match known.or(others.filter(|others| others.is_object())) {
                Some(schema) => self.compare(&field, value, schema, problems),
                None => {
                    problems.add(field, format!("is unknown: the known settings are {}", names(properties)))
                }
            }
        }
    }

    fn elements(&self, field: &str, elements: &[Value], schema: &'a Value, problems: &mut Problems) {
        let Some(items) = schema.get("items") else { return };
        for (index, element) in elements.iter().enumerate() {
            self.compare(&format!("{field}[{index}]"), element, items, problems);
        }
    }

    /// Returns the schema that a reference names, otherwise the schema itself.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.root.pointer(reference.trim_start_matches('#')))
            .unwrap_or(schema)
    }
}

/// Returns the allowed values if the schema is an enumeration.
fn allowed(schema: &Value) -> Option<Vec<&str>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().filter_map(Value::as_str).collect());
    }
    let choices = schema.get("oneOf")?.as_array()?;
    Some(choices.iter().filter_map(|choice| choice.get("const")?.as_str()).collect())
}

fn names(properties: Option<&Map<String, Value>>) -> String {
    let names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    names.join(", ")
}

fn type_hint(kind: &str) -> &str {
    match kind {
        "object" => "write an object",
        "array" => "write a list",
        "boolean" => "write true or false",
        _ => "write a string",
    }
}

/// Returns a value as messages show it, shortened.
fn shown(value: &Value) -> String {
    ordinance_contract::one_line(&value.to_string(), 60).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(settings: &str) -> Vec<(String, String)> {
        let problems = check(settings).err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    fn fields(settings: &str) -> Vec<String> {
        let mut fields: Vec<String> = problems(settings).into_iter().map(|(field, _)| field).collect();
        fields.sort_unstable();
        fields
    }

    fn one(field: &str, message: &str) -> Vec<(String, String)> {
        vec![(field.to_owned(), message.to_owned())]
    }

    #[test]
    fn the_defaults_are_valid() {
        for settings in ["", "{}", r#"{"exports":{}}"#] {
            assert_eq!(check(settings), Ok(String::new()));
        }
        let written = serde_json::to_string(&Settings::default()).expect("settings are JSON");
        assert_eq!(check(&written), Ok(String::new()));
    }

    #[test]
    fn an_unknown_field_is_reported_with_the_known_ones() {
        assert_eq!(
            problems(r#"{"isolation":{"grow":"Deny"}}"#),
            one(
                "isolation.grow",
                "is unknown: the known settings are claimTemplates, fixedSubPath, growth, namedVolumes, \
                 sharedCsiDrivers, singleReplica"
            )
        );
    }

    #[test]
    fn a_wrong_value_is_reported_with_the_allowed_ones() {
        assert_eq!(
            problems(r#"{"exports":{"nested":"deny"}}"#),
            one("exports.nested", "\"deny\" is not allowed: one of Warn, Deny, Allow")
        );
        assert_eq!(
            problems(r#"{"exports":{"shared":"nas:/srv"}}"#),
            one("exports.shared", "\"nas:/srv\" is not allowed: write a list; omit it for the default")
        );
        assert_eq!(
            problems(r#"{"isolation":null}"#),
            one("isolation", "null is not allowed: write an object; omit it for the default")
        );
    }

    #[test]
    fn every_problem_is_reported() {
        let settings =
            r#"{"mode":"Off","x":1,"exports":{"equal":1,"shared":[2],"serverAliases":{"nas":"n"}}}"#;
        assert_eq!(
            fields(settings),
            ["exports.equal", "exports.serverAliases.nas", "exports.shared[0]", "mode", "x"]
        );
    }

    #[test]
    fn a_name_stands_for_one_server() {
        for (settings, field) in [
            (r#"{"a":["nas"],"b":["NAS."]}"#, "exports.serverAliases.b[0]"),
            (r#"{"a":["b"],"b":[]}"#, "exports.serverAliases.a[0]"),
            (r#"{"A":[],"a.":[]}"#, "exports.serverAliases.a."),
            (r#"{"a":["10.0.0.5"],"b":["::ffff:10.0.0.5"]}"#, "exports.serverAliases.b[0]"),
            (r#"{"a":[" "]}"#, "exports.serverAliases.a[0]"),
            (r#"{"":[]}"#, "exports.serverAliases."),
            (r#"{"a":["nas/srv"]}"#, "exports.serverAliases.a[0]"),
            (r#"{"a b":[]}"#, "exports.serverAliases.a b"),
            (r#"{"a:2049":[]}"#, "exports.serverAliases.a:2049"),
            (r#"{"a":["[fd00::1]:2049"]}"#, "exports.serverAliases.a[0]"),
            (r#"{"a":["fe80::1%a/b"]}"#, "exports.serverAliases.a[0]"),
        ] {
            assert_eq!(
                fields(&format!(r#"{{"exports":{{"serverAliases":{settings}}}}}"#)),
                [field],
                "{settings}"
            );
        }
        assert!(check(r#"{"exports":{"serverAliases":{"a":["a","b","B"]}}}"#).is_ok());
    }

    #[test]
    fn a_pseudo_root_is_absolute_and_the_only_one_of_its_server() {
        let settings = r#"{"exports":{"serverAliases":{"a":["b"]},"pseudoRoots":{"a":"srv","b":"/srv"}}}"#;
        assert_eq!(fields(settings), ["exports.pseudoRoots.a", "exports.pseudoRoots.b"]);
    }

    #[test]
    fn paths_are_server_and_absolute_path() {
        for path in [
            "nas",
            "nas:srv",
            ":/srv",
            "",
            "nfs://nas/srv",
            "//nas/srv",
            "//nas:/srv",
            "my nas:/srv",
            "nas:2049:/srv",
        ] {
            let settings = serde_json::json!({"exports": {"provisionerRoots": [path], "shared": [path]}});
            assert_eq!(
                fields(&settings.to_string()),
                ["exports.provisionerRoots[0]", "exports.shared[0]"],
                "{path}"
            );
        }
        assert!(
            check(r#"{"exports":{"shared":["nas:/", "[fd00::1]:/srv", "fd00::1:/srv", "fs-1:/a"]}}"#).is_ok()
        );
    }

    #[test]
    fn a_row_is_reported_with_its_field() {
        for (rows, field) in [
            (r#"[{"names":["a"],"location":["nfs://{server"]}]"#, "drivers[0].location[0]"),
            (r#"[{"names":["a"],"locations":["nfs://{server}"]}]"#, "drivers[0].locations"),
            (
                r#"[{"names":["a"],"location":["nfs://{s}"],"class":{"pattern":[]}}]"#,
                "drivers[0].class.pattern",
            ),
            (r#"[{"names":["a"],"location":["nfs://{handle.b}"]}]"#, "drivers[0].location[0]"),
            (
                r#"[{"names":["a"],"location":["x://{s}"]},{"names":["a"],"location":["x://{s}"]}]"#,
                "drivers[1].names[0]",
            ),
            (r#"[{"names":["nfs.csi.k8s.io"],"location":["nfs://{server}"]}]"#, "drivers[0].names[0]"),
            (r#"[{"names":["a"],"location":["nfs://{s}"],"inline":"yes"}]"#, "drivers[0].inline"),
            (r#"[{"names":["a"],"location":["nfs://{s}\n"]}]"#, "drivers[0].location[0]"),
        ] {
            assert_eq!(fields(&format!(r#"{{"drivers":{rows}}}"#)), [field], "{rows}");
        }
    }

    #[test]
    fn text_that_is_not_json_is_reported() {
        assert_eq!(fields("mode: Warn"), [""]);
        assert_eq!(fields("[]"), [""]);
        assert_eq!(fields(r#"{"mode":"Warn","mode":"Warn"}"#), [""]);
    }
}
