//! The exports of inline volumes, which a pod mounts without a claim.

use super::{Export, VolumeLocation};
use crate::settings::Exports;
use ordinance_storage::{CsiSource, MountOptions, VolumeNames, VolumeSource};

// === impl Export ===

impl Export {
    /// Returns the export that a pod mounts without a claim, if it is known. Only a CSI source has mount options, so
    /// the kubelet mounts the source `nfs` by version 4.
    pub(crate) fn of_inline(source: &VolumeSource<'_>, settings: &Exports) -> Option<Self> {
        match source {
            VolumeSource::Nfs(source) => Self::of_nfs(source, &MountOptions::default(), settings),
            VolumeSource::Cephfs(source) => Self::of_cephfs(source, settings),
            VolumeSource::Csi(source) => csi_export(source, settings),
            _ => None,
        }
    }
}

fn csi_export(source: &CsiSource<'_>, settings: &Exports) -> Option<Export> {
    let options = MountOptions::of(source.attribute("mountOptions"));
    VolumeLocation::of_csi(source, &options, VolumeNames::default(), settings).export()
}
