//! The volumes of a pod, and which of them all replicas share.
//!
//! A claim or an export that the pod names is one for all replicas. A claim template gives each ordinal a claim of its
//! own; it shadows a volume of the same name. Everything else is a pod's own, or nobody's business.

use crate::export::{CephfsSource, CsiSource, Export, NfsSource};
use crate::json::{self, Text};
use crate::settings::Settings;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// An entry of the pod's `volumes`.
#[derive(Debug, Default)]
pub(super) struct Volume<'a> {
    pub(super) name: Text<'a>,
    pub(super) source: Source<'a>,
}

/// Where a volume's files are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Source<'a> {
    Claim(ClaimSource<'a>),
    Nfs(NfsSource<'a>),
    Cephfs(CephfsSource<'a>),
    Glusterfs(GlusterfsSource<'a>),
    AzureFile(AzureFileSource<'a>),
    Csi(CsiSource<'a>),
    /// A disk that one node at a time should write.
    Disk {
        kind: &'static str,
        read_only: bool,
    },
    /// A pod's own, a node's, or of a kind that is not known.
    #[default]
    Other,
}

/// The source `persistentVolumeClaim`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClaimSource<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) claim_name: Text<'a>,
    #[serde(deserialize_with = "json::lenient")]
    read_only: bool,
}

/// The source `glusterfs`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GlusterfsSource<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    endpoints: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    path: Text<'a>,
    #[serde(deserialize_with = "json::lenient")]
    read_only: bool,
}

/// The source `azureFile`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AzureFileSource<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    secret_name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    share_name: Text<'a>,
    #[serde(deserialize_with = "json::lenient")]
    read_only: bool,
}

/// What is read of a disk.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DiskSource {
    #[serde(deserialize_with = "json::lenient")]
    read_only: bool,
}

/// The sources that are disks.
const DISKS: [&str; 12] = [
    "awsElasticBlockStore",
    "azureDisk",
    "cinder",
    "fc",
    "gcePersistentDisk",
    "iscsi",
    "photonPersistentDisk",
    "portworxVolume",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

// === impl Source ===

impl Source<'_> {
    /// Whether every replica that names it has the same files before it, wherever it runs.
    pub(super) fn is_shared(&self, settings: &Settings) -> bool {
        match self {
            Self::Claim(_) | Self::Nfs(_) | Self::Cephfs(_) | Self::Glusterfs(_) | Self::AzureFile(_) => true,
            Self::Csi(csi) => {
                settings.isolation.shared_csi_drivers.iter().any(|driver| **driver == *csi.driver)
            }
            Self::Disk { .. } | Self::Other => false,
        }
    }

    /// Whether the kubelet lets nobody write.
    pub(super) fn is_read_only(&self) -> bool {
        match self {
            Self::Claim(source) => source.read_only,
            Self::Nfs(source) => source.read_only,
            Self::Cephfs(source) => source.read_only,
            Self::Glusterfs(source) => source.read_only,
            Self::AzureFile(source) => source.read_only,
            Self::Csi(source) => source.read_only,
            Self::Disk { read_only, .. } => *read_only,
            Self::Other => false,
        }
    }

    /// The export that a pod mounts without a claim, if it is known.
    pub(super) fn inline_export(&self, settings: &Settings) -> Option<Export> {
        match self {
            Self::Nfs(source) => source.inline_export(&settings.exports),
            Self::Cephfs(source) => source.export(&settings.exports),
            Self::Csi(source) => source.inline_export(&settings.exports),
            _ => None,
        }
    }

    /// Whether both mean the same files, whatever the volumes are called.
    pub(super) fn is_same_as(&self, other: &Self, settings: &Settings) -> bool {
        match (self, other) {
            (Self::Claim(one), Self::Claim(other)) => one.claim_name == other.claim_name,
            (Self::Disk { .. } | Self::Other, _) => false,
            _ => self == other || self.has_export_of(other, settings),
        }
    }

    fn has_export_of(&self, other: &Self, settings: &Settings) -> bool {
        match (self.inline_export(settings), other.inline_export(settings)) {
            (Some(one), Some(other)) => one.realm() == other.realm() && one.segments() == other.segments(),
            _ => false,
        }
    }
}

// === impl Volume ===

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VolumeVisitor;

        impl<'de> Visitor<'de> for VolumeVisitor {
            type Value = Volume<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a volume")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut volume = Volume::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    read_member(&mut volume, &key, &mut map)?;
                }
                Ok(volume)
            }
        }

        deserializer.deserialize_map(VolumeVisitor)
    }
}

/// Reads a member of a volume: its name, or its source.
fn read_member<'de, A: MapAccess<'de>>(
    volume: &mut Volume<'de>,
    key: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    let source = match key {
        "name" => {
            volume.name = map.next_value::<Option<_>>()?.unwrap_or_default();
            return Ok(());
        }
        "persistentVolumeClaim" => map.next_value::<Option<_>>()?.map(Source::Claim),
        "nfs" => map.next_value::<Option<_>>()?.map(Source::Nfs),
        "cephfs" => map.next_value::<Option<_>>()?.map(Source::Cephfs),
        "glusterfs" => map.next_value::<Option<_>>()?.map(Source::Glusterfs),
        "azureFile" => map.next_value::<Option<_>>()?.map(Source::AzureFile),
        "csi" => map.next_value::<Option<_>>()?.map(Source::Csi),
        other => read_disk(other, map)?,
    };
    volume.source = source.unwrap_or(std::mem::take(&mut volume.source));
    Ok(())
}

fn read_disk<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Option<Source<'de>>, A::Error> {
    let Some(kind) = DISKS.into_iter().find(|kind| *kind == key) else {
        map.next_value::<IgnoredAny>()?;
        return Ok(None);
    };
    let disk = map.next_value::<Option<DiskSource>>()?;
    Ok(disk.map(|disk| Source::Disk { kind, read_only: disk.read_only }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(json: &str) -> Source<'_> {
        serde_json::from_str::<Volume<'_>>(json).expect("a volume").source
    }

    #[test]
    fn a_volume_is_read_in_any_order_and_null_sources_are_absent() {
        let volume: Volume<'_> = serde_json::from_str(
            r#"{"nfs":{"path":"/x","server":"s"},"emptyDir":null,"cephfs":null,"name":"v"}"#,
        )
        .expect("a volume");
        assert_eq!(&*volume.name, "v");
        assert!(matches!(volume.source, Source::Nfs(_)));
    }

    #[test]
    fn exports_are_the_same_however_they_are_written() {
        let one = source(r#"{"nfs":{"server":"NAS.example.com.","path":"/srv/www/"}}"#);
        let other = source(
            r#"{"csi":{"driver":"nfs.csi.k8s.io","volumeAttributes":{"server":"nas.example.com","share":"/srv/www"}}}"#,
        );
        assert!(one.is_same_as(&other, &Settings::default()));
    }

    #[test]
    fn two_volumes_of_a_pods_own_are_never_the_same() {
        let own = r#"{"emptyDir":{}}"#;
        assert!(!source(own).is_same_as(&source(own), &Settings::default()));
    }
}
