//! PersistentVolumes.

use crate::claim::Quantities;
use crate::json::{self, Raw, Text};
use crate::{CephfsSource, CsiSource, Metadata, MountOptions, NfsSource, NoAnnotations, OtherAnnotations};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A PersistentVolume; `O` reads annotations that Kubernetes does not define, `L` the labels, and `R` the fields that only
/// the control plane needs.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    bound(
        deserialize = "O: OtherAnnotations<'a>, L: Default + Deserialize<'de>, R: Default + Deserialize<'de>"
    )
)]
pub struct PersistentVolume<'a, O = NoAnnotations, L = IgnoredAny, R = IgnoredAny> {
    /// `metadata`.
    #[serde(borrow, deserialize_with = "json::object")]
    pub metadata: Metadata<'a, VolumeAnnotations<'a, O>, L>,
    /// `spec`.
    #[serde(borrow, deserialize_with = "json::object")]
    pub spec: PersistentVolumeSpec<'a, R>,
    #[serde(borrow, deserialize_with = "json::object")]
    status: VolumeStatus<'a>,
}

/// The annotations of a PersistentVolume that Kubernetes defines, and others that `O` reads.
#[derive(Debug, Default)]
pub struct VolumeAnnotations<'a, O = NoAnnotations> {
    /// `volume.beta.kubernetes.io/mount-options`: replaces `spec.mountOptions` even if it is empty.
    mount_options: Option<Text<'a>>,
    /// `pv.kubernetes.io/provisioned-by`.
    provisioned_by: Text<'a>,
    /// Annotations that Kubernetes does not define.
    pub other: O,
}

/// `spec` of a PersistentVolume.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "R: Default + Deserialize<'de>"))]
pub struct PersistentVolumeSpec<'a, R = IgnoredAny> {
    /// `nfs`.
    #[serde(borrow)]
    pub nfs: Option<NfsSource<'a>>,
    /// `cephfs`.
    #[serde(borrow)]
    pub cephfs: Option<CephfsSource<'a>>,
    /// `csi`.
    #[serde(borrow)]
    pub csi: Option<CsiSource<'a>>,
    /// e.g. `ReadWriteMany`.
    #[serde(borrow, deserialize_with = "json::list")]
    pub access_modes: Vec<Text<'a>>,
    #[serde(borrow, deserialize_with = "json::list")]
    mount_options: Vec<Text<'a>>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    persistent_volume_reclaim_policy: Text<'a>,
    /// The claim that the volume is bound to or reserved for; its fields are empty if there is none.
    #[serde(borrow, deserialize_with = "json::object")]
    pub claim_ref: ClaimReference<'a>,
    capacity: R,
    storage_class_name: R,
    volume_mode: R,
}

/// `claimRef`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClaimReference<'a> {
    /// The claim's namespace.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub namespace: Text<'a>,
    /// The claim's name.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Text<'a>,
    /// The claim's uid; empty while the volume is only reserved.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub uid: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VolumeStatus<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    phase: Text<'a>,
}

/// The names that a CSI driver fills in for `${pv.metadata.name}` and the like in a sub-directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VolumeNames<'a> {
    /// The name of the PersistentVolume.
    pub volume: Option<&'a str>,
    /// The name of its claim.
    pub claim: Option<&'a str>,
    /// The namespace of its claim.
    pub claim_namespace: Option<&'a str>,
}

// === impl PersistentVolume ===

impl<O, L, R> PersistentVolume<'_, O, L, R> {
    /// Returns the mount options in force: those of the annotation, else those of `spec`; and for the NFS driver those
    /// of its attribute `mountOptions`, which it appends.
    pub fn mount_options(&self) -> MountOptions {
        let attribute = self.spec.csi.as_ref().and_then(|csi| match &*csi.driver {
            "nfs.csi.k8s.io" => csi.attribute("mountOptions"),
            _ => None,
        });
        match &self.metadata.annotations.mount_options {
            Some(entry) => MountOptions::of([&**entry].into_iter().chain(attribute)),
            None => MountOptions::of(self.spec.mount_options.iter().map(|entry| &**entry).chain(attribute)),
        }
    }

    /// Returns whether a read-only source, or `ReadOnlyMany` as the only access mode, declares the volume read-only.
    /// The kubelet enforces neither.
    pub fn declares_read_only(&self) -> bool {
        let spec = &self.spec;
        spec.nfs.as_ref().is_some_and(|nfs| nfs.read_only)
            || spec.cephfs.as_ref().is_some_and(|cephfs| cephfs.read_only)
            || spec.csi.as_ref().is_some_and(|csi| csi.read_only)
            || (!spec.access_modes.is_empty()
                && spec.access_modes.iter().all(|mode| &**mode == "ReadOnlyMany"))
    }

    /// Returns whether the control plane runs `rm -rf` on the volume when its claim is deleted.
    pub fn is_recycled(&self) -> bool {
        &*self.spec.persistent_volume_reclaim_policy == "Recycle"
    }

    /// Returns whether a provisioner made the volume for a claim. A volume that a backup restores has no uid of a claim.
    pub fn is_provisioned(&self) -> bool {
        !self.metadata.annotations.provisioned_by.is_empty() && !self.spec.claim_ref.uid.is_empty()
    }

    /// `status.phase`, e.g. `Released`; empty in a manifest.
    pub fn phase(&self) -> &str {
        &self.status.phase
    }

    /// Returns the names for a sub-directory; `volume` is the volume's own name.
    pub fn names<'v>(&'v self, volume: &'v str) -> VolumeNames<'v> {
        let known = |name: &'v str| Some(name).filter(|name| !name.is_empty());
        VolumeNames {
            volume: known(volume),
            claim: known(&self.spec.claim_ref.name),
            claim_namespace: known(&self.spec.claim_ref.namespace),
        }
    }
}

// === impl PersistentVolumeSpec ===

/// Each parser fails if the field has another type than the API says.
impl<'a> PersistentVolumeSpec<'a, Raw<'a>> {
    /// Parses `capacity.storage`, e.g. `5Gi`.
    pub fn storage(&self) -> Result<Option<&'a str>, serde_json::Error> {
        self.capacity.parse::<Quantities<'a>>().map(|capacity| capacity.storage())
    }

    /// Parses `storageClassName`; empty means none.
    pub fn storage_class(&self) -> Result<Text<'a>, serde_json::Error> {
        self.storage_class_name.parse()
    }

    /// Parses `volumeMode`; empty means `Filesystem`.
    pub fn volume_mode(&self) -> Result<Text<'a>, serde_json::Error> {
        self.volume_mode.parse()
    }
}

// === impl VolumeAnnotations ===

impl<'de: 'a, 'a, O: OtherAnnotations<'a>> Deserialize<'de> for VolumeAnnotations<'a, O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnnotationsVisitor(PhantomData))
    }
}

struct AnnotationsVisitor<'a, O>(PhantomData<VolumeAnnotations<'a, O>>);

impl<'de: 'a, 'a, O: OtherAnnotations<'a>> Visitor<'de> for AnnotationsVisitor<'a, O> {
    type Value = VolumeAnnotations<'a, O>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut annotations = Self::Value::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name {
                "volume.beta.kubernetes.io/mount-options" => annotations.mount_options = map.next_value()?,
                "pv.kubernetes.io/provisioned-by" => {
                    annotations.provisioned_by = map.next_value::<Option<_>>()?.unwrap_or_default();
                }
                name => match annotations.other.field(name) {
                    Some(field) => *field = map.next_value::<Option<_>>()?.unwrap_or_default(),
                    None => drop(map.next_value::<IgnoredAny>()?),
                },
            }
        }
        Ok(annotations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(text: &str) -> PersistentVolume<'_, NoAnnotations, IgnoredAny, Raw<'_>> {
        json::read(text).expect("a PersistentVolume")
    }

    #[test]
    fn an_annotation_replaces_the_mount_options_of_spec() {
        let spec = r#""spec":{"mountOptions":["ro","port=2050"]}"#;
        assert!(volume(&format!("{{{spec}}}")).mount_options().is_read_only());
        let annotated = |value: &str| {
            format!(
                r#"{{"metadata":{{"annotations":{{"volume.beta.kubernetes.io/mount-options":{value}}}}},{spec}}}"#
            )
        };
        assert_eq!(volume(&annotated(r#""hard""#)).mount_options(), MountOptions::default());
        assert_eq!(volume(&annotated(r#""""#)).mount_options(), MountOptions::default());
        assert!(volume(&annotated("null")).mount_options().is_read_only());
    }

    #[test]
    fn only_the_nfs_driver_appends_its_attribute() {
        let csi = |driver: &str| {
            format!(
                r#"{{"spec":{{"mountOptions":["hard"],"csi":{{"driver":"{driver}","volumeAttributes":{{"mountoptions":"ro,v3"}}}}}}}}"#
            )
        };
        assert_eq!(volume(&csi("nfs.csi.k8s.io")).mount_options(), MountOptions::of(["ro", "v3"]));
        assert_eq!(volume(&csi("smb.csi.k8s.io")).mount_options(), MountOptions::default());
    }

    #[test]
    fn raw_fields_are_parsed_on_demand() {
        let volume =
            volume(r#"{"spec":{"capacity":{"storage":"5Gi"},"storageClassName":null,"volumeMode":7}}"#);
        assert_eq!(volume.spec.storage().ok(), Some(Some("5Gi")));
        assert_eq!(volume.spec.storage_class().ok().as_deref(), Some(""));
        assert!(volume.spec.volume_mode().is_err());
    }
}
