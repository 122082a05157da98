//! Merges flags, environment variables, the file and the defaults, and keeps the source of each value.
//!
//! No crate replaces this, because `--print-config` and errors name the flag, variable or file of each value, and an error in
//! the file also its line. `figment` tags values with their source, but it parses YAML with the unmaintained
//! `serde_yaml`, and the table from flags to fields in `args.rs` would stay. `config` keeps no lines. `clap-serde-derive`
//! and `clap_config` give the file the shape of the flags, and keep no sources.

use super::args::ServeArgs;
use super::file::{ConfigFile, UNNAMED};
use super::input_error::InputError;
use super::read;
use super::source::{ConfigSource, Override};
use clap::ArgMatches;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The fields of the file that are paths. `*` stands for any name or index.
const PATHS: [&[&str]; 9] = [
    &["certificate", "certFile"],
    &["certificate", "keyFile"],
    &["certificate", "clientCa"],
    &["cluster", "kubeconfig"],
    &["readyFile"],
    &["cacheDir"],
    &["state", "*"],
    &["policies", "*", "component"],
    &["policies", "*", "settingsFile"],
];

/// The merged values of file, environment variables and flags, with their sources.
#[derive(Clone, Debug)]
pub struct Layers {
    values: Value,
    overrides: Vec<Override>,
    file: Option<PathBuf>,
    /// The text of the file; empty without one.
    text: String,
}

// === impl Layers ===

impl Layers {
    /// Reads the file that `args` name, if any, and overrides its values with those of flags and variables.
    ///
    /// # Errors
    ///
    /// The file can't be read, or both the file and the flags configure policies.
    pub fn new(args: &ServeArgs, matches: &ArgMatches) -> Result<Self, InputError> {
        let text = args.config.as_deref().map_or_else(|| Ok(String::new()), read::text)?;
        let mut values =
            args.config.as_deref().map_or_else(|| Ok(object()), |path| read_text(path, &text))?;
        let overrides = args.overrides(matches);
        let names_policy = |value: &&Override| value.field.iter().any(|word| word == UNNAMED);
        if let Some(policy) = overrides.iter().find(names_policy) {
            refuse_policies_of_file_and_flags(&values, policy)?;
        }
        for Override { field, value, .. } in &overrides {
            set(&mut values, field, value.clone());
        }
        Ok(Self { values, overrides, file: args.config.clone(), text })
    }

    /// Returns the values of a file alone. `text` is its content, and relative paths start at the directory of `path`.
    ///
    /// # Errors
    ///
    /// The text is not a configuration.
    pub fn of_file(path: &Path, text: &str) -> Result<Self, InputError> {
        let values = read_text(path, text)?;
        Ok(Self { values, overrides: Vec::new(), file: Some(path.to_owned()), text: text.to_owned() })
    }

    /// Returns the text of the file; empty without one.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the effective configuration.
    ///
    /// # Errors
    ///
    /// A value has the wrong type or range.
    pub fn config(&self) -> Result<ConfigFile, InputError> {
        serde_path_to_error::deserialize(&self.values)
            .map_err(|error| InputError::new(error.path().to_string(), error.inner()))
    }

    /// Returns the source of a field's value.
    pub fn source(&self, field: &[&str]) -> ConfigSource {
        let value = self.overrides.iter().rev().find(|value| field.starts_with(&words(&value.field)));
        if let Some(value) = value {
            return value.source.clone();
        }
        match (&self.file, find(&self.values, field)) {
            (Some(file), Some(_)) => ConfigSource::File(file.clone()),
            _ => ConfigSource::Default,
        }
    }

    /// Returns the place at which to change a field: the flag or variable that sets it, else the field of the file.
    pub fn place(&self, field: &[&str]) -> String {
        match self.source(field) {
            ConfigSource::Flag(name) | ConfigSource::Environment(name) => name,
            ConfigSource::File(path) => format!("{}: {}", path.display(), field.join(".")),
            ConfigSource::Default => field.join("."),
        }
    }

    /// Names the policy of the flags.
    pub fn name_policy(&mut self, name: &str) {
        for word in self.overrides.iter_mut().flat_map(|value| &mut value.field) {
            if word == UNNAMED {
                name.clone_into(word);
            }
        }
    }

    /// Returns a configuration as a valid configuration file, with the source of each value as a comment.
    pub fn print(&self, config: &ConfigFile) -> String {
        let mut text = String::new();
        // Serialising a configuration to JSON can't fail.
        let value = serde_json::to_value(config).unwrap_or_default();
        self.print_below(&value, &mut Vec::new(), &mut text);
        text
    }

    fn print_below(&self, value: &Value, field: &mut Vec<String>, text: &mut String) {
        let Value::Object(fields) = value else { return };
        for (name, value) in fields {
            field.push(name.clone());
            let indent = "  ".repeat(field.len() - 1);
            let name = scalar(&Value::String(name.clone()));
            match value {
                Value::Object(below) if !below.is_empty() => {
                    text.push_str(&format!("{indent}{name}:\n"));
                    self.print_below(value, field, text);
                }
                _ => {
                    let line = format!("{indent}{name}: {}", scalar(value));
                    text.push_str(&format!("{line:<48} # {}\n", self.source(&words(field))));
                }
            }
            field.pop();
        }
    }
}

/// Refuses flags for a policy if the file names policies: the flags don't say which of them they mean.
fn refuse_policies_of_file_and_flags(file: &Value, flag: &Override) -> Result<(), InputError> {
    let named =
        find(file, &["policies"]).and_then(Value::as_object).is_some_and(|policies| !policies.is_empty());
    if !named {
        return Ok(());
    }
    let field = flag.field.last().map_or("", String::as_str);
    Err(InputError::new(
        &flag.source,
        format_args!(
            "the file names policies too; set policies.<name>.{field} there, or remove policies from the file"
        ),
    ))
}

fn read_text(path: &Path, text: &str) -> Result<Value, InputError> {
    // Parsing as `ConfigFile` gives errors with line and field. Parsing as a plain value shows which fields are set.
    read::yaml::<ConfigFile>(path, text)?;
    let mut values: Value = read::yaml(path, text)?;
    if values.is_null() {
        values = object();
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    for field in PATHS {
        resolve(&mut values, field, directory);
    }
    Ok(values)
}

/// Makes the paths at a field relative to the file's directory.
fn resolve(value: &mut Value, field: &[&str], directory: &Path) {
    match (field.split_first(), value) {
        (None, Value::String(path)) => *path = directory.join(&path).to_string_lossy().into_owned(),
        (Some((&"*", rest)), Value::Object(fields)) => {
            fields.values_mut().for_each(|value| resolve(value, rest, directory));
        }
        (Some((&"*", rest)), Value::Array(items)) => {
            items.iter_mut().for_each(|value| resolve(value, rest, directory));
        }
        (Some((name, rest)), Value::Object(fields)) => {
            if let Some(value) = fields.get_mut(*name) {
                resolve(value, rest, directory);
            }
        }
        _ => {}
    }
}

fn object() -> Value {
    Value::Object(Map::new())
}

fn find<'a>(values: &'a Value, field: &[&str]) -> Option<&'a Value> {
    field.iter().try_fold(values, |value, name| value.get(name))
}

/// Sets a field, and replaces values on its way that are not objects.
fn set(values: &mut Value, field: &[String], value: Value) {
    let Some((name, rest)) = field.split_first() else {
        *values = value;
        return;
    };
    if !values.is_object() {
        *values = object();
    }
    if let Value::Object(fields) = values {
        set(fields.entry(name.as_str()).or_insert(Value::Null), rest, value);
    }
}

fn words(field: &[String]) -> Vec<&str> {
    field.iter().map(String::as_str).collect()
}

/// Returns a value as one line of YAML, quoted only where necessary.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns whether YAML reads a text without quotes as the same string.
fn is_plain(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let special = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let unit =
        text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_lowercase());
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    text.chars().all(word) && (begins || unit) && !special.contains(&text.to_ascii_lowercase().as_str())
}
