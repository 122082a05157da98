//! The settings of the policy, with their defaults.
//!
//! The doc comments are the operator's documentation: they become the descriptions of the JSON Schema. `cargo test`
//! compares `settings.schema.json` with the types, and `BLESS=1 cargo test -p ordinance-policy schema` writes it.

use crate::catalogue::{self, Drivers};
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// The beginning of prepared settings; JSON cannot begin with it.
const PREPARED: char = '#';

/// The JSON Schema (2020-12) of [`Settings`].
pub(crate) const SCHEMA: &str = include_str!("../settings.schema.json");

/// Settings of the policy `storage`. Every field is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(title = "Settings of the policy storage"))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Whether the policy patches and denies requests, only patches them, or only warns. By default `Enforce`.
    pub mode: Mode,
    /// How to treat mounts that the replicas of a StatefulSet would share.
    pub isolation: Isolation,
    /// How to treat PersistentVolumes whose exports overlap.
    pub exports: Exports,
    /// How to treat StorageClasses that give several PersistentVolumes one directory. By default `Warn`.
    pub storage_classes: ClassOutcome,
    /// Storage drivers that the built-in catalogue does not know, and how each finds the files of its volumes. By default
    /// none.
    pub drivers: Drivers,
}

/// Whether the policy patches and denies requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum Mode {
    /// Isolate the replicas of new sets, and deny what would overwrite files.
    #[default]
    Enforce,
    /// Patch as `Enforce` does. Every denial becomes a warning, and what it is about is admitted as it is.
    Isolate,
    /// Every denial becomes a warning, and no new set is isolated. Patches only keep files where they are: they add
    /// expressions that an update dropped or that a claim is marked with, the variables that an expression uses, and the
    /// marks of claims.
    Warn,
}

/// Settings for StatefulSets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Isolation {
    /// Which `volumeClaimTemplates` are isolated when a set is created. By default `ReadWriteMany`.
    pub claim_templates: Templates,
    /// How to treat claims by name and inline exports at two or more replicas. By default `Isolate`.
    pub named_volumes: NamedVolumes,
    /// How to treat claims by name and inline exports at one replica or none. By default `Warn`.
    pub single_replica: SingleReplica,
    /// How to treat a shared volume that every replica mounts at the same sub-path. By default `Deny`.
    pub fixed_sub_path: DenyOrWarn,
    /// How to treat scaling beyond one replica while a volume is shared and not isolated. By default `Deny`.
    pub growth: DenyOrWarn,
    /// CSI drivers whose inline volumes have files that other pods name too, besides those of which a row of `drivers` says
    /// so. By default those of the built-in catalogue.
    pub shared_csi_drivers: SharedDrivers,
}

/// CSI drivers whose inline volumes have files that other pods name too. By default nothing is copied from the catalogue, since
/// every review reads the settings.
#[derive(Clone, Debug, Default)]
pub enum SharedDrivers {
    /// Those of the built-in catalogue.
    #[default]
    OfCatalogue,
    /// These.
    Named(Vec<String>),
}

/// Which claim templates are isolated when a set is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum Templates {
    /// Those that request `ReadWriteMany`.
    #[default]
    ReadWriteMany,
    /// All.
    Always,
    /// None.
    Never,
}

/// How to treat claims by name and inline exports at two or more replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum NamedVolumes {
    /// Give each ordinal a directory of its own.
    #[default]
    Isolate,
    /// Deny; the message says how to isolate the volume and how to share it on purpose.
    Deny,
    /// Leave them shared, with a warning.
    Warn,
}

/// How to treat claims by name and inline exports at one replica or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum SingleReplica {
    /// Leave them, with a warning that scaling beyond one replica will be refused, and how to allow it.
    #[default]
    Warn,
    /// Treat them as at two replicas.
    Isolate,
}

/// Deny or warn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum DenyOrWarn {
    /// Deny the request.
    #[default]
    Deny,
    /// Admit the request with a warning.
    Warn,
}

/// Settings for PersistentVolumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Exports {
    /// How to treat two PersistentVolumes on one directory. By default `Deny`.
    pub equal: DenyOrWarn,
    /// How to treat a PersistentVolume on a directory below that of another one. By default `Warn`.
    pub nested: Nested,
    /// How to treat PersistentVolumes that a provisioner creates and that would be denied. By default `Warn`, since
    /// some provisioners answer a denial by deleting the directory, which is the other volume's.
    pub dynamic: WarnOrDeny,
    /// The canonical name of a server, and its other names and addresses, for all protocols:
    /// `nas.example.com: [nas, 10.0.0.5]`. By default none; the policy does not ask DNS.
    pub server_aliases: BTreeMap<String, Vec<String>>,
    /// A server, and the absolute path that its NFSv4 clients see as `/`: `nas.example.com: /srv`. By default none.
    pub pseudo_roots: BTreeMap<String, String>,
    /// Paths, as `server:path`, below which provisioners create their volumes: such a volume may lie inside a volume
    /// on that path or above it. The path is absolute on the server, as NFSv3 has it. By default none.
    pub provisioner_roots: Vec<String>,
    /// Paths, as `server:path`, at and below which PersistentVolumes share on purpose. The path is absolute on the
    /// server, as NFSv3 has it. By default none.
    pub shared: Vec<String>,
    /// How a message about a StatefulSet tells of the PersistentVolumes whose exports it mounts inline. By default
    /// `Name`. Who may create StatefulSets learns of other volumes by it.
    pub inline_overlaps: NameOrCount,
}

/// How a message tells of other objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum NameOrCount {
    /// By their names and paths.
    #[default]
    Name,
    /// By their number only.
    Count,
}

/// How to treat nested exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum Nested {
    /// Admit the request with a warning.
    #[default]
    Warn,
    /// Deny the request.
    Deny,
    /// Admit the request without a finding.
    Allow,
}

/// Warn or deny.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum WarnOrDeny {
    /// Admit the request with a warning.
    #[default]
    Warn,
    /// Deny the request.
    Deny,
}

/// How to treat StorageClasses that give several volumes one directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum ClassOutcome {
    /// Admit the request with a warning.
    #[default]
    Warn,
    /// Deny the request, unless the files outlive the claim: `onDelete` is `retain` or `archive`, or the reclaim
    /// policy is `Retain`.
    Deny,
    /// Admit the request without a finding.
    Off,
}

// === impl Settings ===

impl Settings {
    /// Parses settings from JSON; an empty text means the defaults.
    ///
    /// # Errors
    ///
    /// The text is not JSON, or a setting is unknown or has an invalid value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.starts_with(PREPARED) { Self::read(text.to_owned()) } else { serde_json::from_str(text) }
    }

    /// Parses settings as [`parse`](Self::parse) does, and keeps the text of prepared ones: to copy the rows of `drivers`
    /// costs more than to read the other settings.
    ///
    /// # Errors
    ///
    /// As `parse`.
    pub fn read(text: String) -> Result<Self, serde_json::Error> {
        let Some(prepared) = text.strip_prefix(PREPARED) else { return Self::parse(&text) };
        let settings = prepared.split('\n').next().unwrap_or_default();
        let rows = text.len() - prepared.len() + settings.len() + 1;
        let settings: Self =
            if settings.is_empty() { Self::default() } else { serde_json::from_str(settings)? };
        Ok(Self { drivers: Drivers::of_end(text, rows), ..settings })
    }

    /// Returns the settings as a text that [`parse`](Self::parse) reads faster: the rows of `drivers`, which few reviews
    /// read, follow the JSON of the others.
    pub(crate) fn prepared(mut self) -> String {
        let drivers = std::mem::take(&mut self.drivers);
        let rows = drivers.as_text();
        let settings = if self == Self::default() { String::new() } else { self.without_drivers() };
        if rows.is_empty() { settings } else { format!("{PREPARED}{settings}\n{rows}") }
    }

    /// Returns the JSON of settings without rows.
    fn without_drivers(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(mut members)) => {
                members.remove("drivers");
                serde_json::Value::Object(members).to_string()
            }
            _ => String::new(),
        }
    }
}

// === impl SharedDrivers ===

impl SharedDrivers {
    /// Returns whether a driver is one of them.
    pub(crate) fn contains(&self, driver: &str) -> bool {
        match self {
            Self::OfCatalogue => catalogue::is_inline(driver),
            Self::Named(names) => names.iter().any(|name| name == driver),
        }
    }

    /// Returns the names.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::OfCatalogue => catalogue::inline_drivers().collect(),
            Self::Named(names) => names.iter().map(String::as_str).collect(),
        }
    }
}

impl PartialEq for SharedDrivers {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for SharedDrivers {}

impl<'de> Deserialize<'de> for SharedDrivers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Named)
    }
}

impl Serialize for SharedDrivers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

#[cfg(test)]
impl JsonSchema for SharedDrivers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        <Vec<String>>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <Vec<String>>::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

// === impl NamedVolumes ===

impl NamedVolumes {
    /// Returns the outcome for a volume that can't be isolated.
    pub(crate) fn without_isolation(self) -> DenyOrWarn {
        match self {
            Self::Deny => DenyOrWarn::Deny,
            Self::Isolate | Self::Warn => DenyOrWarn::Warn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "blessing writes the file; the policy itself does no I/O")]
    fn the_schema_matches_the_types() {
        let generated = schemars::schema_for!(Settings).to_value();
        if env::var_os("BLESS").is_some_and(|value| value == "1") {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/settings.schema.json");
            fs::write(file, format!("{generated:#}\n")).expect("the schema can be written");
        } else {
            let committed: serde_json::Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
            assert_eq!(committed, generated, "run BLESS=1 cargo test -p ordinance-policy schema");
        }
    }

    #[test]
    fn prepared_settings_are_the_same() {
        for text in [
            "",
            r#"{"mode":"Warn","isolation":{"sharedCsiDrivers":["a"]}}"#,
            r#"{"drivers":[{"names":["csi.example.com"],"location":["nfs://{server}/{share}"]}]}"#,
            r#"{"mode":"Warn","drivers":[{"names":["a"],"location":["x://{y}"]},{"names":["b"],"location":["x://{z}"]}]}"#,
        ] {
            let settings = Settings::parse(text).expect("settings");
            assert_eq!(Settings::parse(&settings.clone().prepared()).ok(), Some(settings), "{text}");
        }
    }

    #[test]
    fn an_empty_text_means_the_defaults() {
        assert_eq!(Settings::parse("").ok(), Some(Settings::default()));
        assert_eq!(Settings::parse("{}").ok(), Some(Settings::default()));
    }
}
