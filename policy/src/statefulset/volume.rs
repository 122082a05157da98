//! The volumes of a StatefulSet: which of them the replicas share, and how messages name them.
//!
//! A claim or an export that the pod names is the same for all replicas. A claim template gives each ordinal a claim of
//! its own. The files of every other volume are the pod's or the node's own.

use super::reserved_variable::IMPLICIT;
use crate::export::Export;
use crate::settings::{Settings, Templates};
use ordinance_storage::{
    ClaimTemplate, MountedVolume, PlacedContainer, PodSpec, SubPath, VolumeKind, VolumeSource,
};
use std::ops::Deref;

/// One of a pod's volumes, or a claim template, with all its mounts.
#[derive(Debug)]
pub(super) struct SetVolume<'a>(MountedVolume<'a>);

/// Returns the containers of a pod, whose expressions may use the reserved variables without a declaration.
pub(super) fn placed_containers<'a>(pod: &'a PodSpec<'a>) -> Vec<PlacedContainer<'a>> {
    PlacedContainer::all(pod, IMPLICIT)
}

// === impl SetVolume ===

impl<'a> SetVolume<'a> {
    /// Returns the volumes of a pod whose files outlive it.
    pub(super) fn all(
        pod: &'a PodSpec<'a>,
        templates: &'a [ClaimTemplate<'a>],
        containers: &'a [PlacedContainer<'a>],
    ) -> Vec<Self> {
        MountedVolume::all(pod, templates, containers).into_iter().map(Self).collect()
    }

    /// Returns whether replicas may write to the same files through it.
    pub(super) fn is_shared(&self, settings: &Settings) -> bool {
        match self.kind {
            VolumeKind::Template(template) => match settings.isolation.claim_templates {
                Templates::ReadWriteMany => template.is_read_write_many(),
                Templates::Always => true,
                Templates::Never => false,
            },
            VolumeKind::Named(source) => is_shared(source, settings),
        }
    }

    /// Returns whether both have the same files, whatever the volumes are called.
    pub(super) fn has_same_source(&self, other: &SetVolume<'_>, settings: &Settings) -> bool {
        match (self.kind, other.kind) {
            (VolumeKind::Named(source), VolumeKind::Named(other)) => is_same(source, other, settings),
            _ => false,
        }
    }

    /// Returns the export that the pod mounts without a claim, if it is known.
    pub(super) fn inline_export(&self, settings: &Settings) -> Option<Export> {
        match self.kind {
            VolumeKind::Named(source) => Export::of_inline(source, &settings.exports),
            VolumeKind::Template(_) => None,
        }
    }

    /// The kind of the volume in messages.
    pub(super) fn noun(&self) -> &'static str {
        if self.is_named() { "volume" } else { "claim template" }
    }

    /// Returns the expression that gives each ordinal its own directory. Storage that a pod mounts without a claim is
    /// not bound to a namespace, so the expression names that too.
    pub(super) fn default_expression(&self) -> &'static str {
        match self.kind {
            VolumeKind::Template(_) | VolumeKind::Named(VolumeSource::Claim(_)) => "$(ORDINANCE_POD_NAME)",
            VolumeKind::Named(_) => "$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)",
        }
    }

    /// Returns both remedies for the mounts without a sub-path of a volume that replicas share: to isolate them, or to
    /// share the volume on purpose.
    pub(super) fn isolate_or_share_remedy(&self) -> String {
        let (expression, share) = (self.default_expression(), self.share_remedy());
        let has_sub_path = self.mounts.iter().any(|mount| mount.part() != SubPath::Root);
        let mounts = if has_sub_path { "its mounts without a sub-path" } else { "its mounts" };
        format!("Write subPathExpr: {expression} on {mounts}, or {share}")
    }

    /// Returns the remedies for a volume whose storage has no sub-paths: another volume, or to share it on purpose.
    pub(super) fn replace_or_share_remedy(&self) -> String {
        let other =
            if self.is_named() { "Use a claim template" } else { "Give each ordinal a volume of its own" };
        format!("{other}, or {}", self.share_remedy())
    }

    /// Returns the remedy that declares the sharing, to follow `or`.
    pub(super) fn share_remedy(&self) -> String {
        format!("annotate the set ordinance.dev/shared-volumes: {} if they share it on purpose", self.name)
    }

    /// Returns the field that declares the volume, e.g. `spec.template.spec.volumes[0]`.
    pub(super) fn field(&self) -> String {
        let list = if self.is_named() { "spec.template.spec.volumes" } else { "spec.volumeClaimTemplates" };
        format!("{list}[{}]", self.index)
    }

    /// Returns the volume as messages name it, e.g. `volume "data"`.
    pub(super) fn title(&self) -> String {
        format!("{} {:?}", self.noun(), self.name)
    }
}

impl<'a> Deref for SetVolume<'a> {
    type Target = MountedVolume<'a>;

    fn deref(&self) -> &MountedVolume<'a> {
        &self.0
    }
}

/// Returns whether every replica that names the source has the same files, on every node.
fn is_shared(source: &VolumeSource<'_>, settings: &Settings) -> bool {
    match source {
        VolumeSource::Claim(_)
        | VolumeSource::Nfs(_)
        | VolumeSource::Cephfs(_)
        | VolumeSource::Glusterfs(_)
        | VolumeSource::AzureFile(_) => true,
        VolumeSource::Csi(csi) => {
            settings.isolation.shared_csi_drivers.iter().any(|driver| **driver == *csi.driver)
        }
        VolumeSource::Disk { .. } | VolumeSource::Other => false,
    }
}

/// Returns whether two sources have the same files.
fn is_same(one: &VolumeSource<'_>, other: &VolumeSource<'_>, settings: &Settings) -> bool {
    match (one, other) {
        (VolumeSource::Claim(one), VolumeSource::Claim(other)) => one.claim_name == other.claim_name,
        (VolumeSource::Disk { .. } | VolumeSource::Other, _) => false,
        _ => one == other || has_same_export(one, other, settings),
    }
}

fn has_same_export(one: &VolumeSource<'_>, other: &VolumeSource<'_>, settings: &Settings) -> bool {
    let export = |source| Export::of_inline(source, &settings.exports);
    match (export(one), export(other)) {
        (Some(one), Some(other)) => one.realm() == other.realm() && one.segments() == other.segments(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_storage::PodVolume;

    fn source(json: &str) -> VolumeSource<'_> {
        serde_json::from_str::<PodVolume<'_>>(json).expect("a volume").source
    }

    #[test]
    fn exports_are_the_same_however_they_are_written() {
        let one = source(r#"{"nfs":{"server":"NAS.example.com.","path":"/srv/www/"}}"#);
        let other = source(
            r#"{"csi":{"driver":"nfs.csi.k8s.io","volumeAttributes":{"server":"nas.example.com","share":"/srv/www"}}}"#,
        );
        assert!(is_same(&one, &other, &Settings::default()));
    }

    #[test]
    fn two_volumes_of_a_pods_own_are_never_the_same() {
        let own = r#"{"emptyDir":{}}"#;
        assert!(!is_same(&source(own), &source(own), &Settings::default()));
    }
}
