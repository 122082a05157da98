//! The configured policies with their settings, read from their files but not yet compiled.

use super::args::{PolicyComponentArgs, WasiArgs};
use super::file::{ConfigFile, PolicyFile, UNNAMED};
use super::input_error::InputError;
use super::layers::Layers;
use super::read;
use crate::review::OnError;
use ordinance_engine::{WasiImports, is_label};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A policy to be served.
#[derive(Clone, Debug)]
pub struct PolicyConfig {
    /// Its name in URL paths; `None` for the component's own name.
    pub name: Option<String>,
    /// The component's file; `None` for the built-in policy.
    pub component: Option<PathBuf>,
    /// What the component may import.
    pub wasi: WasiImports,
    /// The flag, variable or field that names the component, for errors.
    pub component_place: String,
    /// The settings as JSON; empty for the defaults.
    pub settings: String,
    /// The flag, variable, field or file that contains the settings, for errors.
    pub settings_place: String,
    /// The text of the file that has the settings, to find a setting in it; empty without a file.
    pub settings_text: String,
    /// The field of that file that has the settings; empty for the whole file.
    pub settings_field: String,
    /// The answer to a request without a verdict.
    pub on_error: OnError,
}

/// The error of settings that are no mapping. They are not quoted: a file of another kind may have secrets.
const NO_MAPPING: &str =
    "is not a mapping of settings; `ordinance schema settings --policy FILE` prints those of a policy";

/// The settings of a file.
#[derive(Clone, Debug, Default)]
pub struct SettingsFile {
    /// The settings as JSON; empty for an empty file.
    pub json: String,
    /// The text of the file.
    pub text: String,
}

/// Reads settings in YAML or JSON from a file.
///
/// # Errors
///
/// The file can't be read, or is neither YAML nor JSON, or no mapping.
pub fn settings(path: &Path) -> Result<SettingsFile, InputError> {
    let text = read::text(path)?;
    let settings: Value = read::yaml(path, &text)?;
    match settings {
        Value::Null | Value::Object(_) => Ok(SettingsFile { json: as_text(&settings), text }),
        _ => Err(InputError::of_file(path, NO_MAPPING)),
    }
}

/// Returns settings as JSON, and an empty text for an empty file.
fn as_text(settings: &Value) -> String {
    if settings.is_null() { String::new() } else { settings.to_string() }
}

// === impl PolicyConfig ===

impl PolicyConfig {
    /// Returns a component's policy, or the built-in one, with default settings.
    pub fn of(component: &PolicyComponentArgs) -> Self {
        Self {
            name: None,
            component: component.policy.clone(),
            wasi: component.wasi.imports(),
            component_place: "--policy".to_owned(),
            settings: String::new(),
            settings_place: "--settings".to_owned(),
            settings_text: String::new(),
            settings_field: String::new(),
            on_error: OnError::default(),
        }
    }

    /// Reads all policies of a configuration. Without any, returns the built-in one.
    pub(super) fn all(config: &ConfigFile, layers: &Layers) -> Result<Vec<Self>, InputError> {
        if config.policies.is_empty() {
            return Ok(vec![Self { on_error: config.on_error, ..Self::of(&PolicyComponentArgs::default()) }]);
        }
        let policies = config.policies.iter();
        policies.map(|(name, policy)| Self::read(name, policy, config.on_error, layers)).collect()
    }

    fn read(name: &str, policy: &PolicyFile, on_error: OnError, layers: &Layers) -> Result<Self, InputError> {
        let place = |field| layers.place(&["policies", name, field]);
        if name != UNNAMED && !is_label(name) {
            return Err(InputError::new(
                format_args!("policies.{name}"),
                "can't be part of a URL path; use at most 63 characters of a-z, 0-9 and -",
            ));
        }
        let (SettingsFile { json: settings, text: settings_text }, settings_place) =
            settings_of(policy, place)?;
        let is_inline = policy.settings.is_some();
        Ok(Self {
            name: (name != UNNAMED).then(|| name.to_owned()),
            component: policy.component.clone(),
            wasi: WasiArgs { allow_wasi_stubs: policy.allow_wasi_stubs }.imports(),
            component_place: place("component"),
            settings,
            settings_place,
            settings_text: if is_inline { layers.text().to_owned() } else { settings_text },
            settings_field: if is_inline { format!("policies.{name}.settings") } else { String::new() },
            on_error: policy.on_error.unwrap_or(on_error),
        })
    }
}

/// Returns the settings, and their place.
fn settings_of(
    policy: &PolicyFile,
    place: impl Fn(&'static str) -> String,
) -> Result<(SettingsFile, String), InputError> {
    match (&policy.settings, &policy.settings_file) {
        (Some(_), Some(_)) => {
            Err(InputError::new(place("settings"), "settingsFile is set too; set only one of them"))
        }
        (inline, None) => {
            let json = inline.as_ref().map(as_text).unwrap_or_default();
            Ok((SettingsFile { json, text: String::new() }, place("settings")))
        }
        (None, Some(path)) => {
            let file = settings(path).map_err(|error| error.within(place("settingsFile")))?;
            Ok((file, path.display().to_string()))
        }
    }
}
