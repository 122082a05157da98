//! The few fields of a PersistentVolume that the rules read.

use crate::export::{CephfsSource, CsiSource, MountOptions, NfsSource, VolumeNames};
use crate::json::{self, Text};
use serde::Deserialize;

/// A PersistentVolume.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct View<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) metadata: Metadata<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) spec: Spec<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) status: Status<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) generate_name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) deletion_timestamp: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) annotations: Annotations<'a>,
}

/// By name, so that the long ones of other tools are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Annotations<'a> {
    #[serde(borrow, rename = "ordinance.dev/shared-with", deserialize_with = "json::lenient")]
    pub(super) shared_with: Text<'a>,
    #[serde(borrow, rename = "ordinance.dev/takes-over", deserialize_with = "json::lenient")]
    pub(super) takes_over: Text<'a>,
    /// Goes before `spec.mountOptions` even if it is empty.
    #[serde(borrow, rename = "volume.beta.kubernetes.io/mount-options")]
    mount_options: Option<Text<'a>>,
    #[serde(borrow, rename = "pv.kubernetes.io/provisioned-by", deserialize_with = "json::lenient")]
    provisioned_by: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec<'a> {
    #[serde(borrow)]
    pub(super) nfs: Option<NfsSource<'a>>,
    #[serde(borrow)]
    pub(super) cephfs: Option<CephfsSource<'a>>,
    #[serde(borrow)]
    pub(super) csi: Option<CsiSource<'a>>,
    #[serde(borrow, deserialize_with = "json::list")]
    access_modes: Vec<Text<'a>>,
    #[serde(borrow, deserialize_with = "json::list")]
    mount_options: Vec<Text<'a>>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    persistent_volume_reclaim_policy: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    claim_ref: ClaimRef<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClaimRef<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    namespace: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    uid: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) phase: Text<'a>,
}

// === impl View ===

impl View<'_> {
    /// The mount options in force.
    pub(super) fn mount_options(&self) -> MountOptions {
        let attribute = self.spec.csi.as_ref().and_then(|csi| match &*csi.driver {
            "nfs.csi.k8s.io" => csi.attribute("mountOptions"),
            _ => None,
        });
        match &self.metadata.annotations.mount_options {
            Some(entry) => MountOptions::of([&**entry].into_iter().chain(attribute)),
            None => MountOptions::of(self.spec.mount_options.iter().map(|entry| &**entry).chain(attribute)),
        }
    }

    /// Whether a read-only source, or `ReadOnlyMany` as the only access mode, promises what no kubelet enforces.
    pub(super) fn declares_read_only(&self) -> bool {
        let spec = &self.spec;
        spec.nfs.as_ref().is_some_and(|nfs| nfs.read_only)
            || spec.cephfs.as_ref().is_some_and(|cephfs| cephfs.read_only)
            || spec.csi.as_ref().is_some_and(|csi| csi.read_only)
            || (!spec.access_modes.is_empty()
                && spec.access_modes.iter().all(|mode| &**mode == "ReadOnlyMany"))
    }

    /// Whether its deletion runs `rm -rf` on the export.
    pub(super) fn is_recycled(&self) -> bool {
        &*self.spec.persistent_volume_reclaim_policy == "Recycle"
    }

    /// Whether a provisioner made it for a claim. What a backup restores has no uid of a claim.
    pub(super) fn is_provisioned(&self) -> bool {
        !self.metadata.annotations.provisioned_by.is_empty() && !self.spec.claim_ref.uid.is_empty()
    }

    /// The names that a sub-directory can be made of.
    pub(super) fn names<'v>(&'v self, volume: &'v str) -> VolumeNames<'v> {
        let known = |name: &'v str| Some(name).filter(|name| !name.is_empty());
        VolumeNames {
            volume: known(volume),
            claim: known(&self.spec.claim_ref.name),
            claim_namespace: known(&self.spec.claim_ref.namespace),
        }
    }
}
