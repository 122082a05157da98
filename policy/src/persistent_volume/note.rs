//! The note of a PersistentVolume's key: what the review of an overlapping volume has to know about it.
//!
//! A note contains everything that can change a verdict or its message, and nothing else: below a root export the host
//! groups thousands of volumes by equal notes.

use super::metadata::PersistentVolumeView;
use crate::display::fingerprint;
use crate::export::{Export, ServerPath};
use crate::settings::Exports;
use serde::{Deserialize, Serialize};

/// What the review of another volume has to know about this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct VolumeNote {
    #[serde(skip_serializing_if = "is_default")]
    pub(super) access: VolumeAccess,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) recycle: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) state: VolumeState,
    /// For a provisioned volume: the number of segments of the deepest path of `exports.provisionerRoots` above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provisioner_root: Option<usize>,
    /// Sorted, as `takes_over` is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) shared_with: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) takes_over: Vec<String>,
    /// The alias in `exports.serverAliases` that the volume names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alias: Option<String>,
    /// Whether the path is below a pseudo-root of NFSv4.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) pseudo_root: bool,
    /// A fingerprint of server and path as they are spelled, if messages show them differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spelling: Option<String>,
    /// A digest of the attributes, for a volume that only its handle locates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attributes: Option<String>,
}

/// Whether a volume can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum VolumeAccess {
    #[default]
    ReadWrite,
    /// Declared read-only, which the kubelet does not enforce.
    #[serde(rename = "declared")]
    DeclaredReadOnly,
    /// Mounted with `ro`.
    ReadOnly,
}

/// Whether a volume is in use. Its files exist in every state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum VolumeState {
    /// Neither of the others.
    #[default]
    Kept,
    /// Its claim is deleted.
    Released,
    /// Its deletion waits for a finalizer.
    #[serde(rename = "deleted")]
    BeingDeleted,
}

// === impl VolumeNote ===

impl VolumeNote {
    /// Returns the note of a volume of this name; `export` is `None` if it is not on a known export.
    pub(super) fn of(
        view: &PersistentVolumeView<'_>,
        name: &str,
        export: Option<&Export>,
        settings: &Exports,
    ) -> Self {
        let annotations = &view.metadata.annotations.other;
        Self {
            access: VolumeAccess::of(view),
            recycle: view.is_recycled(),
            state: VolumeState::of(view),
            provisioner_root: export
                .filter(|_| view.is_provisioned(name))
                .and_then(|export| provisioner_root(export, settings)),
            shared_with: names(&annotations.shared_with),
            takes_over: names(&annotations.takes_over),
            alias: export.and_then(|export| export.server().alias()).map(str::to_owned),
            pseudo_root: export.is_some_and(|export| !export.pseudo_root().is_empty()),
            spelling: export.and_then(spelling),
            attributes: None,
        }
    }

    /// Parses the note of another volume. An unreadable note counts as that of an ordinary volume, which is judged
    /// strictest.
    pub(super) fn parse(note: &str) -> Self {
        serde_json::from_str(note).unwrap_or_default()
    }
}

/// The note as the host stores it; equal notes are equal texts.
impl From<&VolumeNote> for String {
    fn from(note: &VolumeNote) -> Self {
        serde_json::to_string(note).unwrap_or_default()
    }
}

// === impl VolumeAccess ===

impl VolumeAccess {
    fn of(view: &PersistentVolumeView<'_>) -> Self {
        if view.declares_read_only() { Self::DeclaredReadOnly } else { Self::ReadWrite }
    }

    /// Returns the access of a volume that is mounted with `ro`, or as it is declared.
    pub(super) fn mounted(self, is_read_only: bool) -> Self {
        if is_read_only { Self::ReadOnly } else { self }
    }
}

// === impl VolumeState ===

impl VolumeState {
    fn of(view: &PersistentVolumeView<'_>) -> Self {
        if view.metadata.is_being_deleted() {
            Self::BeingDeleted
        } else if view.phase() == "Released" {
            Self::Released
        } else {
            Self::Kept
        }
    }
}

/// Returns a fingerprint of what an export is called otherwise than messages show it, besides its alias.
fn spelling(export: &Export) -> Option<String> {
    let server = export.server().respelled().filter(|_| export.server().alias().is_none());
    let path = export.respelled_path();
    let is_any = server.is_some() || path.is_some();
    is_any.then(|| format!("{:x}", fingerprint([server.unwrap_or_default(), path.unwrap_or_default()])))
}

/// Returns the depth of the deepest provisioner root above the export.
fn provisioner_root(export: &Export, settings: &Exports) -> Option<usize> {
    settings
        .provisioner_roots
        .iter()
        .filter_map(|root| ServerPath::parse(root, settings))
        .filter(|root| export.is_within(root) && export.segments().len() > root.depth())
        .map(|root| root.depth())
        .max()
}

/// Returns the names in a comma-separated annotation, sorted, since their order has no meaning.
fn names(annotation: &str) -> Vec<String> {
    let mut names: Vec<String> =
        annotation.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_volume_has_an_empty_note() {
        assert_eq!(String::from(&VolumeNote::default()), "{}");
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let note = VolumeNote {
            access: VolumeAccess::DeclaredReadOnly,
            recycle: true,
            state: VolumeState::Released,
            provisioner_root: Some(0),
            shared_with: names("pv-c, pv-a,,pv-a"),
            takes_over: names(" pv "),
            alias: Some("nas".to_owned()),
            pseudo_root: true,
            spelling: Some("2e".to_owned()),
            attributes: Some("1f".to_owned()),
        };
        assert_eq!(note.shared_with, ["pv-a", "pv-c"]);
        assert_eq!(VolumeNote::parse(&String::from(&note)), note);
    }

    #[test]
    fn an_unreadable_note_is_that_of_an_ordinary_volume() {
        assert_eq!(VolumeNote::parse("?"), VolumeNote::default());
    }
}
