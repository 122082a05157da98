//! The rows that are compiled in, by the kind of storage.
//!
//! Each cites the driver's own source or documentation, at the commit that was read. A driver whose behaviour could not be
//! found there has no row: `UNKNOWN` says what is missing.

mod cloud_files;
mod disks;
mod object_storage;
mod private;
mod protocols;
mod provisioners;
mod storage_systems;

use super::{Driver, PatternVariables};

pub(crate) use provisioners::NFS_SUBDIR;

/// What stands before and after the storage account in the name of a Secret that a provisioner of Azure made.
pub(crate) const AZURE_SECRET: (&str, &str) = ("azure-storage-account-", "-secret");

/// The variables of the drivers of kubernetes-csi and Azure.
const CSI_VARIABLES: PatternVariables<'static> = PatternVariables {
    volume: "${pv.metadata.name}",
    namespace: "${pvc.metadata.namespace}",
    claim: "${pvc.metadata.name}",
};

/// Drivers of which too little is published for a row, and what is missing. [`page`](super::page) lists them.
#[cfg(test)]
pub(super) const UNKNOWN: &[(&str, &str)] = &[
    (
        "csi.nutanix.com",
        "closed source; neither the attributes nor a static volume of Nutanix Files are documented",
    ),
    (
        "nas.csi.everest.io, sfsturbo.csi.everest.io (other attributes)",
        "closed source; only `everest.io/share-export-location` is documented",
    ),
    ("fstab/cifs and other FlexVolume drivers", "the source `flexVolume` is deprecated and never compared"),
    (
        "kadalu: absolute paths",
        "an absolute `path` leaves the pool (`os.path.join`), so such a volume can reach another pool",
    ),
];

/// Kinds of storage in the order of the page.
pub(super) const GROUPS: [(&str, &[Driver<'static>]); 7] = [
    ("Network file systems", protocols::ROWS),
    ("File storage of clouds", cloud_files::ROWS),
    ("Object storage", object_storage::ROWS),
    ("Storage systems", storage_systems::ROWS),
    ("Provisioners of in-tree volumes", provisioners::ROWS),
    ("Disks and volumes of one node", disks::ROWS),
    ("Inline volumes of one pod", private::ROWS),
];

/// Returns all rows.
pub(crate) fn rows() -> impl Iterator<Item = &'static Driver<'static>> {
    GROUPS.iter().flat_map(|(_, rows)| rows.iter())
}
