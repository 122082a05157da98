//! Volumes of a pod, and their sources.

use crate::json::{self, Text};
use crate::{AzureFileSource, CephfsSource, CsiSource, GlusterfsSource, NfsSource, QuobyteSource};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// An entry of a pod's `volumes`.
#[derive(Debug, Default)]
pub struct PodVolume<'a> {
    /// The name that mounts use.
    pub name: Text<'a>,
    /// The source; the last one if there are several, which the API server rejects.
    pub source: VolumeSource<'a>,
    /// Whether it has a source, known or not.
    pub has_source: bool,
}

/// The source of a pod's volume.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeSource<'a> {
    /// `persistentVolumeClaim`.
    Claim(ClaimSource<'a>),
    /// `nfs`.
    Nfs(NfsSource<'a>),
    /// `cephfs`.
    Cephfs(CephfsSource<'a>),
    /// `glusterfs`.
    Glusterfs(GlusterfsSource<'a>),
    /// `azureFile`.
    AzureFile(AzureFileSource<'a>),
    /// `quobyte`.
    Quobyte(QuobyteSource<'a>),
    /// `csi`.
    Csi(CsiSource<'a>),
    /// A disk that one node at a time should attach.
    Disk {
        /// The name of the source, e.g. `rbd`.
        kind: &'static str,
        /// `readOnly`.
        read_only: bool,
    },
    /// A source whose files are the pod's or the node's own, e.g. `emptyDir`, or an unknown one.
    #[default]
    Other,
}

/// The source `persistentVolumeClaim`.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSource<'a> {
    /// A claim in the pod's namespace.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub claim_name: Text<'a>,
    #[serde(deserialize_with = "json::lenient")]
    read_only: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DiskSource {
    #[serde(deserialize_with = "json::lenient")]
    read_only: bool,
}

/// The sources that are disks.
pub(crate) const DISKS: [&str; 12] = [
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

// === impl VolumeSource ===

impl VolumeSource<'_> {
    /// Returns whether the kubelet refuses writes to the volume.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::Claim(source) => source.read_only,
            Self::Nfs(source) => source.read_only,
            Self::Cephfs(source) => source.read_only,
            Self::Glusterfs(source) => source.read_only,
            Self::AzureFile(source) => source.read_only,
            Self::Quobyte(source) => source.read_only,
            Self::Csi(source) => source.read_only,
            Self::Disk { read_only, .. } => *read_only,
            Self::Other => false,
        }
    }
}

// === impl PodVolume ===

impl<'de: 'a, 'a> Deserialize<'de> for PodVolume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VolumeVisitor;

        impl<'de> Visitor<'de> for VolumeVisitor {
            type Value = PodVolume<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a volume")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut volume = PodVolume::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    read_member(&mut volume, &key, &mut map)?;
                }
                Ok(volume)
            }
        }

        deserializer.deserialize_map(VolumeVisitor)
    }
}

/// Reads a member of a volume: its name or its source.
fn read_member<'de, A: MapAccess<'de>>(
    volume: &mut PodVolume<'de>,
    key: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    let source = match key {
        "name" => {
            volume.name = map.next_value::<Option<_>>()?.unwrap_or_default();
            return Ok(());
        }
        "persistentVolumeClaim" => map.next_value::<Option<_>>()?.map(VolumeSource::Claim),
        "nfs" => map.next_value::<Option<_>>()?.map(VolumeSource::Nfs),
        "cephfs" => map.next_value::<Option<_>>()?.map(VolumeSource::Cephfs),
        "glusterfs" => map.next_value::<Option<_>>()?.map(VolumeSource::Glusterfs),
        "azureFile" => map.next_value::<Option<_>>()?.map(VolumeSource::AzureFile),
        "quobyte" => map.next_value::<Option<_>>()?.map(VolumeSource::Quobyte),
        "csi" => map.next_value::<Option<_>>()?.map(VolumeSource::Csi),
        other => {
            let (source, is_present) = read_other(other, map)?;
            volume.has_source |= is_present;
            source
        }
    };
    volume.has_source |= source.is_some();
    volume.source = source.unwrap_or(std::mem::take(&mut volume.source));
    Ok(())
}

/// Reads a disk, or returns whether another source is present.
fn read_other<'de, A: MapAccess<'de>>(
    key: &str,
    map: &mut A,
) -> Result<(Option<VolumeSource<'de>>, bool), A::Error> {
    let Some(kind) = DISKS.into_iter().find(|kind| *kind == key) else {
        return Ok((None, map.next_value::<Option<IgnoredAny>>()?.is_some()));
    };
    let disk = map.next_value::<Option<DiskSource>>()?;
    let is_present = disk.is_some();
    Ok((disk.map(|disk| VolumeSource::Disk { kind, read_only: disk.read_only }), is_present))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_any_order_and_null_sources_are_absent() {
        let volume: PodVolume<'_> = serde_json::from_str(
            r#"{"nfs":{"path":"/x","server":"s"},"emptyDir":null,"cephfs":null,"name":"v"}"#,
        )
        .expect("a volume");
        assert_eq!(&*volume.name, "v");
        assert!(matches!(volume.source, VolumeSource::Nfs(_)));
    }

    #[test]
    fn a_disk_keeps_the_name_of_its_source() {
        let volume: PodVolume<'_> =
            serde_json::from_str(r#"{"name":"v","rbd":{"image":"i","readOnly":true}}"#).expect("a volume");
        assert_eq!(volume.source, VolumeSource::Disk { kind: "rbd", read_only: true });
        assert!(volume.source.is_read_only());
    }
}
