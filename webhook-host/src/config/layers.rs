//! Flags over the environment over the file over the defaults, and where each value came from.

use super::args::ServeArgs;
use super::file::ConfigFile;
use super::policy::UNNAMED;
use super::{Fault, read};
use clap::ArgMatches;
use serde_json::{Map, Value};
use std::fmt;
use std::path::{Path, PathBuf};

/// More than any configuration has.
pub(super) const FILE_BYTES: usize = 1024 * 1024;

/// The fields of the file that are paths; `*` stands for any name.
const PATHS: [&[&str]; 8] = [
    &["certificate", "certFile"],
    &["certificate", "keyFile"],
    &["certificate", "clientCa"],
    &["cluster", "kubeconfig"],
    &["readyFile"],
    &["state", "*"],
    &["policies", "*", "component"],
    &["policies", "*", "settingsFile"],
];

/// Everything that was given, one over the other.
#[derive(Clone, Debug)]
pub struct Layers {
    values: Value,
    given: Vec<Given>,
    file: Option<PathBuf>,
}

/// One value that a flag or a variable gave.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// The field of the file that it stands for.
    pub(super) field: Vec<String>,
    pub(super) value: Value,
    pub(super) source: Source,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag(String),
    /// A variable of the environment.
    Environment(String),
    /// The file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

// === impl Layers ===

impl Layers {
    /// Reads the file, if one is named, and puts what was given over it.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or flags contradict it.
    pub fn new(args: &ServeArgs, matches: &ArgMatches) -> Result<Self, Fault> {
        let mut values = args.config.as_deref().map_or_else(|| Ok(object()), read_file)?;
        let given = args.given(matches);
        if let Some(own) = given.iter().find(|given| given.field.iter().any(|word| word == UNNAMED)) {
            refuse_two_kinds_of_policies(&values, own)?;
        }
        for Given { field, value, .. } in &given {
            set(&mut values, field, value.clone());
        }
        Ok(Self { values, given, file: args.config.clone() })
    }

    /// The text of a file alone, as if it stood at this path.
    ///
    /// # Errors
    ///
    /// If it is no configuration.
    pub fn of_file(path: &Path, text: &str) -> Result<Self, Fault> {
        Ok(Self { values: read_text(path, text)?, given: Vec::new(), file: Some(path.to_owned()) })
    }

    /// What counts.
    ///
    /// # Errors
    ///
    /// If a value can't stand where it stands.
    pub fn config(&self) -> Result<ConfigFile, Fault> {
        serde_path_to_error::deserialize(&self.values)
            .map_err(|error| Fault::new(error.path().to_string(), error.inner()))
    }

    /// Where the value of a field came from.
    pub fn source(&self, field: &[&str]) -> Source {
        let given = self.given.iter().rev().find(|given| field.starts_with(&words(&given.field)));
        if let Some(given) = given {
            return given.source.clone();
        }
        match (&self.file, find(&self.values, field)) {
            (Some(file), Some(_)) => Source::File(file.clone()),
            _ => Source::Default,
        }
    }

    /// The place of a field, for whoever has to change it: the flag or the variable that gave it, else the field of the
    /// file.
    pub fn place(&self, field: &[&str]) -> String {
        match self.source(field) {
            Source::Flag(name) | Source::Environment(name) => name,
            Source::File(path) => format!("{}: {}", path.display(), field.join(".")),
            Source::Default => field.join("."),
        }
    }

    /// Gives the policy of the flags its name.
    pub fn name_policy(&mut self, name: &str) {
        for word in self.given.iter_mut().flat_map(|given| &mut given.field) {
            if word == UNNAMED {
                name.clone_into(word);
            }
        }
    }

    /// A configuration as a file that could be given, each value with its source as a comment.
    pub fn print(&self, config: &ConfigFile) -> String {
        let mut text = String::new();
        // A configuration is made of what JSON has.
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

/// One place for policies at a time: where the file names some, flags can't mean any of them.
fn refuse_two_kinds_of_policies(file: &Value, flag: &Given) -> Result<(), Fault> {
    let named =
        find(file, &["policies"]).and_then(Value::as_object).is_some_and(|policies| !policies.is_empty());
    if !named {
        return Ok(());
    }
    let field = flag.field.last().map_or("", String::as_str);
    Err(Fault::new(
        &flag.source,
        format_args!(
            "the file names its policies itself; set policies.<name>.{field} there, or leave policies out"
        ),
    ))
}

fn read_file(path: &Path) -> Result<Value, Fault> {
    read_text(path, &read::text(path, FILE_BYTES)?)
}

fn read_text(path: &Path, text: &str) -> Result<Value, Fault> {
    // Read as what it is, so that a fault has its line and its field; what was left out shows only in the plain value.
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

/// Paths of the file are relative to it.
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

/// Puts a value at a field; what stood in the way of it goes.
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

/// A value in one line of YAML: quoted only where it must be.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Letters first, and nothing that YAML reads otherwise.
fn is_plain(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let special = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let unit =
        text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_lowercase());
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    text.chars().all(word) && (begins || unit) && !special.contains(&text.to_ascii_lowercase().as_str())
}

// === impl Source ===

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(formatter, "{name}"),
            Self::Environment(name) => write!(formatter, "{name}"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Default => formatter.write_str("default"),
        }
    }
}
