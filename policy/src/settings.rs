//! What an operator can choose: the settings of the policy, with their defaults.
//!
//! The comments on the fields are the operator's documentation: the JSON Schema is made of them. `cargo test` compares
//! the schema in `settings.schema.json` with the types, `BLESS=1 cargo test -p ordinance-policy schema` writes it.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The JSON Schema (2020-12) of [`Settings`].
pub(crate) const SCHEMA: &str = include_str!("../settings.schema.json");

/// Settings of the policy `storage`. Every field may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(title = "Settings of the policy storage"))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Whether the policy refuses, or only says what it would refuse. By default `Enforce`.
    pub mode: Mode,
    /// What becomes of mounts that the replicas of a StatefulSet would share.
    pub isolation: Isolation,
    /// What becomes of PersistentVolumes whose exports overlap.
    pub exports: Exports,
    /// What becomes of StorageClasses that make PersistentVolumes share a directory. By default `Warn`.
    pub storage_classes: ClassOutcome,
}

/// Whether the policy refuses or only warns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum Mode {
    /// Refuse what would overwrite files.
    #[default]
    Enforce,
    /// What would be refused becomes a warning. Nothing is patched but what keeps files where they are: expressions
    /// that an update dropped or a claim is marked with, the variables that an expression takes, and the marks.
    Warn,
}

/// Settings for StatefulSets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Isolation {
    /// Which `volumeClaimTemplates` are isolated when a set is created. By default `ReadWriteMany`.
    pub claim_templates: Templates,
    /// Claims by name and inline exports, at two or more replicas. By default `Isolate`.
    pub named_volumes: NamedVolumes,
    /// Claims by name and inline exports, at one replica or none. By default `Warn`.
    pub single_replica: SingleReplica,
    /// A shared volume that every replica mounts at the same sub-path. By default `Deny`.
    pub fixed_sub_path: DenyOrWarn,
    /// Growth from one replica to more where a volume is shared and not isolated. By default `Deny`.
    pub growth: DenyOrWarn,
    /// CSI drivers whose volumes reach beyond a pod. By default those of NFS, SMB, Azure Files, EFS and Cloud Storage.
    pub shared_csi_drivers: Vec<String>,
}

/// Which claim templates are isolated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum Templates {
    /// Those that ask for `ReadWriteMany`.
    #[default]
    ReadWriteMany,
    /// All.
    Always,
    /// None.
    Never,
}

/// What becomes of claims by name and inline exports at two or more replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum NamedVolumes {
    /// Each ordinal gets a directory of its own.
    #[default]
    Isolate,
    /// Refused, with both ways out.
    Deny,
    /// Left, with a warning.
    Warn,
}

/// What becomes of claims by name and inline exports at one replica or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum SingleReplica {
    /// Left, with a warning that growth will be refused, and how to allow it.
    #[default]
    Warn,
    /// Judged as at two replicas.
    Isolate,
}

/// Refuse, or say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum DenyOrWarn {
    /// Refuse.
    #[default]
    Deny,
    /// Say so.
    Warn,
}

/// Settings for PersistentVolumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Exports {
    /// Two PersistentVolumes on one directory. By default `Deny`.
    pub equal: DenyOrWarn,
    /// A PersistentVolume on a directory below another's. By default `Warn`.
    pub nested: Nested,
    /// PersistentVolumes that a provisioner makes. By default `Warn`, since some provisioners answer a refusal by
    /// deleting the directory, which is another's.
    pub dynamic: WarnOrDeny,
    /// Canonical name of a server -> its other names and addresses, for all protocols: `nas.example.com: [nas, 10.0.0.5]`.
    /// By default none: names are never looked up.
    pub server_aliases: BTreeMap<String, Vec<String>>,
    /// Server -> the absolute path that its NFSv4 clients call `/`: `nas.example.com: /srv`. By default none.
    pub pseudo_roots: BTreeMap<String, String>,
    /// `server:path` below which provisioners keep their volumes: such a volume may lie inside the volume of that path
    /// or of one above it. The path is the server's own, as NFSv3 has it. By default none.
    pub provisioner_roots: Vec<String>,
    /// `server:path` at and below which PersistentVolumes share on purpose. The path is the server's own, as NFSv3 has
    /// it. By default none.
    pub shared: Vec<String>,
}

/// What becomes of nested exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum Nested {
    /// Say so.
    #[default]
    Warn,
    /// Refuse.
    Deny,
    /// Pass without a word.
    Allow,
}

/// Say so, or refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum WarnOrDeny {
    /// Say so.
    #[default]
    Warn,
    /// Refuse.
    Deny,
}

/// What becomes of StorageClasses that make volumes share a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum ClassOutcome {
    /// Said.
    #[default]
    Warn,
    /// Refused, unless the files outlive the claim: `onDelete` is `retain` or `archive`, or the class retains.
    Deny,
    /// Pass without a word.
    Off,
}

// === impl Settings ===

impl Settings {
    /// Reads settings from JSON; an empty text stands for the defaults.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text)
    }
}

// === impl Isolation ===

impl Default for Isolation {
    fn default() -> Self {
        Self {
            claim_templates: Templates::default(),
            named_volumes: NamedVolumes::default(),
            single_replica: SingleReplica::default(),
            fixed_sub_path: DenyOrWarn::default(),
            growth: DenyOrWarn::default(),
            shared_csi_drivers: [
                "nfs.csi.k8s.io",
                "smb.csi.k8s.io",
                "file.csi.azure.com",
                "efs.csi.aws.com",
                "gcsfuse.csi.storage.gke.io",
            ]
            .map(String::from)
            .to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "blessing writes the file; the policy itself does no I/O")]
    fn the_schema_is_that_of_the_types() {
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
    fn nothing_stands_for_the_defaults() {
        assert_eq!(Settings::parse("").ok(), Some(Settings::default()));
        assert_eq!(Settings::parse("{}").ok(), Some(Settings::default()));
    }
}
