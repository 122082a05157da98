//! PersistentVolumes with the annotations by which they share an export.

use ordinance_storage::json::Text;
use ordinance_storage::{OtherAnnotations, PersistentVolume};

/// A PersistentVolume with its sharing annotations.
pub(super) type PersistentVolumeView<'a> = PersistentVolume<'a, SharingAnnotations<'a>>;

/// The annotations that allow sharing.
#[derive(Debug, Default)]
pub(super) struct SharingAnnotations<'a> {
    /// `ordinance.dev/shared-with`.
    pub(super) shared_with: Text<'a>,
    /// `ordinance.dev/takes-over`.
    pub(super) takes_over: Text<'a>,
}

// === impl SharingAnnotations ===

impl<'a> OtherAnnotations<'a> for SharingAnnotations<'a> {
    fn field(&mut self, name: &str) -> Option<&mut Text<'a>> {
        match name {
            "ordinance.dev/shared-with" => Some(&mut self.shared_with),
            "ordinance.dev/takes-over" => Some(&mut self.takes_over),
            _ => None,
        }
    }
}
