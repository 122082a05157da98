//! A PersistentVolume as the rules need it: its location, its keys with their note, and its names in messages.

use super::conflict::ConflictKind;
use super::metadata::PersistentVolumeView;
use super::note::VolumeNote;
use crate::catalogue::{self, Driver};
use crate::display::{fingerprint, quoted_name, short_name};
use crate::export::{CsiVolume, Evidence, Export, ServerPath, VolumeLocation};
use crate::settings::{Exports, Settings};
use ordinance_contract::{Key, Stance};
use ordinance_storage::{Attributes, CsiSource, MountOptions};

/// The namespace of the Secret that an attribute names without one (`pkg/azurefile/azurefile.go` of azurefile-csi-driver).
const SECRETS: &str = "default";

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
    /// Keys that the volume only uses, since another volume with one merely warns.
    pub(super) used: Vec<UsedKey>,
    /// What cannot be known about the place of the volume.
    pub(super) unknown: Option<UnknownPlace>,
    /// The field that names the directory, e.g. `spec.nfs.path`.
    pub(super) field: String,
    pub(super) handle_role: HandleRole,
}

/// What the `volumeHandle` of a volume is to its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HandleRole {
    /// Any text, which decides nothing.
    AnyText,
    /// It says where the files are, so that another handle is another volume.
    Locates,
    /// It says where the files are, but for a suffix; the handle with this suffix.
    Suffixed(String),
    /// Nothing is known of the driver.
    Unknown,
}

/// Why the place of a volume cannot be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UnknownPlace {
    /// Its path has variables that cannot be resolved.
    Unresolved(String),
    /// Attributes whose keys differ by case only say two things.
    Ambiguous,
    /// It lacks what its driver locates it by, e.g. `server`.
    Incomplete(String),
    /// The catalogue does not have its driver.
    Driver(String),
}

/// The key that a volume holds.
#[derive(Debug)]
pub(super) struct HeldKey {
    pub(super) realm: String,
    pub(super) path: Vec<String>,
    /// `None` for a volume that is no directory of a server.
    pub(super) export: Option<Export>,
    /// The number of segments of the topmost path of `exports.shared` that the volume is at or below.
    pub(super) shared: Option<usize>,
}

/// A key of which it is a fault if another volume has it, too.
#[derive(Clone, Debug)]
pub(super) struct UsedKey {
    /// The kind of that fault.
    pub(super) kind: ConflictKind,
    realm: String,
    path: Vec<String>,
}

/// What follows from the location of a volume.
struct Placement {
    held: Option<HeldKey>,
    /// A digest of the attributes, if only the handle is known.
    attributes: Option<String>,
    unknown: Option<UnknownPlace>,
    evidence: Evidence,
}

// === impl Volume ===

impl Volume {
    /// Normalises a volume; `name` is empty if the API server has not generated it yet.
    pub(super) fn new(view: &PersistentVolumeView<'_>, name: &str, settings: &Settings) -> Self {
        let name = if name.is_empty() { &*view.metadata.name } else { name };
        let csi = view.spec.csi.as_deref();
        let row = csi.and_then(|csi| catalogue::find_located(&csi.driver, &settings.drivers));
        let row = row.as_deref();
        let options = mount_options(view, row);
        let placement = Placement::of(location(view, row, &options, settings), csi, &settings.exports);
        let export = placement.held.as_ref().and_then(|held| held.export.as_ref());
        let mut note = VolumeNote::of(view, name, export, &settings.exports);
        note.access = note.access.mounted(options.is_read_only());
        note.attributes = placement.attributes;
        let is_known =
            !matches!(placement.unknown, Some(UnknownPlace::Driver(_) | UnknownPlace::Incomplete(_)));
        let mut used = used_keys(view, is_known);
        used.retain(|used| !used.is_held(placement.held.as_ref()));
        let generated = format!("{}*", &*view.metadata.generate_name);
        let shown = if name.is_empty() { &generated } else { name };
        Self {
            name: name.to_owned(),
            title: format!("PersistentVolume {}", quoted_name(shown)),
            short: short_name(shown),
            note,
            may_be_provisioned: view.may_be_provisioned(),
            held: placement.held,
            used,
            unknown: placement.unknown,
            handle_role: csi.map_or(HandleRole::AnyText, |csi| {
                HandleRole::of(csi, row, placement.evidence.has_handle, shown)
            }),
            field: placement.evidence.field,
        }
    }

    /// Returns the keys. The volume holds the place of its files; it only uses its handle and its attributes.
    pub(super) fn keys(&self) -> Vec<Key> {
        let held = self.held.as_ref().map(|held| Key {
            realm: held.realm.clone(),
            path: held.path.clone(),
            stance: Stance::Holds,
            note: String::from(&self.note),
        });
        let used = self.used.iter().map(|used| Key {
            realm: used.realm.clone(),
            path: used.path.clone(),
            stance: Stance::Uses,
            note: String::new(),
        });
        held.into_iter().chain(used).collect()
    }
}

/// Returns the keys of a handle, and of the attributes of a volume of which nothing else is known.
fn used_keys(view: &PersistentVolumeView<'_>, is_known: bool) -> Vec<UsedKey> {
    let Some(csi) = &view.spec.csi else { return Vec::new() };
    // A provisioner gives all volumes of a class the same attributes.
    let is_static = !view.may_be_provisioned() && !view.has_provisioner_identity();
    let attributes = || UsedKey::of_attributes(csi).filter(|_| is_static && !is_known);
    UsedKey::of_handle(csi).into_iter().chain(attributes()).collect()
}

// === impl Placement ===

impl Placement {
    fn of(location: VolumeLocation, csi: Option<&CsiSource<'_>>, settings: &Exports) -> Self {
        let by_handle = Evidence { field: "spec.csi.volumeHandle".to_owned(), has_handle: false };
        let known = |held, evidence| Self { held, attributes: None, unknown: None, evidence };
        let unknown = |unknown, evidence| Self {
            held: csi.and_then(UsedKey::of_handle).map(HeldKey::from),
            attributes: csi.map(|csi| digest(&csi.volume_attributes)),
            unknown,
            evidence,
        };
        match location {
            VolumeLocation::Export(export, evidence) => known(Some(HeldKey::new(export, settings)), evidence),
            VolumeLocation::Volume(id, evidence) => {
                known(csi.map(|csi| HeldKey::volume(&csi.driver, id)), evidence)
            }
            VolumeLocation::Unresolved(path, evidence) => {
                unknown(Some(UnknownPlace::Unresolved(path)), evidence)
            }
            VolumeLocation::Ambiguous(evidence) => unknown(Some(UnknownPlace::Ambiguous), evidence),
            VolumeLocation::Incomplete(names) => unknown(Some(UnknownPlace::Incomplete(names)), by_handle),
            VolumeLocation::UnknownDriver => {
                unknown(csi.map(|csi| UnknownPlace::Driver(csi.driver.to_string())), by_handle)
            }
            VolumeLocation::Unsupported => known(None, by_handle),
        }
    }
}

// === impl HandleRole ===

impl HandleRole {
    /// Returns the role of a handle, which is part of what locates the volume if `has_handle`. `name` is the volume's.
    fn of(csi: &CsiSource<'_>, row: Option<&Driver<'_>>, has_handle: bool, name: &str) -> Self {
        let Some(row) = row else { return Self::Unknown };
        if !has_handle {
            return Self::AnyText;
        }
        match row.handle_suffix {
            "" => Self::Locates,
            separator => {
                let located = csi.volume_handle.split(separator).next().unwrap_or_default();
                Self::Suffixed(format!("{located}{separator}{}", short_name(name)))
            }
        }
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

    /// Returns the key of a volume that an id identifies among those of its driver.
    fn volume(driver: &str, id: String) -> Self {
        Self { realm: csi_realm(driver), path: vec![bounded(&id)], export: None, shared: None }
    }
}

impl From<UsedKey> for HeldKey {
    fn from(key: UsedKey) -> Self {
        Self { realm: key.realm, path: key.path, export: None, shared: None }
    }
}

// === impl UsedKey ===

impl UsedKey {
    /// Returns the key of the name that a driver gives a volume: on a node, two volumes with one are one to the kubelet.
    fn of_handle(csi: &CsiSource<'_>) -> Option<Self> {
        if csi.driver.is_empty() || csi.volume_handle.is_empty() {
            return None;
        }
        let path = vec![bounded(&csi.volume_handle)];
        Some(Self { kind: ConflictKind::SameHandle, realm: csi_realm(&csi.driver), path })
    }

    /// Returns the key of the attributes, which are all that is known of a volume of an unknown driver. `None` without any.
    fn of_attributes(csi: &CsiSource<'_>) -> Option<Self> {
        let has_any =
            csi.volume_attributes.iter().any(|(key, value)| !is_bookkeeping(key) && !value.is_empty());
        let realm = format!("csi-attributes://{}", &*csi.driver);
        let path = vec![digest(&csi.volume_attributes)];
        has_any.then_some(Self { kind: ConflictKind::SameAttributes, realm, path })
    }

    fn is_held(&self, held: Option<&HeldKey>) -> bool {
        held.is_some_and(|held| self.is(&held.realm, &held.path))
    }

    /// Returns whether a key is this one.
    pub(super) fn is(&self, realm: &str, path: &[String]) -> bool {
        self.realm == realm && self.path == *path
    }
}

/// The longest id that is part of a key as it is, in bytes.
const ID_BYTES: usize = 1_024;

/// Returns an id that is not too long for a key: of a long one, the beginning and a fingerprint.
fn bounded(id: &str) -> String {
    match id.get(..id.floor_char_boundary(ID_BYTES)).filter(|beginning| beginning.len() < id.len()) {
        Some(beginning) => format!("{beginning}~{:x}", fingerprint([id])),
        None => id.to_owned(),
    }
}

/// Returns the realm of the handles of a driver.
fn csi_realm(driver: &str) -> String {
    format!("csi://{driver}")
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

/// Returns the mount options in force; some drivers append those of an attribute.
fn mount_options<'a>(view: &'a PersistentVolumeView<'_>, row: Option<&Driver<'_>>) -> MountOptions<'a> {
    let options = view.mount_options();
    match (&view.spec.csi, row) {
        (Some(csi), Some(row)) if !row.options.is_empty() => options.followed_by(csi.attribute(row.options)),
        _ => options,
    }
}

/// Returns where a volume is located; `row` is that of its CSI driver.
fn location(
    view: &PersistentVolumeView<'_>,
    row: Option<&Driver<'_>>,
    options: &MountOptions<'_>,
    settings: &Settings,
) -> VolumeLocation {
    let exports = &settings.exports;
    match &view.spec {
        spec if let Some(nfs) = &spec.nfs => VolumeLocation::of_nfs(nfs, options, exports),
        spec if let Some(source) = &spec.csi => {
            CsiVolume { source, row, options, namespace: SECRETS }.location(exports)
        }
        spec if let Some(cephfs) = &spec.cephfs => VolumeLocation::of_cephfs(cephfs, exports),
        spec if let Some(glusterfs) = &spec.glusterfs => VolumeLocation::of_glusterfs(glusterfs, exports),
        spec if let Some(azure_file) = &spec.azure_file => {
            VolumeLocation::of_azure_file(azure_file, &spec.claim_ref.namespace, exports)
        }
        spec if let Some(quobyte) = &spec.quobyte => VolumeLocation::of_quobyte(quobyte, exports),
        spec if let Some(local) = &spec.local => {
            VolumeLocation::of_node_path(local, spec.node(), "spec.local.path")
        }
        spec if let Some(host_path) = &spec.host_path => {
            VolumeLocation::of_node_path(host_path, spec.node(), "spec.hostPath.path")
        }
        _ => VolumeLocation::Unsupported,
    }
}

/// Returns a digest of the attributes without those that name the provisioner and the claim.
fn digest(attributes: &Attributes<'_>) -> String {
    let deciding = attributes.iter().filter(|(key, _)| !is_bookkeeping(key));
    format!("{:x}", fingerprint(deciding.flat_map(|(key, value)| [&**key, &**value])))
}

/// Returns whether an attribute is one that a provisioner adds for its own records.
fn is_bookkeeping(key: &str) -> bool {
    key.starts_with("csi.storage.k8s.io/") || key.starts_with("storage.kubernetes.io/")
}
