//! Which policies run, with which settings: components and settings read, not yet compiled.

use super::file::{ConfigFile, PolicyFile};
use super::layers::Layers;
use super::{Fault, read};
use crate::review::OnError;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The name, in layers, of the policy that flags choose: it has the name that it gives itself.
pub(super) const UNNAMED: &str = "";

/// More than any settings have.
const SETTINGS_BYTES: usize = 1024 * 1024;

/// A policy to be served.
#[derive(Clone, Debug)]
pub struct PolicyConfig {
    /// Its place in paths; none if it has the name that it gives itself.
    pub name: Option<String>,
    /// The component's file; none for the built-in policy.
    pub component: Option<PathBuf>,
    /// Where that stands, for whoever has to change it.
    pub component_place: String,
    /// The settings as JSON; empty for the defaults.
    pub settings: String,
    /// Where the settings stand, for whoever has to change them.
    pub settings_place: String,
    /// What becomes of a request on which there is no verdict.
    pub on_error: OnError,
}

/// Settings from a file of YAML or JSON, as JSON.
///
/// # Errors
///
/// If the file can't be read, or holds neither.
pub fn settings(path: &Path) -> Result<String, Fault> {
    let text = read::text(path, SETTINGS_BYTES)?;
    let settings: Value = read::yaml(path, &text)?;
    Ok(as_text(&settings))
}

/// No settings at all are the defaults.
fn as_text(settings: &Value) -> String {
    if settings.is_null() { String::new() } else { settings.to_string() }
}

// === impl PolicyConfig ===

impl PolicyConfig {
    /// The policy of a component, or the built-in one, with its defaults.
    pub fn of(component: Option<&Path>) -> Self {
        Self {
            name: None,
            component: component.map(Path::to_owned),
            component_place: "--policy".to_owned(),
            settings: String::new(),
            settings_place: "--settings".to_owned(),
            on_error: OnError::default(),
        }
    }

    /// All policies of a configuration; the built-in one if it names none.
    pub(super) fn all(config: &ConfigFile, layers: &Layers) -> Result<Vec<Self>, Fault> {
        if config.policies.is_empty() {
            return Ok(vec![Self { on_error: config.on_error, ..Self::of(None) }]);
        }
        let policies = config.policies.iter();
        policies.map(|(name, policy)| Self::read(name, policy, config.on_error, layers)).collect()
    }

    fn read(name: &str, policy: &PolicyFile, on_error: OnError, layers: &Layers) -> Result<Self, Fault> {
        let place = |field| layers.place(&["policies", name, field]);
        if name != UNNAMED && !is_label(name) {
            return Err(Fault::new(
                format_args!("policies.{name}"),
                "is no name for a path; use at most 63 of a-z, 0-9 and -",
            ));
        }
        let (settings, settings_place) = settings_of(policy, place)?;
        Ok(Self {
            name: (name != UNNAMED).then(|| name.to_owned()),
            component: policy.component.clone(),
            component_place: place("component"),
            settings,
            settings_place,
            on_error: policy.on_error.unwrap_or(on_error),
        })
    }
}

/// Settings as JSON, and where they stand.
fn settings_of(
    policy: &PolicyFile,
    place: impl Fn(&'static str) -> String,
) -> Result<(String, String), Fault> {
    match (&policy.settings, &policy.settings_file) {
        (Some(_), Some(_)) => {
            Err(Fault::new(place("settings"), "settingsFile is set too; give one of the two"))
        }
        (inline, None) => Ok((inline.as_ref().map(as_text).unwrap_or_default(), place("settings"))),
        (None, Some(path)) => {
            let text = settings(path).map_err(|fault| fault.within(place("settingsFile")))?;
            Ok((text, path.display().to_string()))
        }
    }
}

/// A DNS label (RFC 1123).
fn is_label(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.starts_with(plain)
        && name.ends_with(plain)
        && name.chars().all(|c| plain(c) || c == '-')
}
