//! What `deploy/` says, read as the API server reads it.
//!
//! [`objects`] are the objects of a manifest, [`check`] holds one against its Kubernetes type, and [`Webhook`] says which
//! requests the API server would send.

mod typed;
mod webhook;

pub use typed::check;
pub use webhook::{FailurePolicy, Webhook};

use ordinance_manifests::{Manifest, read};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The folder `deploy` of this checkout.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy")
}

/// The objects of `deploy/ordinance.yaml`.
///
/// # Errors
///
/// If it can't be read.
pub fn manifest() -> Result<Vec<Value>, String> {
    let path = folder().join("ordinance.yaml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    objects(&text)
}

/// The objects of a text.
///
/// # Errors
///
/// The first that can't be read.
pub fn objects(text: &str) -> Result<Vec<Value>, String> {
    let object = |object: Manifest| serde_json::from_str(&object.json);
    read(text, "default")
        .into_iter()
        .map(|read| object(read.map_err(|error| error.to_string())?).map_err(|error| error.to_string()))
        .collect()
}

/// The only object of a kind.
///
/// # Errors
///
/// If there is none, or more than one.
pub fn only<'a>(objects: &'a [Value], kind: &str) -> Result<&'a Value, String> {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    match (found.next(), found.next()) {
        (Some(object), None) => Ok(object),
        (None, _) => Err(format!("there is no {kind}")),
        (Some(_), Some(_)) => Err(format!("there is more than one {kind}")),
    }
}
