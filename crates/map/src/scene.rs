//! Who writes where at one time.

use crate::expression::Value;
use crate::map::Reader;
use crate::member::{Kind, Member};
use crate::overlap::{self, Overlap};
use crate::set::Source;
use crate::storage::{Bound, PersistentVolume, Place, Storage};
use crate::{Keys, Location};
use ordinance_contract::Scope;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// Who writes where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// By namespace, set, volume in the order of the pod, ordinal, and location.
    pub writers: Vec<Writer>,
    /// Ordinals that are too many to be shown.
    pub omitted: Vec<Omitted>,
}

/// A pod of a StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pod {
    /// The set's namespace.
    pub namespace: String,
    /// The set's name.
    pub stateful_set: String,
    /// e.g. 0.
    pub ordinal: u64,
}

/// A pod that writes to a place by a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Who.
    pub pod: Pod,
    /// The volume of the pod, or the claim template.
    pub volume: String,
    /// The claim, in the pod's namespace; none of a volume that the pod mounts without one.
    pub claim: Option<String>,
    /// The claim's volume, if it is known.
    pub persistent_volume: Option<PersistentVolume>,
    /// Where.
    pub location: Location,
    /// What other pods write of it.
    pub overlap: Option<Overlap>,
}

/// Ordinals of a set that are not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omitted {
    /// The set's namespace.
    pub namespace: String,
    /// The set's name.
    pub stateful_set: String,
    /// Which.
    pub ordinals: Range<u64>,
}

/// A volume of a set's pods, followed to its place.
enum Root {
    /// One for all of them.
    Shared(Option<String>, Place),
    /// That of each ordinal's claim of this template.
    OfEach(String),
}

/// What a source of any kind may say.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named {
    claim_name: Option<String>,
    endpoints: Option<String>,
    path: Option<String>,
    secret_name: Option<String>,
    share_name: Option<String>,
    read_only: Option<bool>,
}

// === impl Scene ===

impl Scene {
    pub(crate) fn new(
        members: &[Member<'_>],
        storage: &Storage,
        keys: &Keys<'_>,
        reader: &mut Reader,
    ) -> Self {
        let mut writers = Vec::new();
        for member in members {
            for (volume, kind) in member.volumes() {
                if let Some(root) = member.root(volume, &kind, storage, keys, reader) {
                    writers.extend(member.writers(volume, &root, storage));
                }
            }
        }
        overlap::mark(&mut writers);
        let omitted = members.iter().filter(|member| !member.omitted.is_empty()).map(Omitted::of);
        Self { writers, omitted: omitted.collect() }
    }

    /// How many writers have a place that another pod writes, too.
    pub fn overlapping(&self) -> usize {
        self.writers.iter().filter(|writer| !writer.is_exclusive()).count()
    }
}

// === impl Member ===

impl Member<'_> {
    /// Where a volume lies; none if it is a pod's own, or nobody can write it.
    fn root(
        &self,
        name: &str,
        kind: &Kind<'_, '_>,
        storage: &Storage,
        keys: &Keys<'_>,
        reader: &mut Reader,
    ) -> Option<Root> {
        let Kind::Named(volume) = kind else { return Some(Root::OfEach(name.to_owned())) };
        match volume.source()? {
            Source::Claim(source) => {
                let named = Named::read(source);
                let claim = named.claim_name.filter(|_| named.read_only != Some(true))?;
                let place = storage.place(&self.object.scope.namespace, &claim);
                Some(Root::Shared(Some(claim), place))
            }
            Source::Inline(kind, source) => self.inline(kind, source, keys, reader),
        }
    }

    /// A volume that the pods mount without a claim. What it means is what a PersistentVolume of the same source means.
    fn inline(&self, kind: &str, source: &RawValue, keys: &Keys<'_>, reader: &mut Reader) -> Option<Root> {
        let named = Named::read(source);
        if named.read_only == Some(true) {
            return None;
        }
        let location = reader.held(&volume_of(kind, source), keys);
        let location = location.or_else(|| named.location(kind, &self.object.scope.namespace))?;
        Some(Root::Shared(None, Place::at(location)))
    }

    /// The writers of a volume.
    fn writers(&self, volume: &str, root: &Root, storage: &Storage) -> Vec<Writer> {
        let sub_paths = self.written.iter().filter(|written| written.volume == volume);
        let sub_paths: Vec<&Value> = sub_paths.map(|written| &written.sub_path).collect();
        let mut writers = Vec::new();
        for ordinal in self.ordinals.clone() {
            let (claim, place) = self.place(root, ordinal, storage);
            if place.is_read_only {
                continue;
            }
            let pod = self.pod(ordinal);
            let below = |value: &&Value| place.location.below(&value.of_ordinal(&pod, ordinal));
            let mut locations: Vec<Location> = sub_paths.iter().map(below).collect();
            locations.sort_unstable();
            locations.dedup();
            writers.extend(locations.into_iter().map(|location| Writer {
                pod: self.identity(ordinal),
                volume: volume.to_owned(),
                claim: claim.clone(),
                persistent_volume: place.volume.clone(),
                location,
                overlap: None,
            }));
        }
        writers
    }

    fn identity(&self, ordinal: u64) -> Pod {
        Pod { namespace: self.object.scope.namespace.to_string(), stateful_set: self.name.clone(), ordinal }
    }

    /// The claim of an ordinal and where its files are.
    fn place(&self, root: &Root, ordinal: u64, storage: &Storage) -> (Option<String>, Place) {
        match root {
            Root::Shared(claim, place) => (claim.clone(), place.clone()),
            Root::OfEach(template) => {
                let claim = self.claim_name(template, ordinal);
                let place = storage.place(&self.object.scope.namespace, &claim);
                (Some(claim), place)
            }
        }
    }
}

/// A PersistentVolume of the source of a pod's volume.
fn volume_of<'a>(kind: &str, source: &RawValue) -> crate::Object<'a> {
    let kind = serde_json::Value::from(kind);
    let text = format!(
        r#"{{"apiVersion":"v1","kind":"PersistentVolume","metadata":{{}},"spec":{{{kind}:{source}}}}}"#,
        source = source.get()
    );
    let scope = Scope { version: "v1".into(), resource: "persistentvolumes".into(), ..Scope::default() };
    crate::Object::new(scope, text)
}

// === impl Named ===

impl Named {
    /// What can be read; nothing of a source that says something else.
    fn read(source: &RawValue) -> Self {
        serde_json::from_str(source.get()).unwrap_or_default()
    }

    /// Where sources lie of which no policy needs to know.
    fn location(self, kind: &str, namespace: &str) -> Option<Location> {
        let (realm, path) = match kind {
            "glusterfs" => (format!("glusterfs/{namespace}/{}", self.endpoints?), self.path?),
            "azureFile" => (format!("azureFile/{namespace}/{}", self.secret_name?), self.share_name?),
            _ => return None,
        };
        Some(Location::of(realm, &path))
    }
}

// === impl Writer ===

impl Writer {
    /// Whether no other pod writes there, or in it, or around it.
    pub fn is_exclusive(&self) -> bool {
        self.overlap.is_none()
    }

    /// Whether the claim's volume is only expected to be this one.
    pub fn is_expected(&self) -> bool {
        self.persistent_volume.as_ref().is_some_and(|volume| volume.bound == Bound::Expected)
    }
}

// === impl Pod ===

impl Pod {
    /// e.g. `web-0`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.stateful_set, self.ordinal)
    }
}

// === impl Omitted ===

impl Omitted {
    fn of(member: &Member<'_>) -> Self {
        Self {
            namespace: member.object.scope.namespace.to_string(),
            stateful_set: member.name.clone(),
            ordinals: member.omitted.clone(),
        }
    }
}
