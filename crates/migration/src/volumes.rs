//! The directories to migrate: where files of several ordinals are today, and who gets which.

use crate::PlanError;
use crate::mounts::{SharedMounts, below, outermost};
use crate::options::PlanOptions;
use crate::stored_set::StoredSet;
use ordinance_map::{Location, VolumeWriter};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most bytes of a file name.
const NAME_BYTES: usize = 255;

/// A directory of shared storage, and the ordinals whose files are in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMigration {
    /// The volume's root, e.g. `nfs://nas/srv/www` or `claim/shop/data`.
    pub location: String,
    /// The volumes and claim templates of the set that show it.
    pub volumes: Vec<String>,
    /// The source of the volume that the Job mounts.
    pub source: Value,
    /// The claim that the Job mounts, if it mounts one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// The directories below the root that have files of all ordinals; empty for the root itself.
    pub sources: Vec<String>,
    /// The entry of the root for checksums and incomplete copies.
    pub state: String,
    /// The ordinals and their directories below the root.
    pub directories: Vec<OrdinalDirectory>,
}

/// The directory of an ordinal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrdinalDirectory {
    /// The ordinal.
    pub ordinal: u64,
    /// From the root of the volume, e.g. `web-0`.
    pub directory: String,
    /// Whether it gets a copy of the files.
    pub gets_files: bool,
}

/// The mounts of a volume, with where it is for each ordinal.
pub(crate) struct LocatedMounts<'m> {
    pub(crate) name: String,
    pub(crate) mounts: SharedMounts,
    pub(crate) writers: Vec<&'m VolumeWriter>,
    /// The source of the pod's volume; `None` for a claim template.
    pub(crate) source: Option<Value>,
}

// === impl VolumeMigration ===

impl VolumeMigration {
    /// Returns the directories of all volumes, the outer ones first, each once.
    pub(crate) fn all(
        located: &[LocatedMounts<'_>],
        set: &StoredSet,
        options: &PlanOptions,
    ) -> Result<Vec<Self>, PlanError> {
        let mut found: BTreeMap<String, Self> = BTreeMap::new();
        for volume in located {
            for writer in &volume.writers {
                let location = root(&writer.location);
                let entry =
                    found.entry(location.clone()).or_insert_with(|| Self::of(location, volume, writer, set));
                entry.add(volume, writer, set, options)?;
            }
        }
        Ok(found.into_values().collect())
    }

    /// Returns a directory without ordinals.
    fn of(location: String, volume: &LocatedMounts<'_>, writer: &VolumeWriter, set: &StoredSet) -> Self {
        let of_claim = |claim: &String| json!({ "persistentVolumeClaim": { "claimName": claim } });
        let source =
            volume.source.clone().or_else(|| writer.claim.as_ref().map(of_claim)).unwrap_or_default();
        // A namespace has no dot, so the names of two sets differ.
        let mut state = format!(".ordinance-migration-{}.{}", set.namespace, set.name);
        state.truncate(NAME_BYTES);
        Self {
            location,
            volumes: Vec::new(),
            source,
            claim: writer.claim.clone(),
            sources: Vec::new(),
            state,
            directories: Vec::new(),
        }
    }

    fn add(
        &mut self,
        volume: &LocatedMounts<'_>,
        writer: &VolumeWriter,
        set: &StoredSet,
        options: &PlanOptions,
    ) -> Result<(), PlanError> {
        let directory = directory(volume, writer, set, options);
        match self.directories.iter().find(|known| known.ordinal == writer.pod.ordinal) {
            Some(known) if known.directory != directory => {
                let reason = format!("another volume shows {} too, with {}", self.location, known.directory);
                return Err(PlanError::Volume { volume: volume.name.clone(), reason });
            }
            Some(_) => {}
            None => {
                let ordinal = writer.pod.ordinal;
                let gets_files = options.owner.is_none_or(|owner| owner == ordinal);
                self.directories.push(OrdinalDirectory { ordinal, directory, gets_files });
            }
        }
        if !self.volumes.contains(&volume.name) {
            self.volumes.push(volume.name.clone());
            let known = self.sources.iter().map(|source| ordinance_storage::path::segments(source));
            let sources = outermost(known.chain(volume.mounts.sources.iter().cloned()).collect());
            self.sources = sources.iter().map(|source| source.join("/")).collect();
        }
        Ok(())
    }

    /// Returns whether an ordinal shares the directory with another one.
    pub fn is_shared(&self) -> bool {
        self.directories.len() > 1
    }

    /// Returns the entries of the root that the ordinals' directories are, or are in.
    pub(crate) fn tops(&self) -> Vec<&str> {
        let mut tops: Vec<&str> = Vec::new();
        for directory in &self.directories {
            let top = directory.directory.split('/').next().unwrap_or_default();
            if !tops.contains(&top) {
                tops.push(top);
            }
        }
        tops
    }
}

/// Returns the directory that an ordinal's expression stands for.
fn directory(
    volume: &LocatedMounts<'_>,
    writer: &VolumeWriter,
    set: &StoredSet,
    options: &PlanOptions,
) -> String {
    let pod = writer.pod.name();
    let own = if volume.mounts.has_namespace { below(&set.namespace, &pod) } else { pod };
    below(&options.prefix, &own)
}

/// Returns the root of the volume that a location is in.
pub(crate) fn root(location: &Location) -> String {
    format!("{}/{}", location.realm(), location.root().join("/"))
}
