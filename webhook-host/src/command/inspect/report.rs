//! The report of `ordinance inspect`, as text and as JSON.

use super::Inspection;
use ordinance_contract::{Description, PACKAGE, ReviewScope, VERSION, Watch, one_line};
use ordinance_engine::{Anatomy, BinaryKind, COMPONENT_BYTES, PREPARED_BYTES};
use ordinance_report::{printable, without_runner_commands};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The limits that apply to a policy, as in `limits` of the configuration.
const LIMITS: [&str; 7] =
    ["policyMemory", "policyTable", "policyStack", "policyTime", "policyOutput", "answerBytes", "holdings"];

/// The sections that the text lists one by one; the rest is added up.
const LISTED_SECTIONS: usize = 12;

/// The exports or imports that the text lists.
const LISTED_NAMES: usize = 20;

/// The characters of a setting's default that the text shows.
const DEFAULT_CHARS: usize = 40;

/// Text with headings and columns.
struct Page {
    text: String,
    is_coloured: bool,
}

/// Returns the report for people.
pub(super) fn text(inspection: &Inspection, is_coloured: bool) -> String {
    let mut page = Page { text: String::new(), is_coloured };
    let title = match &inspection.description {
        Ok(Description { name, version, .. }) => format!("{name} {version}"),
        Err(_) => inspection.name.clone(),
    };
    page.heading(&title);
    page.facts(inspection);
    if let Ok(description) = &inspection.description {
        page.description(description);
    }
    page.sections(inspection);
    page.limits(inspection);
    without_runner_commands(page.text)
}

/// Returns the report for scripts.
pub(super) fn json(inspection: &Inspection) -> Value {
    let Inspection { name, bytes, digest, anatomy, description, .. } = inspection;
    let policy = description.as_ref().ok();
    let sections = anatomy.sections.iter().map(|part| json!({"name": part.name, "bytes": part.bytes}));
    let producers = anatomy.producers.iter();
    let producers = producers
        .map(|producer| json!({"field": producer.field, "name": producer.name, "version": producer.version}));
    let limits = limits(inspection).map(|(name, value)| (name.to_owned(), value));
    json!({
        "file": name,
        "kind": kind_word(anatomy.kind),
        "usable": policy.is_some(),
        "refusal": description.as_ref().err().map(ToString::to_string),
        "digest": format!("sha256:{digest}"),
        "bytes": bytes,
        "contract": {"host": VERSION, "component": anatomy.contract_versions},
        "exports": anatomy.exports,
        "imports": anatomy.imports,
        "coreModules": anatomy.core_modules,
        "policy": policy.map(policy_json),
        "sections": sections.collect::<Vec<_>>(),
        "producers": producers.collect::<Vec<_>>(),
        "limits": limits.collect::<serde_json::Map<_, _>>(),
    })
}

fn policy_json(description: &Description) -> Value {
    let Description { name, version, watches, reviews, rules, settings_schema } = description;
    let schema: Value =
        serde_json::from_str(settings_schema).unwrap_or_else(|_| settings_schema.clone().into());
    json!({
        "name": name,
        "version": version,
        "watches": watches,
        "reviews": reviews,
        "rules": rules,
        "settingsSchema": schema,
    })
}

/// Returns the limits of the policy with their values in the notation of the configuration.
fn limits(inspection: &Inspection) -> impl Iterator<Item = (&'static str, Value)> {
    let all = serde_json::to_value(&inspection.limits).unwrap_or_default();
    LIMITS.into_iter().filter_map(move |name| Some((name, all.get(name)?.clone())))
}

const fn kind_word(kind: BinaryKind) -> &'static str {
    match kind {
        BinaryKind::Component => "component",
        BinaryKind::CoreModule => "core module",
        BinaryKind::EmbeddedModule => "core module with the types of a component",
        BinaryKind::Text => "WebAssembly text",
        BinaryKind::Compiled => "compiled code",
        BinaryKind::Other => "no WebAssembly",
    }
}

// === impl Page ===

impl Page {
    fn heading(&mut self, title: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let title = printable(title);
        let _ = match self.is_coloured {
            true => writeln!(self.text, "{gap}\x1b[1m{title}\x1b[0m"),
            false => writeln!(self.text, "{gap}{title}"),
        };
    }

    fn fact(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "  {name:<12}  {}", printable(value));
    }

    /// Adds lines of aligned cells.
    fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let _ = writeln!(self.text, "  {}", printable(line.trim_end()));
        }
    }

    fn facts(&mut self, inspection: &Inspection) {
        let Inspection { name, bytes, digest, anatomy, .. } = inspection;
        self.fact("file", name);
        self.fact("is", kind_word(anatomy.kind));
        self.fact("digest", &format!("sha256:{digest}"));
        self.fact("size", &size(*bytes));
        if matches!(anatomy.kind, BinaryKind::Component | BinaryKind::CoreModule | BinaryKind::EmbeddedModule)
        {
            self.fact("contract", &contract(anatomy));
            self.fact("exports", &names(&anatomy.exports));
            self.fact("imports", &names(&anatomy.imports));
            self.fact("core modules", &anatomy.core_modules.to_string());
        }
        if let Some(fault) = &anatomy.fault {
            self.fact("broken off", fault);
        }
        for producer in &anatomy.producers {
            self.fact(&producer.field, format!("{} {}", producer.name, producer.version).trim_end());
        }
    }

    fn description(&mut self, description: &Description) {
        self.heading("reviews");
        self.table(&description.reviews.iter().map(review_row).collect::<Vec<_>>());
        self.heading("watches");
        self.table(&description.watches.iter().map(watch_row).collect::<Vec<_>>());
        if description.watches.is_empty() {
            self.text.push_str("  nothing: the verdict depends on no other object\n");
        }
        self.heading("rules");
        let rows = description.rules.iter();
        let rows =
            rows.map(|rule| vec![rule.id.clone(), rule.severity.word().to_owned(), rule.title.clone()]);
        self.table(&rows.collect::<Vec<_>>());
        self.heading("settings");
        self.settings(&description.settings_schema);
    }

    /// Adds the settings at the top of the schema. `ordinance schema settings` prints the whole.
    fn settings(&mut self, schema: &str) {
        let schema: Value = match serde_json::from_str(schema) {
            Ok(schema) => schema,
            Err(error) => {
                let _ = writeln!(self.text, "  the schema is not JSON: {}", printable(&error.to_string()));
                return;
            }
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let rows = properties.into_iter().flatten().map(|(name, property)| setting_row(name, property));
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.is_empty() {
            self.text.push_str("  none\n");
        }
        self.table(&rows);
    }

    fn sections(&mut self, inspection: &Inspection) {
        let sections = &inspection.anatomy.sections;
        if sections.is_empty() {
            return;
        }
        self.heading("sections");
        let share =
            |bytes: usize| format!("{:>5.1} %", 100.0 * bytes as f64 / inspection.bytes.max(1) as f64);
        let row = |name: &str, bytes: usize| vec![format!("{bytes:>10}"), share(bytes), name.to_owned()];
        let (listed, others) = sections.split_at(sections.len().min(LISTED_SECTIONS));
        let mut rows: Vec<Vec<String>> = listed.iter().map(|part| row(&part.name, part.bytes)).collect();
        if !others.is_empty() {
            let name = format!("{} others", others.len());
            rows.push(row(&name, others.iter().map(|part| part.bytes).sum()));
        }
        self.table(&rows);
    }

    fn limits(&mut self, inspection: &Inspection) {
        self.heading("limits");
        let value = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let configured = limits(inspection).map(|(name, limit)| vec![format!("limits.{name}"), value(limit)]);
        let fixed = [
            vec!["size of a component".to_owned(), size(COMPONENT_BYTES)],
            vec!["prepared settings".to_owned(), size(PREPARED_BYTES)],
        ];
        self.table(&configured.chain(fixed).collect::<Vec<_>>());
    }
}

fn contract(anatomy: &Anatomy) -> String {
    match anatomy.contract_versions.as_slice() {
        [] => format!("none; this host needs {PACKAGE}@{VERSION}"),
        [version] if version == VERSION => format!("{PACKAGE}@{version}"),
        versions => format!("{PACKAGE}@{}; this host needs {VERSION}", versions.join(", @")),
    }
}

/// Returns names, and how many are left out.
fn names(names: &[String]) -> String {
    let (listed, others) = names.split_at(names.len().min(LISTED_NAMES));
    match (listed.is_empty(), others.len()) {
        (true, _) => "none".to_owned(),
        (false, 0) => listed.join(", "),
        (false, more) => format!("{}, and {more} more", listed.join(", ")),
    }
}

/// Returns a number of bytes in a unit that is easy to read, with the exact number.
fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.1} KiB ({bytes} bytes)", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB ({bytes} bytes)", bytes as f64 / 1_048_576.0),
    }
}

fn kind_name(group: &str, version: &str, resource: &str) -> String {
    format!("{resource} ({})", ordinance_contract::api_version(group, version))
}

fn review_row(scope: &ReviewScope) -> Vec<String> {
    let operations: Vec<&str> = scope.operations.iter().map(|operation| operation.word()).collect();
    let phases: Vec<&str> = scope.phases.iter().map(|phase| phase.word()).collect();
    let conditions = match scope.match_conditions.len() {
        0 => String::new(),
        1 => "1 match condition".to_owned(),
        many => format!("{many} match conditions"),
    };
    vec![
        kind_name(&scope.group, &scope.version, &scope.qualified_resource()),
        operations.join(", "),
        phases.join(", "),
        format!("failurePolicy {}", scope.failure_policy.word()),
        conditions,
    ]
}

fn watch_row(watch: &Watch) -> Vec<String> {
    let reads = if watch.metadata_only { "metadata only" } else { "whole objects" };
    vec![kind_name(&watch.group, &watch.version, &watch.resource), reads.to_owned()]
}

fn setting_row(name: &str, property: &Value) -> Vec<String> {
    let default = property
        .get("default")
        .map(|value| one_line(&format!("default {value}"), DEFAULT_CHARS).into_owned());
    let default = default.unwrap_or_default();
    let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = description.lines().next().unwrap_or_default().to_owned();
    vec![name.to_owned(), default, description]
}
