//! A PersistentVolume as the rules see it: where it lies, what others need to know of it, and how messages name it.

use super::metadata::View;
use super::note::Note;
use crate::display::{quoted_name, short_name};
use crate::export::{Area, Export, Place};
use crate::settings::{Exports, Settings};
use ordinance_contract::{Key, Stance};
use ordinance_storage::{Attributes, CsiSource};

/// A PersistentVolume.
#[derive(Debug)]
pub(super) struct Volume {
    /// Empty while the API server has not generated it.
    pub(super) name: String,
    /// e.g. `PersistentVolume "pv"`.
    pub(super) title: String,
    /// The name without quotes, or what it will begin with.
    pub(super) short: String,
    pub(super) note: Note,
    pub(super) is_provisioned: bool,
    pub(super) seat: Option<Seat>,
    pub(super) handle: Option<Handle>,
    /// A directory that can't be known: what stays unresolved of it.
    pub(super) unknown: Option<String>,
    /// The field that says where it lies.
    pub(super) field: String,
}

/// What a volume holds for itself.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) realm: String,
    pub(super) path: Vec<String>,
    /// None of a volume of which nothing is known but the handle.
    pub(super) export: Option<Export>,
    /// How many segments the topmost of the `exports.shared` has that it is at or below.
    pub(super) shared: Option<usize>,
}

/// A driver's own name of a volume; no two PersistentVolumes should have one.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    realm: String,
    path: Vec<String>,
}

// === impl Volume ===

impl Volume {
    /// Normalises a volume of this name, which may not be known yet.
    pub(super) fn new(view: &View<'_>, name: &str, settings: &Settings) -> Self {
        let name = if name.is_empty() { &*view.metadata.name } else { name };
        let place = place(view, name, settings);
        let handle = view.spec.csi.as_ref().and_then(Handle::of);
        let (export, unknown) = match place {
            Place::Export(export) => (Some(export), None),
            Place::Unknown(path) => (None, Some(path)),
            Place::Elsewhere => (None, None),
        };
        let mut note = Note::of(view, export.as_ref(), &settings.exports);
        let by_handle = view
            .spec
            .csi
            .as_ref()
            .filter(|csi| export.is_none() && (unknown.is_some() || !csi.is_located_by_attributes()));
        note.attributes = by_handle.map(|csi| digest(&csi.volume_attributes));
        let handle_seat = handle.clone().filter(|_| by_handle.is_some()).map(Seat::from);
        let generated = format!("{}*", &*view.metadata.generate_name);
        let shown = if name.is_empty() { &generated } else { name };
        Self {
            name: name.to_owned(),
            title: format!("PersistentVolume {}", quoted_name(shown)),
            short: short_name(shown),
            note,
            is_provisioned: view.is_provisioned(),
            seat: export.map(|export| Seat::new(export, &settings.exports)).or(handle_seat),
            handle,
            unknown,
            field: field(view),
        }
    }

    /// The keys: what it sits on is held, its handle, which is only worth a warning, used.
    pub(super) fn keys(&self) -> Vec<Key> {
        let held = self.seat.as_ref().map(|seat| Key {
            realm: seat.realm.clone(),
            path: seat.path.clone(),
            stance: Stance::Holds,
            note: String::from(&self.note),
        });
        let handle = self.handle.as_ref().filter(|handle| !handle.is_seat(self.seat.as_ref()));
        let used = handle.map(|handle| Key {
            realm: handle.realm.clone(),
            path: handle.path.clone(),
            stance: Stance::Uses,
            note: String::new(),
        });
        held.into_iter().chain(used).collect()
    }
}

// === impl Seat ===

impl Seat {
    fn new(export: Export, settings: &Exports) -> Self {
        Self {
            realm: export.realm(),
            path: export.segments().to_vec(),
            shared: shared(&export, settings),
            export: Some(export),
        }
    }
}

impl From<Handle> for Seat {
    fn from(handle: Handle) -> Self {
        Self { realm: handle.realm, path: handle.path, export: None, shared: None }
    }
}

// === impl Handle ===

impl Handle {
    fn of(csi: &CsiSource<'_>) -> Option<Self> {
        if csi.driver.is_empty() || csi.volume_handle.is_empty() {
            return None;
        }
        Some(Self { realm: format!("csi://{}", &*csi.driver), path: vec![(*csi.volume_handle).to_owned()] })
    }

    fn is_seat(&self, seat: Option<&Seat>) -> bool {
        seat.is_some_and(|seat| self.is(&seat.realm, &seat.path))
    }

    /// Whether a key is this handle's.
    pub(super) fn is(&self, realm: &str, path: &[String]) -> bool {
        self.realm == realm && self.path == *path
    }
}

/// The depth of the topmost path of `exports.shared` that the export is at or below.
fn shared(export: &Export, settings: &Exports) -> Option<usize> {
    settings
        .shared
        .iter()
        .filter_map(|area| Area::parse(area, settings))
        .filter(|area| export.is_within(area))
        .map(|area| area.depth())
        .min()
}

/// Where a volume lies.
fn place(view: &View<'_>, name: &str, settings: &Settings) -> Place {
    let exports = &settings.exports;
    let export = match &view.spec {
        spec if let Some(nfs) = &spec.nfs => Export::of_nfs(nfs, &view.mount_options(), exports),
        spec if let Some(cephfs) = &spec.cephfs => Export::of_cephfs(cephfs, exports),
        spec if let Some(csi) = &spec.csi => {
            return Place::of_csi(csi, &view.mount_options(), view.names(name), exports);
        }
        _ => None,
    };
    export.map_or(Place::Elsewhere, Place::Export)
}

/// The field that says where a volume lies.
fn field(view: &View<'_>) -> String {
    match &view.spec.csi {
        Some(csi) => csi.field(),
        None if view.spec.cephfs.is_some() => "spec.cephfs.path".to_owned(),
        None => "spec.nfs.path".to_owned(),
    }
}

/// What the attributes say, short (FNV-1a); who provisioned the volume for whom left out.
fn digest(attributes: &Attributes<'_>) -> String {
    let bookkeeping =
        |key: &str| key.starts_with("csi.storage.k8s.io/") || key.starts_with("storage.kubernetes.io/");
    let hash = attributes
        .iter()
        .filter(|(key, _)| !bookkeeping(key))
        .flat_map(|(key, value)| key.bytes().chain([0]).chain(value.bytes()).chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:x}")
}
