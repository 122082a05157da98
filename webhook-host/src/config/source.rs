//! The sources of configuration values.

use serde_json::Value;
use std::fmt;
use std::path::PathBuf;

/// A value of a flag or an environment variable.
#[derive(Clone, Debug)]
pub(super) struct Override {
    /// The field of the file that it overrides.
    pub(super) field: Vec<String>,
    pub(super) value: Value,
    pub(super) source: ConfigSource,
}

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// A flag, such as `--listen`.
    Flag(String),
    /// An environment variable, such as `ORDINANCE_LISTEN`.
    Environment(String),
    /// The configuration file.
    File(PathBuf),
    /// The default.
    Default,
}

// === impl ConfigSource ===

impl fmt::Display for ConfigSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(formatter, "{name}"),
            Self::Environment(name) => write!(formatter, "{name}"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Default => formatter.write_str("default"),
        }
    }
}
