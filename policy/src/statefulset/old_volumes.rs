//! The volumes of a set before an update, by the names and files that the new ones are compared with.

use super::volume::{FileSource, SetVolume};
use crate::settings::Settings;
use std::collections::BTreeMap;

/// The volumes of the old template.
pub(super) struct OldVolumes<'v, 'a> {
    all: &'v [SetVolume<'a>],
    by_name: BTreeMap<&'v str, OldVolume<'v, 'a>>,
    by_files: BTreeMap<FileSource<'v>, OldVolume<'v, 'a>>,
}

/// The first volume with a name or with certain files, and the first one of them that a container mounts.
struct OldVolume<'v, 'a> {
    first: &'v SetVolume<'a>,
    used: Option<&'v SetVolume<'a>>,
}

// === impl OldVolumes ===

impl<'v, 'a> OldVolumes<'v, 'a> {
    /// Arranges the volumes of the old template.
    pub(super) fn new(all: &'v [SetVolume<'a>], settings: &Settings) -> Self {
        let (mut by_name, mut by_files) = (BTreeMap::new(), BTreeMap::new());
        for volume in all {
            by_name.entry(volume.name).or_insert(OldVolume::of(volume)).add(volume);
            if let Some(files) = volume.files(settings) {
                by_files.entry(files).or_insert(OldVolume::of(volume)).add(volume);
            }
        }
        Self { all, by_name, by_files }
    }

    /// All volumes, in their order.
    pub(super) fn all(&self) -> &'v [SetVolume<'a>] {
        self.all
    }

    /// Returns the first volume of a name.
    pub(super) fn named(&self, name: &str) -> Option<&'v SetVolume<'a>> {
        self.by_name.get(name).map(|old| old.first)
    }

    /// Returns the volume of a name that a container mounts. At most one of a name has mounts.
    pub(super) fn used_by_name(&self, name: &str) -> Option<&'v SetVolume<'a>> {
        self.by_name.get(name).and_then(|old| old.used)
    }

    /// Returns whether a volume has the files of one of these.
    pub(super) fn have_files_of(&self, volume: &SetVolume<'_>, settings: &Settings) -> bool {
        volume.files(settings).is_some_and(|files| self.by_files.contains_key(&files))
    }

    /// Returns the first volume with the files of another one that a container mounts.
    pub(super) fn used_by_files(
        &self,
        volume: &SetVolume<'_>,
        settings: &Settings,
    ) -> Option<&'v SetVolume<'a>> {
        self.by_files.get(&volume.files(settings)?).and_then(|old| old.used)
    }
}

// === impl OldVolume ===

impl<'v, 'a> OldVolume<'v, 'a> {
    fn of(first: &'v SetVolume<'a>) -> Self {
        Self { first, used: None }
    }

    /// Notes a volume if it is the first used one.
    fn add(&mut self, volume: &'v SetVolume<'a>) {
        if self.used.is_none() && (volume.is_mounted() || volume.device.is_some()) {
            self.used = Some(volume);
        }
    }
}
