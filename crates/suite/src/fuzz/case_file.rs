//! Writes a failing case into a file.

use crate::fuzz::FuzzFailure;
use ordinance_case::{Case, to_text};
use serde_json::{Map, Value, json};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The most files of failures in one folder.
const FILES: usize = 1_000;

/// Writes the case of a failure into a new file in a folder, and returns the file.
///
/// # Errors
///
/// The file can't be written.
pub fn write_case(folder: &Path, failure: &FuzzFailure) -> std::io::Result<PathBuf> {
    let text = text(failure);
    for number in 1..=FILES {
        let path = folder.join(format!("fuzz-{number}.yaml"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => return file.write_all(text.as_bytes()).map(|()| path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::other(format!("there are {FILES} files fuzz-N.yaml already; solve or remove them")))
}

/// Returns the text of the case: all members of the request are written, since the object may not tell them any more.
fn text(failure: &FuzzFailure) -> String {
    let Case { settings, state, request, phases, .. } = &failure.case;
    let parsed = |json: &str| serde_json::from_str::<Value>(json).unwrap_or_default();
    let scope = &request.scope;
    let group = if scope.group.is_empty() { String::new() } else { format!("{}/", scope.group) };
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    add("operation", request.operation.word().into());
    add("phases", phases.iter().map(|phase| phase.word()).collect());
    add("resource", format!("{group}{}/{}", scope.version, scope.resource).into());
    add("kind", (&*request.kind).into());
    add("name", (&*scope.name).into());
    add("namespace", (&*scope.namespace).into());
    if !scope.subresource.is_empty() {
        add("subresource", (&*scope.subresource).into());
    }
    if request.dry_run {
        add("dryRun", true.into());
    }
    for (name, value) in [("object", &request.object), ("oldObject", &request.old_object)] {
        if let Some(value) = value {
            add(name, parsed(value));
        }
    }
    if !request.user_info.is_empty() {
        add("userInfo", parsed(&request.user_info));
    }
    let why = format!("--fuzz: {}: {}", failure.problem.found_by.word(), failure.problem.message);
    let mut text = to_text(&json!({ "why": why }));
    if !settings.is_empty() {
        text += &to_text(&json!({ "settings": parsed(settings) }));
    }
    if !state.is_empty() {
        let state: Vec<Value> = state.iter().map(|object| parsed(&object.json)).collect();
        text += &to_text(&json!({ "state": state }));
    }
    text + &to_text(&json!({ "request": members }))
}
