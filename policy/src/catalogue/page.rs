//! Writes `docs/storage.md` from the catalogue. `BLESS=1 cargo test -p ordinance-policy storage_page` writes the file.

use super::built_in::{GROUPS, UNKNOWN};
use super::{ClassRow, Driver, Texts, VOLUME_SCHEME};
use std::fmt::Write as _;
use std::{env, fs};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/storage.md");
const INTRODUCTION: &str = include_str!("introduction.md");

#[test]
#[expect(clippy::disallowed_methods, reason = "blessing writes the file; the policy itself does no I/O")]
fn the_storage_page_is_generated_from_the_catalogue() {
    let page = page();
    if env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(PAGE, page).expect("the page can be written");
    } else {
        let committed = fs::read_to_string(PAGE).expect("the page");
        assert!(committed == page, "run BLESS=1 cargo test -p ordinance-policy storage_page");
    }
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, rows) in GROUPS {
        let _ = write!(page, "\n## {title}\n");
        for row in rows {
            page.push_str(&section(row));
        }
    }
    page.push_str("\n## Not in the catalogue\n\n| driver | why |\n|---|---|\n");
    for (driver, reason) in UNKNOWN {
        let _ = writeln!(page, "| {driver} | {reason} |");
    }
    page
}

fn section(row: &Driver<'_>) -> String {
    let mut section = format!("\n### {}\n\n", row.title);
    let mut item = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(section, "* {name}: {value}");
        }
    };
    item("Names", listed(row.names));
    item("Place", location(row));
    item("Handle", handle(row));
    item(
        "More mount options",
        if row.options.is_empty() { String::new() } else { format!("attribute `{}`", row.options) },
    );
    item("Volumes", uses(row));
    item("StorageClass", class(&row.class));
    item("Limits", row.remark.to_owned());
    item("Source", sources(row.sources));
    section
}

fn listed(texts: Texts<'_>) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
    texts.join(", ")
}

fn location(row: &Driver<'_>) -> String {
    let templates: Vec<String> = row.location.iter().map(|template| format!("`{template}`")).collect();
    match templates.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        several => several.iter().map(|template| format!("\n  * {template}")).collect(),
    }
}

fn handle(row: &Driver<'_>) -> String {
    if row.location.iter().next().is_none() {
        return String::new();
    }
    let types = match listed(row.handle_types) {
        types if types.is_empty() => types,
        types => format!(", after a type ({types})"),
    };
    let whole = row.location.iter().any(|template| template.starts_with(VOLUME_SCHEME));
    match (row.handle, row.is_located_by_handle()) {
        ("", true) if whole => "identifies the volume; attributes do not matter".to_owned(),
        ("", true) => "says where the files are".to_owned(),
        ("", false) => "any text".to_owned(),
        (pattern, true) if row.handle_suffix.is_empty() => format!("`{pattern}`{types}"),
        (pattern, true) => format!("`{pattern}`{types}; any text may follow `{}`", row.handle_suffix),
        (pattern, false) => format!("any text; `{pattern}` of a provisioned volume"),
    }
}

fn uses(row: &Driver<'_>) -> String {
    let nodes = if row.shared { "several nodes can write at once" } else { "no two nodes write at once" };
    let inline = if row.inline { "; pods may name them inline, and share them" } else { "" };
    match row.location.iter().next() {
        Some(_) => format!("{nodes}{inline}"),
        None => String::new(),
    }
}

fn class(class: &ClassRow<'_>) -> String {
    let mut sentences = Vec::new();
    if class.directory.iter().next().is_some() {
        let variables = class.variables;
        let known = [variables.volume, variables.namespace, variables.claim];
        let known: Vec<String> = known
            .iter()
            .flat_map(|variable| variable.split('|'))
            .filter(|v| !v.is_empty())
            .map(|v| format!("`{v}`"))
            .collect();
        let only = if class.only_if.is_empty() { String::new() } else { format!(" if `{}`", class.only_if) };
        let known = if known.is_empty() { "no variables".to_owned() } else { known.join(", ") };
        sentences.push(format!("{} names the directory{only} ({known})", listed(class.directory)));
    }
    if class.shared_if.iter().next().is_some() {
        sentences.push(format!("claims share a directory if {}", listed(class.shared_if)));
    }
    if class.keeps_files_if.iter().next().is_some() {
        let always = class.keeps_files_if.iter().any(str::is_empty);
        let when = if always { "always".to_owned() } else { format!("if {}", listed(class.keeps_files_if)) };
        sentences.push(format!("the files of a deleted claim stay {when}"));
    }
    sentences.join("; ")
}

/// Returns links, each called by the file that it leads to.
fn sources(sources: Texts<'_>) -> String {
    let link = |source: &str| {
        let name = source.rsplit('/').next().unwrap_or(source);
        let name = name.split('#').next().unwrap_or(name);
        format!("[{name}]({source})")
    };
    let links: Vec<String> = sources.iter().map(link).collect();
    links.join(", ")
}
