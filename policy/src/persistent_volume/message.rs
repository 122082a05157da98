//! The fact and the remedy of a conflict between two PersistentVolumes.

use super::conflict::{ConflictKind, PathRelation};
use super::note::{VolumeAccess, VolumeNote, VolumeState};
use super::volume::{HandleRole, Volume};
use crate::display::{quoted_name, short_name, shorten};
use crate::export::{self, Export};
use crate::settings::Exports;
use ordinance_contract::{Holding, Scope};
use ordinance_storage::path::joined;

/// The longest proposed directory or list of names, in characters; long, since users copy it.
const PROPOSAL_CHARS: usize = 200;

/// The longest path of another object, in characters; short, since the whole export stands beside it.
const PATH_CHARS: usize = 48;

/// The longest text quoted from an object, in characters.
const QUOTE_CHARS: usize = 40;

/// The holding of another object that overlaps the volume under review, and its parsed note.
pub(super) struct OtherVolume<'a> {
    pub(super) holding: &'a Holding,
    pub(super) note: VolumeNote,
}

/// A conflict as its message needs it.
pub(super) struct ConflictMessage<'a> {
    pub(super) reviewed: &'a Volume,
    pub(super) other: &'a OtherVolume<'a>,
    pub(super) relation: PathRelation,
    pub(super) kind: ConflictKind,
    /// The proposed value of `ordinance.dev/shared-with`.
    pub(super) sharing: &'a str,
    pub(super) settings: &'a Exports,
}

// === impl OtherVolume ===

impl<'a> OtherVolume<'a> {
    /// Parses the note of a holding.
    pub(super) fn new(holding: &'a Holding) -> Self {
        Self { holding, note: VolumeNote::parse(&holding.note) }
    }

    /// Returns the name, shortened, without quotes.
    pub(super) fn short(&self) -> String {
        short_name(&self.holding.holder.name)
    }
}

// === impl ConflictMessage ===

impl ConflictMessage<'_> {
    /// Returns the fact. If it is too long for one warning, the reasons come last, since the API server cuts the end.
    pub(super) fn fact(&self) -> String {
        let (relation, reasons, consequence) = (self.relation(), self.reasons(), self.consequence());
        let fact = format!("{relation}{reasons}{consequence}{}", self.remaining_data());
        if fact.chars().count() <= self.kind.rule().max_fact_chars() {
            return fact;
        }
        format!("{relation}{consequence}{}{reasons}", self.remaining_data())
    }

    /// Returns the remedy; empty if the sharing is allowed.
    pub(super) fn remedy(&self) -> String {
        match self.kind {
            ConflictKind::SharedPath
            | ConflictKind::SharedWith
            | ConflictKind::TakesOver
            | ConflictKind::ProvisionerRoot
            | ConflictKind::BothReadOnly => String::new(),
            ConflictKind::EqualReader => self.mount_read_only(),
            ConflictKind::Recycle => self.avoid_recycling(),
            ConflictKind::Equal => {
                format!(
                    "{}{}{}",
                    self.move_or_annotate(),
                    self.take_over_annotation(),
                    self.enforce_read_only()
                )
            }
            ConflictKind::Nested | ConflictKind::NestedReader => match self.list_provisioner_root() {
                Some(root) => root,
                None => format!("{}{}", self.move_or_annotate(), self.take_over_annotation()),
            },
            ConflictKind::Inline => format!("Give {}", self.other_directory()),
            ConflictKind::SameHandle => self.other_handle(),
            ConflictKind::SameAttributes => self.other_volume(),
        }
    }

    /// Returns the export of the volume under review; for a volume known by its handle only, realm and handle.
    pub(super) fn export(&self) -> String {
        self.reviewed.held.as_ref().map(|held| export::shown(&held.realm, &held.path)).unwrap_or_default()
    }

    fn own_export(&self) -> Option<&Export> {
        self.reviewed.held.as_ref()?.export.as_ref()
    }

    fn relation(&self) -> String {
        let reviewed = &self.reviewed.title;
        if self.kind == ConflictKind::SameHandle {
            let handle = self.other.holding.path.first().map(|handle| quote(handle)).unwrap_or_default();
            return format!(
                "{reviewed} has the volumeHandle {handle} of {}",
                holder(&self.other.holding.holder)
            );
        }
        if self.kind == ConflictKind::SameAttributes {
            let more = more(self.other.holding);
            return format!(
                "{reviewed} has the volumeAttributes of {}{more}",
                holder(&self.other.holding.holder)
            );
        }
        relation(reviewed, &self.export(), self.other.holding, self.relation)
    }

    /// Returns how to keep a pod from using both: another handle, unless it says where the files are.
    fn other_handle(&self) -> String {
        let (reviewed, other) = (&self.reviewed.short, self.other.short());
        match &self.reviewed.handle_role {
            HandleRole::Suffixed(handle) => {
                format!("Give {reviewed} a volumeHandle of its own, e.g. {}", shorten(handle, PROPOSAL_CHARS))
            }
            HandleRole::AnyText => {
                format!("Give {reviewed} a volumeHandle of its own, e.g. {reviewed}: it may be any text")
            }
            HandleRole::Locates => {
                format!(
                    "Keep the pods of {reviewed} and {other} on different nodes: another handle would be another volume"
                )
            }
            HandleRole::Unknown => format!(
                "Keep the pods of {reviewed} and {other} on different nodes, or give {reviewed} a volumeHandle of its own if its driver takes \
                 any text"
            ),
        }
    }

    /// Returns how to tell that volumes with equal attributes are two, or to make them two.
    fn other_volume(&self) -> String {
        let own = format!("If they are, give {} a volume of its own", self.reviewed.short);
        match self.reviewed.handle_role {
            HandleRole::Unknown => format!("{own}; if not, add a row for the driver to `drivers`"),
            HandleRole::Suffixed(_) | HandleRole::AnyText | HandleRole::Locates => own,
        }
    }

    /// Returns what keeps two volumes with equal attributes from being compared.
    fn unknown(&self) -> &'static str {
        match self.reviewed.handle_role {
            HandleRole::Unknown => "the driver",
            HandleRole::Suffixed(_) | HandleRole::AnyText | HandleRole::Locates => "where their files are",
        }
    }

    fn consequence(&self) -> String {
        match self.kind {
            ConflictKind::SharedPath => {
                ", as exports.shared allows: each can overwrite the other's files".to_owned()
            }
            ConflictKind::SharedWith => {
                ", as ordinance.dev/shared-with allows: each can overwrite the other's files".to_owned()
            }
            ConflictKind::TakesOver => ", as ordinance.dev/takes-over allows".to_owned(),
            ConflictKind::Recycle => {
                format!(": reclaim policy Recycle of {} runs rm -rf on the export", self.recycled_volume())
            }
            ConflictKind::EqualReader => self.reader(),
            ConflictKind::Equal if self.own_export().is_none() => {
                ": two PersistentVolumes for one volume overwrite each other's files".to_owned()
            }
            ConflictKind::Equal => ": two volumes on one directory overwrite each other's files".to_owned(),
            ConflictKind::NestedReader => ": one sees the files of the other".to_owned(),
            ConflictKind::Nested => match self.relation {
                PathRelation::Equal | PathRelation::Inside => ", which can overwrite its files".to_owned(),
                PathRelation::Contains => " and can overwrite the files in it".to_owned(),
            },
            ConflictKind::Inline if self.reviewed.note.access == VolumeAccess::ReadOnly => {
                ", whose pods mount it inline and can write to its files".to_owned()
            }
            ConflictKind::Inline => {
                ", whose pods mount it inline: they overwrite each other's files".to_owned()
            }
            ConflictKind::SameHandle => {
                ": on one node the kubelet takes them for one volume, so a pod gets the other's files, or hangs".to_owned()
            }
            ConflictKind::SameAttributes => {
                format!(": they may be one volume, since Ordinance does not know {}", self.unknown())
            }
            ConflictKind::ProvisionerRoot | ConflictKind::BothReadOnly => String::new(),
        }
    }

    /// Returns that the other volume still has files although it is released or being deleted.
    fn remaining_data(&self) -> String {
        match self.other.note.state {
            VolumeState::Kept => String::new(),
            VolumeState::Released => format!("; {} is Released and still holds data", self.other.short()),
            VolumeState::BeingDeleted => {
                format!("; {} is being deleted and still holds data", self.other.short())
            }
        }
    }

    fn recycled_volume(&self) -> String {
        match (self.reviewed.note.recycle, self.other.note.recycle) {
            (true, true) => "both".to_owned(),
            (true, false) => self.reviewed.short.clone(),
            (false, _) => self.other.short(),
        }
    }

    fn reader(&self) -> String {
        let reads = |name: &str| format!(": {name} is mounted ro, but the other can write to its files");
        match (self.reviewed.note.access, self.other.note.access) {
            (VolumeAccess::ReadOnly, _) => reads(&self.reviewed.short),
            (_, VolumeAccess::ReadOnly) => reads(&self.other.short()),
            _ => ": both only declare read-only, which the kubelet does not enforce".to_owned(),
        }
    }

    fn mount_read_only(&self) -> String {
        let on = |name: &str| format!("If {name} only reads, set mountOptions: [ro] on it");
        match (self.reviewed.note.access, self.other.note.access) {
            (VolumeAccess::ReadOnly, _) => on(&self.other.short()),
            (_, VolumeAccess::ReadOnly) => on(&self.reviewed.short),
            _ => "Set mountOptions: [ro] on both".to_owned(),
        }
    }

    /// Returns how to enforce that a volume is read-only, if only one of them declares it.
    fn enforce_read_only(&self) -> String {
        let on = |name: &str| {
            format!(
                ". The kubelet does not enforce that {name} is read-only: if it only reads, set mountOptions: [ro] on \
                 it"
            )
        };
        match (self.reviewed.note.access, self.other.note.access) {
            (VolumeAccess::DeclaredReadOnly, VolumeAccess::ReadWrite) => on(&self.reviewed.short),
            (VolumeAccess::ReadWrite, VolumeAccess::DeclaredReadOnly) => on(&self.other.short()),
            _ => String::new(),
        }
    }

    fn move_or_annotate(&self) -> String {
        let comma = if self.proposal().is_some() { "," } else { "" };
        format!("Give {}{comma} or annotate {}", self.other_directory(), self.annotation())
    }

    /// Returns how to keep the files from being recycled. In one directory, another reclaim policy is not enough: the
    /// volumes would still overwrite each other's files.
    fn avoid_recycling(&self) -> String {
        match self.relation {
            PathRelation::Equal => format!("Give {}", self.other_directory()),
            PathRelation::Inside | PathRelation::Contains => {
                let recycled_volume =
                    if self.is_group() { "each of them".to_owned() } else { self.recycled_volume() };
                format!(
                    "Set persistentVolumeReclaimPolicy: Retain on {recycled_volume}, or give {}",
                    self.other_directory()
                )
            }
        }
    }

    /// Returns that a provisioner root may be missing: a provisioner chooses the directory, which may lie inside
    /// another volume by design.
    fn list_provisioner_root(&self) -> Option<String> {
        let export = self
            .own_export()
            .filter(|_| self.reviewed.may_be_provisioned && self.relation == PathRelation::Inside)?;
        let root = export::shown_path(&self.other.holding.path);
        let server = short_name(&export.server().host());
        Some(format!("If its provisioner's root is {root}, list {server}:{root} in exports.provisionerRoots"))
    }

    fn other_directory(&self) -> String {
        if self.is_inside_a_whole_export() {
            let other = if self.is_group() { "each of them".to_owned() } else { self.other.short() };
            return format!("{other} a directory of its own");
        }
        let what = match self.relation {
            _ if self.own_export().is_none() => "a volume of its own",
            PathRelation::Equal | PathRelation::Contains => "a directory of its own",
            PathRelation::Inside => "a directory outside of it",
        };
        let example = self.proposal().map(|path| format!(", e.g. {path}")).unwrap_or_default();
        format!("{} {what}{example}", self.reviewed.short)
    }

    /// Returns whether the other volume is the root of a server or a share, so that no directory is outside of it.
    fn is_inside_a_whole_export(&self) -> bool {
        let Some(export) = self.own_export() else { return false };
        let beyond_root = self.other.holding.path.strip_prefix(export.pseudo_root());
        self.relation == PathRelation::Inside && beyond_root.is_some_and(<[_]>::is_empty)
    }

    /// Returns the annotation that allows the sharing. The volume cannot name a group, whose names are not all known,
    /// so each member has to name the volume.
    fn annotation(&self) -> String {
        if self.is_group() {
            return format!("each of them ordinance.dev/shared-with: {}", self.reviewed.short);
        }
        let volume = if self.is_inside_a_whole_export() { &self.reviewed.short } else { "it" };
        format!("{volume} ordinance.dev/shared-with: {}", self.sharing)
    }

    fn is_group(&self) -> bool {
        self.other.holding.count > 1
    }

    fn take_over_annotation(&self) -> String {
        if self.other.note.state == VolumeState::Kept || self.is_group() {
            return String::new();
        }
        let mut names = self.reviewed.note.takes_over.clone();
        names.push(self.other.holding.holder.name.to_string());
        format!(
            "; to take over its files: ordinance.dev/takes-over: {}",
            shorten(&names.join(", "), PROPOSAL_CHARS)
        )
    }

    /// Returns a directory beside the outer one of both, as the volume has to write it. `None` if what would be beside it
    /// must exist already, e.g. another share.
    fn proposal(&self) -> Option<String> {
        let export = self.own_export()?;
        let outer = match self.relation {
            PathRelation::Inside => &self.other.holding.path,
            PathRelation::Equal | PathRelation::Contains => export.segments(),
        };
        let outer = outer.strip_prefix(export.pseudo_root())?;
        if export.existing() > 0 && outer.len() <= export.existing() {
            return None;
        }
        let outer = outer.get(export.named_elsewhere()..)?;
        let suffix = if self.reviewed.name.is_empty() { "2" } else { &self.reviewed.short };
        let (last, parents) = match outer.split_last() {
            Some((last, parents)) if suffix.starts_with(&format!("{last}-")) => (suffix.to_owned(), parents),
            Some((last, parents)) => (format!("{last}-{suffix}"), parents),
            None if self.relation == PathRelation::Inside => return None,
            None => (suffix.to_owned(), outer),
        };
        Some(shorten(&joined(&[parents, &[last]].concat()), PROPOSAL_CHARS))
    }

    /// Returns why both paths are one place, in parentheses; empty if they are spelled alike.
    fn reasons(&self) -> String {
        let Some(export) = self.own_export() else { return String::new() };
        if matches!(self.kind, ConflictKind::SameHandle | ConflictKind::SameAttributes) {
            return String::new();
        }
        let is_spelled_alike = self.other.note.spelling == self.reviewed.note.spelling;
        let mut reasons = own_spelling(export, is_spelled_alike);
        for reason in self.other_spelling(export) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
    }

    fn other_spelling(&self, export: &Export) -> Vec<String> {
        let note = &self.other.note;
        let server = export.server().name();
        let alias = note.alias.as_deref().map(|alias| via_aliases(alias, server));
        let root = export::pseudo_root(server, self.settings).filter(|_| note.pseudo_root).map(|root| {
            format!("{} is below the NFSv4 pseudo-root {}", self.other.short(), export::shown_path(&root))
        });
        let differs = note.spelling.is_some() && note.spelling != self.reviewed.note.spelling;
        let spelling = differs.then(|| format!("{} spells it differently", self.other.short()));
        [alias, root, spelling].into_iter().flatten().collect()
    }
}

/// Returns what in a volume is not spelled as messages show it; nothing that the other volume spells alike.
fn own_spelling(export: &Export, is_spelled_alike: bool) -> Vec<String> {
    let server = export.server();
    let name = match (server.alias(), server.respelled()) {
        (Some(alias), _) => Some(via_aliases(alias, server.name())),
        (None, Some(written)) if !is_spelled_alike => {
            Some(format!("{} is {}", quote(written), short_name(server.name())))
        }
        (None, _) => None,
    };
    let path = export
        .respelled_path()
        .filter(|_| !is_spelled_alike)
        .map(|written| format!("{} is {}", quote(written), export::shown_path(export.written())));
    let root = (!export.pseudo_root().is_empty()).then(|| {
        let root = export::shown_path(export.pseudo_root());
        format!("NFSv4 mounts {} below the pseudo-root {root}", export::shown_path(export.written()))
    });
    [name, path, root].into_iter().flatten().collect()
}

fn via_aliases(alias: &str, server: &str) -> String {
    format!("{} is {} via serverAliases", short_name(alias), short_name(server))
}

/// Returns how an export relates to the holding of another object.
pub(super) fn relation(subject: &str, export: &str, holding: &Holding, relation: PathRelation) -> String {
    let other = holder(&holding.holder);
    let path = shorten(&export::shown_path(&holding.path), PATH_CHARS);
    let more = more(holding);
    match relation {
        PathRelation::Equal => format!("{subject} shares {export} with {other}{more}"),
        PathRelation::Inside => format!("{subject} ({export}) lies inside {other} ({path}){more}"),
        PathRelation::Contains => format!("{subject} ({export}) contains {other} ({path}){more}"),
    }
}

/// Returns how many more objects than the named one a holding stands for.
fn more(holding: &Holding) -> String {
    match holding.count.saturating_sub(1) {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}

/// Returns an object as messages name it, e.g. `PersistentVolume "pv"` or `StatefulSet "default/web"`.
fn holder(scope: &Scope<'_>) -> String {
    let name = match &*scope.namespace {
        "" => scope.name.to_string(),
        namespace => format!("{namespace}/{}", scope.name),
    };
    let kind = match &*scope.resource {
        "persistentvolumes" => "PersistentVolume",
        "statefulsets" => "StatefulSet",
        other => other,
    };
    format!("{kind} {}", quoted_name(&name))
}

/// Quotes a text from the object, shortened.
fn quote(text: &str) -> String {
    format!("{:?}", shorten(text, QUOTE_CHARS))
}
