//! The volumes of a StatefulSet: which of them the replicas share, and how messages name them.
//!
//! A claim or an export that the pod names is the same for all replicas. A claim template gives each ordinal a claim of
//! its own. The files of every other volume are the pod's or the node's own.

use super::reserved_variable::IMPLICIT;
use crate::display::{Quoted, Shown};
use crate::export::Export;
use crate::settings::{Settings, Templates};
use ordinance_storage::{
    ClaimTemplate, MountedVolume, PlacedContainer, PodSpec, Steps, SubPath, VolumeKind, VolumeSource,
};
use std::cell::OnceCell;
use std::ops::Deref;

/// One of a pod's volumes, or a claim template, with all its mounts.
#[derive(Debug)]
pub(super) struct SetVolume<'a> {
    mounted: MountedVolume<'a>,
    /// The namespace of the set.
    namespace: &'a str,
    /// See [`SetVolume::inline_export`].
    export: OnceCell<Option<Export>>,
}

/// The files of a volume that a pod names. Two volumes with equal ones have the same files.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FileSource<'v> {
    /// A claim of the set's namespace.
    Claim(&'v str),
    /// A directory of a server, by realm and path.
    Export(String, &'v [String]),
    /// Files that only their source identifies.
    Other(&'v VolumeSource<'v>),
}

/// Returns the containers of a pod, whose expressions may use the reserved variables without a declaration.
pub(super) fn placed_containers<'a>(pod: &'a PodSpec<'a>, steps: &Steps) -> Vec<PlacedContainer<'a>> {
    PlacedContainer::all(pod, IMPLICIT, steps)
}

// === impl SetVolume ===

impl<'a> SetVolume<'a> {
    /// Returns the volumes of a pod whose files outlive it.
    pub(super) fn all(
        pod: &'a PodSpec<'a>,
        templates: &'a [ClaimTemplate<'a>],
        containers: &'a [PlacedContainer<'a>],
        namespace: &'a str,
    ) -> Vec<Self> {
        let volumes = MountedVolume::all(pod, templates, containers).into_iter();
        volumes.map(|mounted| Self { mounted, namespace, export: OnceCell::new() }).collect()
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
        self.files(settings).is_some_and(|files| other.files(settings) == Some(files))
    }

    /// Returns the files of a volume that the pod names; `None` if they are the pod's or the node's own, or on a disk.
    pub(super) fn files(&self, settings: &Settings) -> Option<FileSource<'_>> {
        match self.kind {
            VolumeKind::Template(_) | VolumeKind::Named(VolumeSource::Disk { .. } | VolumeSource::Other) => {
                None
            }
            VolumeKind::Named(VolumeSource::Claim(claim)) => Some(FileSource::Claim(&claim.claim_name)),
            VolumeKind::Named(source) => Some(match self.inline_export(settings) {
                Some(export) => FileSource::Export(export.realm(), export.segments()),
                None => FileSource::Other(source),
            }),
        }
    }

    /// Returns the export that the pod mounts without a claim, if it is known. It is read once.
    pub(super) fn inline_export(&self, settings: &Settings) -> Option<&Export> {
        let read = || match self.kind {
            VolumeKind::Named(source) => Export::of_inline(source, self.namespace, settings),
            VolumeKind::Template(_) => None,
        };
        self.export.get_or_init(read).as_ref()
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
        let name = Shown(self.name);
        format!("annotate the set ordinance.dev/shared-volumes: {name} if they share it on purpose")
    }

    /// Returns the field that declares the volume, e.g. `spec.template.spec.volumes[0]`.
    pub(super) fn field(&self) -> String {
        let list = if self.is_named() { "spec.template.spec.volumes" } else { "spec.volumeClaimTemplates" };
        format!("{list}[{}]", self.index)
    }

    /// Returns the volume as messages name it, e.g. `volume "data"`.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.noun(), Quoted(self.name))
    }
}

impl<'a> Deref for SetVolume<'a> {
    type Target = MountedVolume<'a>;

    fn deref(&self) -> &MountedVolume<'a> {
        &self.mounted
    }
}

/// Returns whether every replica that names the source has the same files, on every node.
fn is_shared(source: &VolumeSource<'_>, settings: &Settings) -> bool {
    match source {
        VolumeSource::Claim(_)
        | VolumeSource::Nfs(_)
        | VolumeSource::Cephfs(_)
        | VolumeSource::Glusterfs(_)
        | VolumeSource::AzureFile(_)
        | VolumeSource::Quobyte(_) => true,
        VolumeSource::Csi(csi) => {
            settings.isolation.shared_csi_drivers.contains(&csi.driver)
                || settings.drivers.has_inline(&csi.driver)
        }
        VolumeSource::Disk { .. } | VolumeSource::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_storage::json;

    /// Returns whether the first two volumes of a pod have the same files.
    fn are_same(volumes: &str) -> bool {
        let pod = format!(r#"{{"volumes":{volumes}}}"#);
        let pod: PodSpec<'_> = json::read(&pod).expect("a pod");
        let volumes = SetVolume::all(&pod, &[], &[], "default");
        let [one, other] = volumes.as_slice() else { panic!("{volumes:?}") };
        one.has_same_source(other, &Settings::default())
    }

    #[test]
    fn exports_are_the_same_however_they_are_written() {
        assert!(are_same(
            r#"[{"name":"a","nfs":{"server":"NAS.example.com.","path":"/srv/www/"}},
                {"name":"b","csi":{"driver":"nfs.csi.k8s.io","volumeAttributes":{"server":"nas.example.com","share":"/srv/www"}}}]"#
        ));
    }

    #[test]
    fn sources_without_an_export_are_compared_as_they_are_written() {
        let shares = |one: &str, other: &str| {
            are_same(&format!(
                r#"[{{"name":"a","azureFile":{{"secretName":"s","shareName":"{one}"}}}},
                    {{"name":"b","azureFile":{{"secretName":"s","shareName":"{other}"}}}}]"#
            ))
        };
        assert!(shares("x", "x"));
        assert!(!shares("x", "y"));
    }

    #[test]
    fn two_disks_are_never_the_same() {
        assert!(!are_same(r#"[{"name":"a","rbd":{"image":"i"}},{"name":"b","rbd":{"image":"i"}}]"#));
    }
}
