//! A PersistentVolume as the rules need it: its location, its keys with their note, and its names in messages.

use super::metadata::PersistentVolumeView;
use super::note::VolumeNote;
use crate::display::{quoted_name, short_name};
use crate::export::{Export, ServerPath, VolumeLocation};
use crate::settings::{Exports, Settings};
use ordinance_contract::{Key, Stance};
use ordinance_storage::{Attributes, CsiSource};

/// A normalised PersistentVolume.
#[derive(Debug)]
pub(super) struct Volume {
    /// Empty while the API server has not generated it.
    pub(super) name: String,
    /// The volume as messages name it, e.g. `PersistentVolume "pv"`.
    pub(super) title: String,
    /// The name without quotes, shortened; a generated name is its prefix and `*`.
    pub(super) short: String,
    pub(super) note: VolumeNote,
    pub(super) may_be_provisioned: bool,
    pub(super) held: Option<HeldKey>,
    pub(super) handle: Option<VolumeHandle>,
    /// The path with its unresolved variables, if the directory cannot be known.
    pub(super) unresolved: Option<String>,
    /// The field that names the directory, e.g. `spec.nfs.path`.
    pub(super) field: String,
}

/// The key that a volume holds.
#[derive(Debug)]
pub(super) struct HeldKey {
    pub(super) realm: String,
    pub(super) path: Vec<String>,
    /// `None` for a volume that only its handle locates.
    pub(super) export: Option<Export>,
    /// The number of segments of the topmost path of `exports.shared` that the volume is at or below.
    pub(super) shared: Option<usize>,
}

/// The name that a CSI driver gives a volume; two PersistentVolumes should not have the same one.
#[derive(Clone, Debug)]
pub(super) struct VolumeHandle {
    realm: String,
    path: Vec<String>,
}

// === impl Volume ===

impl Volume {
    /// Normalises a volume; `name` is empty if the API server has not generated it yet.
    pub(super) fn new(view: &PersistentVolumeView<'_>, name: &str, settings: &Settings) -> Self {
        let name = if name.is_empty() { &*view.metadata.name } else { name };
        let location = location(view, name, settings);
        let handle = view.spec.csi.as_ref().and_then(VolumeHandle::of);
        let (export, unresolved) = match location {
            VolumeLocation::Export(export) => (Some(export), None),
            VolumeLocation::Unresolved(path) => (None, Some(path)),
            VolumeLocation::Unsupported => (None, None),
        };
        let mut note = VolumeNote::of(view, name, export.as_ref(), &settings.exports);
        let by_handle = view
            .spec
            .csi
            .as_ref()
            .filter(|csi| export.is_none() && (unresolved.is_some() || !csi.is_located_by_attributes()));
        note.attributes = by_handle.map(|csi| digest(&csi.volume_attributes));
        let held_handle = handle.clone().filter(|_| by_handle.is_some()).map(HeldKey::from);
        let generated = format!("{}*", &*view.metadata.generate_name);
        let shown = if name.is_empty() { &generated } else { name };
        Self {
            name: name.to_owned(),
            title: format!("PersistentVolume {}", quoted_name(shown)),
            short: short_name(shown),
            note,
            may_be_provisioned: view.may_be_provisioned(),
            held: export.map(|export| HeldKey::new(export, &settings.exports)).or(held_handle),
            handle,
            unresolved,
            field: field(view),
        }
    }

    /// Returns the keys. The volume holds its export. It only uses its handle, since equal handles only warn.
    pub(super) fn keys(&self) -> Vec<Key> {
        let held = self.held.as_ref().map(|held| Key {
            realm: held.realm.clone(),
            path: held.path.clone(),
            stance: Stance::Holds,
            note: String::from(&self.note),
        });
        let handle = self.handle.as_ref().filter(|handle| !handle.is_held(self.held.as_ref()));
        let used = handle.map(|handle| Key {
            realm: handle.realm.clone(),
            path: handle.path.clone(),
            stance: Stance::Uses,
            note: String::new(),
        });
        held.into_iter().chain(used).collect()
    }
}

// === impl HeldKey ===

impl HeldKey {
    fn new(export: Export, settings: &Exports) -> Self {
        Self {
            realm: export.realm(),
            path: export.segments().to_vec(),
            shared: shared(&export, settings),
            export: Some(export),
        }
    }
}

impl From<VolumeHandle> for HeldKey {
    fn from(handle: VolumeHandle) -> Self {
        Self { realm: handle.realm, path: handle.path, export: None, shared: None }
    }
}

// === impl VolumeHandle ===

impl VolumeHandle {
    fn of(csi: &CsiSource<'_>) -> Option<Self> {
        if csi.driver.is_empty() || csi.volume_handle.is_empty() {
            return None;
        }
        Some(Self { realm: format!("csi://{}", &*csi.driver), path: vec![(*csi.volume_handle).to_owned()] })
    }

    fn is_held(&self, held: Option<&HeldKey>) -> bool {
        held.is_some_and(|held| self.is(&held.realm, &held.path))
    }

    /// Returns whether a key is that of this handle.
    pub(super) fn is(&self, realm: &str, path: &[String]) -> bool {
        self.realm == realm && self.path == *path
    }
}

/// Returns the depth of the topmost path of `exports.shared` that the export is at or below.
fn shared(export: &Export, settings: &Exports) -> Option<usize> {
    settings
        .shared
        .iter()
        .filter_map(|area| ServerPath::parse(area, settings))
        .filter(|area| export.is_within(area))
        .map(|area| area.depth())
        .min()
}

/// Returns where a volume is located.
fn location(view: &PersistentVolumeView<'_>, name: &str, settings: &Settings) -> VolumeLocation {
    let exports = &settings.exports;
    let export = match &view.spec {
        spec if let Some(nfs) = &spec.nfs => Export::of_nfs(nfs, &view.mount_options(), exports),
        spec if let Some(cephfs) = &spec.cephfs => Export::of_cephfs(cephfs, exports),
        spec if let Some(csi) = &spec.csi => {
            return VolumeLocation::of_csi(csi, &view.mount_options(), view.names(name), exports);
        }
        _ => None,
    };
    export.map_or(VolumeLocation::Unsupported, VolumeLocation::Export)
}

/// Returns the field that names the directory of a volume.
fn field(view: &PersistentVolumeView<'_>) -> String {
    match &view.spec.csi {
        Some(csi) => csi.field(),
        None if view.spec.cephfs.is_some() => "spec.cephfs.path".to_owned(),
        None => "spec.nfs.path".to_owned(),
    }
}

/// Returns a digest (FNV-1a) of the attributes without those that name the provisioner and the claim.
fn digest(attributes: &Attributes<'_>) -> String {
    let is_bookkeeping =
        |key: &str| key.starts_with("csi.storage.k8s.io/") || key.starts_with("storage.kubernetes.io/");
    let hash = attributes
        .iter()
        .filter(|(key, _)| !is_bookkeeping(key))
        .flat_map(|(key, value)| key.bytes().chain([0]).chain(value.bytes()).chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:x}")
}
