//! PersistentVolumes.

use crate::claim::Quantities;
use crate::json::{self, Raw, Text};
use crate::{
    AzureFileSource, CephfsSource, CsiSource, GlusterfsSource, Metadata, MountOptions, NfsSource,
    NoAnnotations, NodePath, OtherAnnotations, QuobyteSource,
};
use ordinance_json::RawText;
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

/// `spec` of a PersistentVolume. Most volumes have one of the sources, so those that are large are boxed: an object is moved
/// several times while it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "R: Default + Deserialize<'de>"))]
pub struct PersistentVolumeSpec<'a, R = IgnoredAny> {
    /// `nfs`.
    #[serde(borrow)]
    pub nfs: Option<NfsSource<'a>>,
    /// `cephfs`.
    #[serde(borrow)]
    pub cephfs: Option<Box<CephfsSource<'a>>>,
    /// `glusterfs`.
    #[serde(borrow)]
    pub glusterfs: Option<Box<GlusterfsSource<'a>>>,
    /// `azureFile`.
    #[serde(borrow)]
    pub azure_file: Option<Box<AzureFileSource<'a>>>,
    /// `quobyte`.
    #[serde(borrow)]
    pub quobyte: Option<Box<QuobyteSource<'a>>>,
    /// `local`.
    #[serde(borrow)]
    pub local: Option<Box<NodePath<'a>>>,
    /// `hostPath`.
    #[serde(borrow)]
    pub host_path: Option<Box<NodePath<'a>>>,
    /// `csi`.
    #[serde(borrow)]
    pub csi: Option<Box<CsiSource<'a>>>,
    #[serde(borrow)]
    node_affinity: Raw<'a>,
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

/// The node that a volume is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeName<'a> {
    /// The nodes with these values of the label `kubernetes.io/hostname`, sorted.
    Hosts(Vec<Text<'a>>),
    /// `nodeAffinity.required` in any other form, as canonical JSON.
    Other(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeAffinity<'a> {
    #[serde(borrow)]
    required: RawRequired<'a>,
}

#[derive(Default, Deserialize)]
#[serde(transparent)]
struct RawRequired<'a>(#[serde(borrow)] Option<RawText<'a>>);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeSelector<'a> {
    #[serde(borrow, deserialize_with = "json::objects")]
    node_selector_terms: Vec<NodeSelectorTerm<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeSelectorTerm<'a> {
    #[serde(borrow, deserialize_with = "json::objects")]
    match_expressions: Vec<NodeRequirement<'a>>,
    match_fields: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeRequirement<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    key: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    operator: Text<'a>,
    #[serde(borrow, deserialize_with = "json::list")]
    values: Vec<Text<'a>>,
}

// === impl NodeSelectorTerm ===

impl<'a> NodeSelectorTerm<'a> {
    /// Returns the host names, if the term requires nothing else.
    fn hosts(&self) -> Option<Vec<Text<'a>>> {
        let [requirement] = self.match_expressions.as_slice() else { return None };
        let is_host = &*requirement.key == "kubernetes.io/hostname" && &*requirement.operator == "In";
        if !is_host || self.match_fields.is_some() || requirement.values.is_empty() {
            return None;
        }
        let mut hosts = requirement.values.clone();
        hosts.sort_unstable();
        hosts.dedup();
        Some(hosts)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VolumeStatus<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    phase: Text<'a>,
}

// === impl PersistentVolume ===

impl<O, L, R> PersistentVolume<'_, O, L, R> {
    /// Returns the mount options in force: those of the annotation, else those of `spec`.
    pub fn mount_options(&self) -> MountOptions<'_> {
        match &self.metadata.annotations.mount_options {
            Some(entry) => MountOptions::of([&**entry]),
            None => MountOptions::of(self.spec.mount_options.iter().map(|entry| &**entry)),
        }
    }

    /// Returns whether a read-only source, or `ReadOnlyMany` as the only access mode, declares the volume read-only.
    /// The kubelet enforces neither.
    pub fn declares_read_only(&self) -> bool {
        let spec = &self.spec;
        spec.nfs.as_ref().is_some_and(|nfs| nfs.read_only)
            || spec.cephfs.as_ref().is_some_and(|cephfs| cephfs.read_only)
            || spec.glusterfs.as_ref().is_some_and(|glusterfs| glusterfs.read_only)
            || spec.azure_file.as_ref().is_some_and(|azure_file| azure_file.read_only)
            || spec.quobyte.as_ref().is_some_and(|quobyte| quobyte.read_only)
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
        let is_of_claim = || name.starts_with(NAME_PREFIX) || name.ends_with(&*self.spec.claim_ref.uid);
        self.may_be_provisioned() && (is_of_claim() || self.has_provisioner_identity())
    }

    /// Returns whether the attributes name the CSI provisioner that made the volume.
    pub fn has_provisioner_identity(&self) -> bool {
        self.spec.csi.as_ref().is_some_and(|csi| csi.attribute(PROVISIONER_IDENTITY).is_some())
    }

    /// `status.phase`, e.g. `Released`; empty in a manifest.
    pub fn phase(&self) -> &str {
        &self.status.phase
    }
}

// === impl PersistentVolumeSpec ===

impl<'a, R> PersistentVolumeSpec<'a, R> {
    /// Returns the node that the volume is bound to: a host name, or the text of a `nodeAffinity` that says more. `None` if
    /// the volume is on any node.
    pub fn node(&self) -> Option<NodeName<'a>> {
        let affinity: NodeAffinity<'a> = self.node_affinity.parse().ok()?;
        let required = affinity.required.0?;
        let terms = ordinance_json::read::<NodeSelector<'a>>(required.get()).ok()?.node_selector_terms;
        let hosts = match terms.as_slice() {
            [term] => term.hosts(),
            _ => None,
        };
        Some(match hosts {
            Some(hosts) => NodeName::Hosts(hosts),
            None => NodeName::Other(json::canonical(required.get()).unwrap_or_default()),
        })
    }
}

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
        assert_eq!(volume(&annotated(r#""hard""#)).mount_options(), MountOptions::of(["hard"]));
        assert_eq!(volume(&annotated(r#""""#)).mount_options(), MountOptions::default());
        assert!(volume(&annotated("null")).mount_options().is_read_only());
    }

    #[test]
    fn a_volume_is_on_the_node_that_its_affinity_names() {
        let on = |terms: &str| {
            let text =
                format!(r#"{{"spec":{{"nodeAffinity":{{"required":{{"nodeSelectorTerms":{terms}}}}}}}}}"#);
            volume(&text).spec.node().map(|node| format!("{node:?}"))
        };
        let host = |more: &str| {
            format!(
                r#"[{{"matchExpressions":[{{"key":"kubernetes.io/hostname","operator":"In","values":["w1"{more}]}}]}}]"#
            )
        };
        assert_eq!(on(&host("")).as_deref(), Some(r#"Hosts([Text("w1")])"#));
        assert_eq!(on(&host(r#","w2""#)), on(&host(r#","w2","w1""#)));
        assert_eq!(volume(r#"{"spec":{}}"#).spec.node(), None);
        assert_eq!(volume(r#"{"spec":{"nodeAffinity":{"required":null}}}"#).spec.node(), None);
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
