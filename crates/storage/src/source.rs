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
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    node_publish_secret_ref: Option<Box<SecretReference<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    node_stage_secret_ref: Option<Box<SecretReference<'a>>>,
}

/// A Secret that a driver gets; its fields are empty if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretReference<'a> {
    /// Absent in a pod's volume, which takes Secrets of its own namespace.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub namespace: Text<'a>,
    /// The Secret's name.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Text<'a>,
}

/// The source `glusterfs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GlusterfsSource<'a> {
    /// The Endpoints object that lists the servers.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub endpoints: Text<'a>,
    /// The namespace of the Endpoints; absent in a pod's volume. Without it a PersistentVolume takes that of its claim.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub endpoints_namespace: Text<'a>,
    /// The Gluster volume, and a directory in it.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub path: Text<'a>,
    /// As in [`NfsSource`].
    #[serde(deserialize_with = "json::lenient")]
    pub read_only: bool,
}

/// The source `azureFile`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureFileSource<'a> {
    /// The Secret that names the storage account.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub secret_name: Text<'a>,
    /// The namespace of the Secret; absent in a pod's volume. Without it a PersistentVolume takes that of its claim.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub secret_namespace: Text<'a>,
    /// The share in the storage account.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub share_name: Text<'a>,
    /// As in [`NfsSource`].
    #[serde(deserialize_with = "json::lenient")]
    pub read_only: bool,
}

/// The source `quobyte`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QuobyteSource<'a> {
    /// Addresses of the registry, as `host:port`, separated by commas.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub registry: Text<'a>,
    /// The Quobyte volume.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub volume: Text<'a>,
    /// As in [`NfsSource`].
    #[serde(deserialize_with = "json::lenient")]
    pub read_only: bool,
}

/// The source `local`, and `hostPath`: a directory of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodePath<'a> {
    /// The path on the node.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub path: Text<'a>,
}

/// The value of an attribute, its key in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeValue<'a> {
    /// No such attribute, or an empty one.
    Absent,
    /// Of the attribute with this key, as it is written.
    Value {
        /// The key as it is written.
        key: &'a str,
        /// Not empty.
        value: &'a str,
    },
    /// Keys that differ by case only have different values: which of them the driver takes is not defined.
    Ambiguous {
        /// The first of the keys.
        key: &'a str,
    },
}

// === impl CsiSource ===

impl CsiSource<'_> {
    /// Returns the value of an attribute, its key in any case, or `None` if it is absent, empty or ambiguous.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        match self.attribute_value(key) {
            AttributeValue::Value { value, .. } => Some(value),
            AttributeValue::Absent | AttributeValue::Ambiguous { .. } => None,
        }
    }

    /// Returns the value of an attribute, its key in any case. Costs one pass over the keys.
    pub fn attribute_value(&self, key: &str) -> AttributeValue<'_> {
        let mut values = self
            .volume_attributes
            .iter()
            .filter(|(name, value)| name.eq_ignore_ascii_case(key) && !value.is_empty());
        let Some((key, value)) = values.next() else { return AttributeValue::Absent };
        if values.all(|(_, other)| other == value) {
            AttributeValue::Value { key, value }
        } else {
            AttributeValue::Ambiguous { key }
        }
    }

    /// The Secret that the driver gets to mount the volume, if it gets one.
    pub fn secret(&self) -> Option<&SecretReference<'_>> {
        [&self.node_publish_secret_ref, &self.node_stage_secret_ref]
            .into_iter()
            .filter_map(Option::as_deref)
            .find(|secret| !secret.name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(attributes: &str) -> String {
        format!(r#"{{"volumeAttributes":{attributes}}}"#)
    }

    #[test]
    fn keys_are_found_in_any_case_unless_their_values_differ() {
        let text =
            source(r#"{"Share":"/a","SERVER":"nas","server":"nas","path":"/x","PATH":"/y","empty":""}"#);
        let source: CsiSource<'_> = json::read(&text).expect("a source");
        assert_eq!(source.attribute_value("share"), AttributeValue::Value { key: "Share", value: "/a" });
        assert_eq!(source.attribute("server"), Some("nas"));
        assert_eq!(source.attribute_value("path"), AttributeValue::Ambiguous { key: "PATH" });
        assert_eq!(source.attribute("path"), None);
        assert_eq!(source.attribute_value("empty"), AttributeValue::Absent);
    }

    #[test]
    fn the_secret_to_publish_goes_before_the_one_to_stage() {
        let text =
            r#"{"nodeStageSecretRef":{"name":"s","namespace":"a"},"nodePublishSecretRef":{"name":"p"}}"#;
        let source: CsiSource<'_> = json::read(text).expect("a source");
        assert_eq!(source.secret().map(|secret| &*secret.name), Some("p"));
        let staged: CsiSource<'_> = json::read(r#"{"nodeStageSecretRef":{"name":"s"}}"#).expect("a source");
        assert_eq!(staged.secret().map(|secret| &*secret.name), Some("s"));
    }
}
