//! The manifests of the story, and its map.

use super::show;
use crate::checkout;
use crate::drawing;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;

/// Shows which ordinal writes where, before and after.
pub fn map(chapter: u8, ordinance: &Path) -> Result<()> {
    show::chapter(chapter, "The map: which ordinal writes where, as the mistake stands and with Ordinance");
    let status = drawing::map(ordinance).status().context("can't start ordinance map")?;
    match status.code() {
        Some(0 | 1) => Ok(()),
        _ => bail!("ordinance map failed: {status}"),
    }
}

/// Reads a manifest of the story.
pub fn manifest(file: &str) -> Result<Value> {
    let text = std::fs::read_to_string(checkout::root().join(checkout::STORY).join(file))?;
    Ok(serde_saphyr::from_str(&text)?)
}
