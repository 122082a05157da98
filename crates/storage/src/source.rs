//! Sources that a PersistentVolume and a volume of a pod have in common.

use crate::json::{self, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `volumeAttributes`.
pub type Attributes<'a> = BTreeMap<Text<'a>, Text<'a>>;

/// The source `nfs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NfsSource<'a> {
    /// A host name or an address, as written.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub server: Text<'a>,
    /// The exported path, as written; the API server accepts absolute paths only.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub path: Text<'a>,
    /// The kubelet enforces it on a pod's volume, but not on a PersistentVolume.
    #[serde(deserialize_with = "json::lenient")]
    pub read_only: bool,
}

/// The source `cephfs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CephfsSource<'a> {
    /// Addresses of the cluster's monitors, in any order.
    #[serde(borrow, deserialize_with = "json::list")]
    pub monitors: Vec<Text<'a>>,
    /// The mounted directory; empty means `/`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub path: Text<'a>,
    /// As in [`NfsSource`].
    #[serde(deserialize_with = "json::lenient")]
    pub read_only: bool,
}

/// The source `csi`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiSource<'a> {
    /// e.g. `nfs.csi.k8s.io`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub driver: Text<'a>,
    /// The driver's own name of the volume; empty in a pod's volume.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub volume_handle: Text<'a>,
    /// As in [`NfsSource`].
    #[serde(deserialize_with = "json::lenient")]
    pub read_only: bool,
    /// Parameters of the driver for this volume.
    #[serde(borrow, deserialize_with = "json::strings")]
    pub volume_attributes: Attributes<'a>,
}

// === impl CsiSource ===

impl CsiSource<'_> {
    /// Returns the value of an attribute, its key in any case, or `None` if it is absent or empty.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Returns the field of a PersistentVolume that names the directory.
    pub fn field(&self) -> String {
        let written = |key: &&str| self.entry(key).map(|(name, _)| name);
        match ["subdir", "share", "source", "rootPath", "path"].iter().find_map(written) {
            Some(key) => format!("spec.csi.volumeAttributes.{key}"),
            None => "spec.csi.volumeHandle".to_owned(),
        }
    }

    /// Returns whether the driver finds the volume by its attributes rather than by its handle.
    pub fn is_located_by_attributes(&self) -> bool {
        matches!(&*self.driver, "nfs.csi.k8s.io" | "smb.csi.k8s.io")
    }

    /// Returns an attribute's key as it is written, and its value.
    fn entry(&self, key: &str) -> Option<(&str, &str)> {
        self.volume_attributes
            .iter()
            .find(|(name, value)| name.eq_ignore_ascii_case(key) && !value.is_empty())
            .map(|(name, value)| (&**name, &**value))
    }
}
