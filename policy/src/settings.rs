//! What an operator can choose: the settings of the policy, with their defaults.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the storage policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// `Warn` turns every refusal into a warning, and patches only what keeps files where they are.
    pub mode: Mode,
    /// What becomes of mounts that replicas would share.
    pub isolation: Isolation,
    /// What becomes of PersistentVolumes whose exports overlap.
    pub exports: Exports,
    /// What becomes of StorageClasses that make volumes share a directory.
    pub storage_classes: ClassOutcome,
}

/// Whether the policy refuses or only warns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Refuse what would overwrite files.
    #[default]
    Enforce,
    /// Say what would be refused.
    Warn,
}

/// Settings for StatefulSets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Isolation {
    /// Which `volumeClaimTemplates` are isolated.
    pub claim_templates: Templates,
    /// Claims by name and inline exports, at two or more replicas.
    pub named_volumes: NamedVolumes,
    /// The same at one replica or none.
    pub single_replica: SingleReplica,
    /// A shared volume that every replica mounts at the same sub-path.
    pub fixed_sub_path: DenyOrWarn,
    /// From one replica to more of what is shared and not isolated.
    pub growth: DenyOrWarn,
    /// CSI drivers whose inline volumes reach beyond a pod.
    pub shared_csi_drivers: Vec<String>,
}

/// Which claim templates are isolated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
pub enum SingleReplica {
    /// Left, with a warning that growth will be refused.
    #[default]
    Warn,
    /// Judged as at two replicas.
    Isolate,
}

/// Refuse, or say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DenyOrWarn {
    /// Refuse.
    #[default]
    Deny,
    /// Say so.
    Warn,
}

/// Settings for PersistentVolumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Exports {
    /// Two volumes on one directory.
    pub equal: DenyOrWarn,
    /// A volume on a directory below another's.
    pub nested: Nested,
    /// Volumes that a provisioner makes.
    pub dynamic: WarnOrDeny,
    /// Canonical server name -> its other names and addresses.
    pub server_aliases: BTreeMap<String, Vec<String>>,
    /// Server -> the path that NFSv4 calls `/`.
    pub pseudo_roots: BTreeMap<String, String>,
    /// `server:path` that provisioners keep their directories under.
    pub provisioner_roots: Vec<String>,
    /// `server:path` at and below which volumes share on purpose.
    pub shared: Vec<String>,
}

/// What becomes of nested exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
pub enum WarnOrDeny {
    /// Say so.
    #[default]
    Warn,
    /// Refuse.
    Deny,
}

/// What becomes of StorageClasses that make volumes share a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClassOutcome {
    /// Say so.
    #[default]
    Warn,
    /// Refuse those under which a deleted claim takes others' files with it.
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

/// The JSON Schema of [`Settings`].
pub(crate) const SCHEMA: &str = "{}";

/// Every setting that cannot be used.
pub(crate) fn check(text: &str) -> Result<(), Vec<ordinance_contract::Problem>> {
    Settings::parse(text).map(|_| ()).map_err(|error| {
        vec![ordinance_contract::Problem { field: String::new(), message: error.to_string() }]
    })
}
