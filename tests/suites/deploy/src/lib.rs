//! Reads `deploy/` as the API server reads it.
//!
//! [`objects`] returns the objects of a manifest, [`check`] compares one with its Kubernetes type, and
//! [`InstalledWebhook`] decides which requests the API server would send.

mod typed;
mod webhook;

pub use typed::check;
pub use webhook::InstalledWebhook;

use ordinance_manifests::{Manifest, read};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The folder `deploy` of the checkout.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy")
}

/// The manifest that an installation begins with.
pub const FIRST_MANIFEST: &str = "ordinance.yaml";

/// The manifest with `mode: Enforce`.
pub const ENFORCING_MANIFEST: &str = "ordinance-enforce.yaml";

/// Returns the objects of a manifest in `deploy/`.
///
/// # Errors
///
/// Returns an error if the file can't be read or parsed.
pub fn manifest(file: &str) -> Result<Vec<Value>, String> {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    objects(&text)
}

/// Returns the objects of a text.
///
/// # Errors
///
/// Returns the first error of the parser.
pub fn objects(text: &str) -> Result<Vec<Value>, String> {
    let object = |object: Manifest| serde_json::from_str(&object.json);
    read(text, "default")
        .into_iter()
        .map(|read| object(read.map_err(|error| error.to_string())?).map_err(|error| error.to_string()))
        .collect()
}

/// Returns the only object of a kind.
///
/// # Errors
///
/// Returns an error if there is none, or more than one.
pub fn only<'a>(objects: &'a [Value], kind: &str) -> Result<&'a Value, String> {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    match (found.next(), found.next()) {
        (Some(object), None) => Ok(object),
        (None, _) => Err(format!("there is no {kind}")),
        (Some(_), Some(_)) => Err(format!("there is more than one {kind}")),
    }
}
