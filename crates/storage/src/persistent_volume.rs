//! PersistentVolumes.

use crate::claim::Quantities;
use crate::json::{self, Raw, Text};
use crate::{CephfsSource, CsiSource, Metadata, MountOptions, NfsSource, NoAnnotations, OtherAnnotations};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// The prefix of the names that provisioners give, before the claim's uid.
const NAME_PREFIX: &str = "pvc-";

/// The attribute in which the CSI external-provisioner names itself.
const PROVISIONER_IDENTITY: &str = "storage.kubernetes.io/csiProvisionerIdentity";

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
    /// `pv.kubernetes.io/provisioned-by`. People write it on static volumes, too, as the examples of drivers do.
    provisioned_by: Text<'a>,
    /// `pv.kubernetes.io/bound-by-controller`: the control plane chose the claim, which provisioners choose themselves.
    is_bound_by_controller: bool,
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

    /// Returns whether the request to create the volume may come from a provisioner, which knows the uid of the claim. A
    /// backup restores a volume without it, and a static volume gets it when it is bound.
    pub fn may_be_provisioned(&self) -> bool {
        let annotations = &self.metadata.annotations;
        !annotations.provisioned_by.is_empty()
            && !annotations.is_bound_by_controller
            && !self.spec.claim_ref.uid.is_empty()
    }

    /// Returns whether a provisioner made the stored volume of this name. A static volume with the annotation
    /// `pv.kubernetes.io/provisioned-by` looks the same once it is bound, but lacks what only provisioners write: a name that
    /// is derived from the claim, or the identity of a CSI provisioner.
    pub fn is_provisioned(&self, name: &str) -> bool {
        let has_identity =
            || self.spec.csi.as_ref().is_some_and(|csi| csi.attribute(PROVISIONER_IDENTITY).is_some());
        let is_of_claim = || name.starts_with(NAME_PREFIX) || name.ends_with(&*self.spec.claim_ref.uid);
        self.may_be_provisioned() && (is_of_claim() || has_identity())
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
                "pv.kubernetes.io/bound-by-controller" => {
                    let value = map.next_value::<Option<Text<'de>>>()?;
                    annotations.is_bound_by_controller = value.is_some_and(|value| !value.is_empty());
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
    fn a_static_volume_stays_static_once_it_is_bound() {
        let bound = |more: &str, spec: &str| {
            format!(
                r#"{{"metadata":{{"annotations":{{"pv.kubernetes.io/provisioned-by":"nfs.csi.k8s.io"{more}}}}},
                    "spec":{{"claimRef":{{"uid":"7d4c"}}{spec}}}}}"#
            )
        };
        let by_controller = bound(r#","pv.kubernetes.io/bound-by-controller":"yes""#, "");
        assert!(!volume(&by_controller).is_provisioned("pvc-7d4c"));
        let plain = bound("", "");
        let plain = volume(&plain);
        for (name, is_provisioned) in [("uploads-b", false), ("pvc-7d4c", true), ("nfs-7d4c", true)] {
            assert_eq!(plain.is_provisioned(name), is_provisioned, "{name}");
        }
        let attributes = r#"{"storage.kubernetes.io/csiProvisionerIdentity":"1-2-nfs"}"#;
        let csi =
            bound("", &format!(r#","csi":{{"driver":"nfs.csi.k8s.io","volumeAttributes":{attributes}}}"#));
        assert!(volume(&csi).is_provisioned("vol-ab12"));
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
