//! Folders of the checkout.

use std::path::{Path, PathBuf};

/// The folder of the founding story's manifests, from the root of the checkout.
pub const STORY: &str = "deploy/examples/founding-story";

/// Returns the root of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}
