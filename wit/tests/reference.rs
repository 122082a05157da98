//! `docs/authors/contract.md` is what this test makes of the contract. `BLESS=1` writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use wit_bindgen_core::wit_parser::{Docs, Function, Interface, Resolve, Type, TypeDef, TypeDefKind};

const INTRODUCTION: &str = "# The contract

<!-- Generated from wit/policy.wit by `BLESS=1 cargo test -p ordinance-contract --test reference`. -->

";

#[test]
fn the_reference_is_that_of_the_contract() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authors/contract.md");
    let generated = reference();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &generated).expect("the page is written");
    }
    let committed = fs::read_to_string(&path).expect("the page is read");
    assert!(committed == generated, "{} is stale: run this test with BLESS=1", path.display());
}

fn reference() -> String {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", ordinance_contract::WIT).expect("the contract parses");
    let (_, &interface) = resolve.packages[package].interfaces.first().expect("an interface");
    let interface = &resolve.interfaces[interface];
    let mut page = INTRODUCTION.to_owned();
    let name = interface.name.as_deref().unwrap_or_default();
    let (package, version) = (ordinance_contract::PACKAGE, ordinance_contract::VERSION);
    write_text(
        &mut page,
        &format!(
            "A policy is a component that exports the interface `{package}/{name}@{version}` and imports nothing."
        ),
    );
    write_docs(&mut page, &interface.docs);
    write_text(&mut page, "[policies.md](../policies.md) explains how the parts work together.");
    Writer { resolve: &resolve, page }.write(interface)
}

/// Writes the sections of the page.
struct Writer<'r> {
    resolve: &'r Resolve,
    page: String,
}

// === impl Writer ===

impl Writer<'_> {
    fn write(mut self, interface: &Interface) -> String {
        self.page.push_str("## Functions\n\n");
        interface.functions.values().for_each(|function| self.write_function(function));
        self.page.push_str("## Types\n\n");
        for id in interface.types.values() {
            self.write_type(&self.resolve.types[*id]);
        }
        self.page.trim_end().to_owned() + "\n"
    }

    fn write_function(&mut self, function: &Function) {
        let parameters: Vec<String> = function
            .params
            .iter()
            .map(|parameter| format!("{}: {}", parameter.name, self.type_name(&parameter.ty)))
            .collect();
        let result = function.result.map_or_else(|| "nothing".to_owned(), |result| self.type_name(&result));
        let _ = write!(self.page, "### `{}`\n\n", function.name);
        write_text(&mut self.page, &format!("`{}({}) -> {result}`", function.name, parameters.join(", ")));
        write_docs(&mut self.page, &function.docs);
    }

    fn write_type(&mut self, definition: &TypeDef) {
        let _ = write!(self.page, "### `{}`\n\n", definition.name.as_deref().unwrap_or_default());
        write_docs(&mut self.page, &definition.docs);
        let rows: Vec<[String; 3]> = match &definition.kind {
            TypeDefKind::Record(record) => record
                .fields
                .iter()
                .map(|field| [field.name.clone(), self.type_name(&field.ty), inline(&field.docs)])
                .collect(),
            TypeDefKind::Enum(cases) => cases
                .cases
                .iter()
                .map(|case| [case.name.clone(), String::new(), inline(&case.docs)])
                .collect(),
            TypeDefKind::Variant(variant) => variant
                .cases
                .iter()
                .map(|case| {
                    let payload = case.ty.map_or_else(String::new, |ty| self.type_name(&ty));
                    [case.name.clone(), payload, inline(&case.docs)]
                })
                .collect(),
            other => panic!("the reference has no form for {other:?}"),
        };
        let is_enum = rows.iter().all(|[_, ty, _]| ty.is_empty());
        self.page.push_str(if is_enum {
            "| case | meaning |\n|---|---|\n"
        } else {
            "| name | type | meaning |\n|---|---|---|\n"
        });
        for [name, ty, meaning] in rows {
            let _ = if is_enum {
                writeln!(self.page, "| `{name}` | {meaning} |")
            } else {
                writeln!(self.page, "| `{name}` | `{ty}` | {meaning} |")
            };
        }
        self.page.push('\n');
    }

    /// Returns a type as the contract writes it.
    fn type_name(&self, ty: &Type) -> String {
        let Type::Id(id) = ty else { return format!("{ty:?}").to_ascii_lowercase() };
        let definition = &self.resolve.types[*id];
        if let Some(name) = &definition.name {
            return name.clone();
        }
        let optional =
            |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), |ty| self.type_name(ty));
        match &definition.kind {
            TypeDefKind::List(element) => format!("list<{}>", self.type_name(element)),
            TypeDefKind::Option(value) => format!("option<{}>", self.type_name(value)),
            TypeDefKind::Result(result) => {
                format!("result<{}, {}>", optional(&result.ok), optional(&result.err))
            }
            other => panic!("the reference has no form for {other:?}"),
        }
    }
}

fn write_docs(page: &mut String, docs: &Docs) {
    if let Some(text) = &docs.contents {
        write_text(page, text.trim());
    }
}

fn write_text(page: &mut String, text: &str) {
    let _ = write!(page, "{text}\n\n");
}

/// Returns documentation for a cell of a table.
fn inline(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
