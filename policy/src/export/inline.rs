//! The exports of inline volumes, which a pod mounts without a claim.

use super::{CsiVolume, Export, VolumeLocation};
use crate::catalogue;
use crate::settings::Settings;
use ordinance_storage::{CsiSource, MountOptions, VolumeSource};

// === impl Export ===

impl Export {
    /// Returns the export that a pod of a namespace mounts without a claim, if it is known. Only a CSI source has mount
    /// options, so the kubelet mounts the source `nfs` by version 4.
    pub(crate) fn of_inline(source: &VolumeSource<'_>, namespace: &str, settings: &Settings) -> Option<Self> {
        let exports = &settings.exports;
        let location = match source {
            VolumeSource::Nfs(source) => VolumeLocation::of_nfs(source, &MountOptions::default(), exports),
            VolumeSource::Cephfs(source) => VolumeLocation::of_cephfs(source, exports),
            VolumeSource::Glusterfs(source) => VolumeLocation::of_glusterfs(source, exports),
            VolumeSource::AzureFile(source) => VolumeLocation::of_azure_file(source, namespace, exports),
            VolumeSource::Quobyte(source) => VolumeLocation::of_quobyte(source, exports),
            VolumeSource::Csi(source) => csi_location(source, namespace, settings),
            _ => return None,
        };
        location.export()
    }
}

fn csi_location(source: &CsiSource<'_>, namespace: &str, settings: &Settings) -> VolumeLocation {
    let row = catalogue::find_located(&source.driver, &settings.drivers);
    let attribute =
        row.as_deref().filter(|row| !row.options.is_empty()).and_then(|row| source.attribute(row.options));
    let options = MountOptions::default().followed_by(attribute);
    CsiVolume { source, row: row.as_deref(), options: &options, namespace }.location(&settings.exports)
}
