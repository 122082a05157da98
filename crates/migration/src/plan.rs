//! The plan.

use crate::PlanError;
use crate::changes::{ClaimMark, MountChange, VariableChange, forward, reverse};
use crate::mounts::{IMPLICIT, SetVolume, SharedMounts, variables};
use crate::options::PlanOptions;
use crate::other_users::{self, overlaps};
use crate::stored_set::StoredSet;
use crate::volumes::{LocatedMounts, VolumeMigration};
use ordinance_contract::{Key, Scope, acts};
use ordinance_map::{Map, MappedObject, VolumeWriter};
use ordinance_storage::{MountedVolume, PlacedContainer, Steps, VolumeKind, VolumeSource};
use serde::Serialize;
use serde_json::{Value, json};

/// The most replicas of a plan. It is the number of ordinals that a map shows.
pub const ORDINALS: u64 = 1000;

/// Why an inline volume of a driver stays that the policy does not know.
const UNKNOWN_DRIVER: &str =
    "it is not known where its CSI driver keeps the files; if the replicas share them, move them by hand";

/// The plan of a migration.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The namespace.
    pub namespace: String,
    /// The StatefulSet.
    pub stateful_set: String,
    /// The number of replicas before and after.
    pub replicas: u64,
    /// The directories to migrate; empty if there is nothing to migrate.
    pub migrations: Vec<VolumeMigration>,
    /// The mounts that get an expression.
    pub mounts: Vec<MountChange>,
    /// The variables that containers need for it.
    pub(crate) variables: Vec<VariableChange>,
    /// The patch of the set, as JSON Patch with tests.
    pub patch: Vec<Value>,
    /// The patch that takes the first one back.
    pub roll_back: Vec<Value>,
    /// The annotations of claims.
    pub marks: Vec<ClaimMark>,
    /// What to stop or to pause, a line each.
    pub warnings: Vec<String>,
    /// The volumes that stay as they are.
    pub left_out: Vec<LeftOutVolume>,
    #[serde(skip)]
    pub(crate) options: PlanOptions,
    #[serde(skip)]
    pub(crate) set: StoredSet,
}

/// A volume that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOutVolume {
    /// The volume or claim template.
    pub volume: String,
    /// Why.
    pub reason: String,
}

/// Returns the keys of an object, as the policy's `keys` does, or in one line why the policy can't read the object.
type Keys<'a> = dyn Fn(&Scope<'_>, &str) -> Result<Vec<Key>, String> + 'a;

/// What a volume needs.
enum Choice {
    Migrate(SharedMounts),
    LeaveOut(&'static str),
}

/// Returns a text of a value, or a key, with a character that acts.
fn acting_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text.as_str()).filter(|text| text.contains(acts)),
        Value::Array(items) => items.iter().find_map(acting_text),
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            Some(key.as_str()).filter(|key| key.contains(acts)).or_else(|| acting_text(value))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

// === impl Plan ===

impl Plan {
    /// Plans the migration of a set.
    ///
    /// # Errors
    ///
    /// The set is not among the objects or can't be read, an option does not fit it, or a volume can't be isolated.
    pub fn new(
        objects: &[MappedObject<'_>],
        namespace: &str,
        name: &str,
        keys: &Keys<'_>,
        options: PlanOptions,
    ) -> Result<Self, PlanError> {
        options.check()?;
        let mut set = StoredSet::find(objects, namespace, name)?;
        if let Some(replicas) = options.replicas {
            set.set_replicas(replicas);
        }
        let replicas = checked_replicas(&set, &options)?;
        let map = map(objects, &set, keys)?;
        let mut plan = Self {
            namespace: namespace.to_owned(),
            stateful_set: name.to_owned(),
            replicas,
            migrations: Vec::new(),
            mounts: Vec::new(),
            variables: Vec::new(),
            patch: Vec::new(),
            roll_back: Vec::new(),
            marks: Vec::new(),
            warnings: Vec::new(),
            left_out: Vec::new(),
            options,
            set: set.clone(),
        };
        plan.fill(&set, &map)?;
        plan.refuse_acting_names()?;
        plan.warnings.extend(other_users::warnings(&set, &plan.migrations, &map, objects));
        Ok(plan)
    }

    /// Refuses names and paths that become part of the script and would act on a shell or a terminal.
    fn refuse_acting_names(&self) -> Result<(), PlanError> {
        let Self { mounts, migrations, marks, patch, .. } = self;
        let used = json!([mounts, migrations, marks, patch]);
        match acting_text(&used) {
            Some(text) => Err(PlanError::ActingName { set: self.set.title(), name: text.to_owned() }),
            None => Ok(()),
        }
    }

    /// Returns whether there is nothing to migrate.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }

    fn fill(&mut self, set: &StoredSet, map: &Map) -> Result<(), PlanError> {
        let view = set.view()?;
        let pod = &view.spec.template.spec;
        if pod.is_windows() {
            return Err(PlanError::Windows(set.title()));
        }
        let containers = PlacedContainer::all(pod, IMPLICIT, &Steps::unlimited());
        let volumes = MountedVolume::all(pod, &view.spec.volume_claim_templates, &containers);
        let mut located = Vec::new();
        for volume in &volumes {
            located.extend(self.locate(volume, set, map)?);
        }
        let unknown = self.options.volumes.iter().find(|name| {
            let is_left_out = self.left_out.iter().any(|left_out| left_out.volume == **name);
            !is_left_out && !located.iter().any(|volume| volume.name == **name)
        });
        if let Some(name) = unknown {
            return Err(PlanError::NoVolume(name.clone()));
        }
        self.migrations = VolumeMigration::all(&located, set, &self.options)?;
        expect_apart(&self.migrations)?;
        self.warnings = expected_volumes(&located);
        self.marks = marks(&located);
        self.mounts = located.into_iter().flat_map(|volume| volume.mounts.changes).collect();
        self.variables = variables(&containers, &self.mounts);
        self.patch = forward(&self.mounts, &self.variables);
        self.roll_back = reverse(&self.mounts, &self.variables);
        Ok(())
    }

    /// Returns a volume with its locations, or leaves it out.
    fn locate<'m>(
        &mut self,
        volume: &SetVolume<'_>,
        set: &StoredSet,
        map: &'m Map,
    ) -> Result<Option<LocatedMounts<'m>>, PlanError> {
        let is_own = |writer: &&VolumeWriter| {
            writer.pod.namespace == set.namespace
                && writer.pod.stateful_set == set.name
                && writer.volume == volume.name
        };
        let writers: Vec<&VolumeWriter> = map.before.writers.iter().filter(is_own).collect();
        if writers.is_empty() {
            if matches!(volume.kind, VolumeKind::Named(VolumeSource::Csi(_))) && !volume.has_no_writers() {
                self.leave_out(volume, UNKNOWN_DRIVER);
            }
            return Ok(None);
        }
        match self.choose(volume, &writers, set)? {
            Choice::LeaveOut(reason) => {
                self.left_out
                    .push(LeftOutVolume { volume: volume.name.to_owned(), reason: reason.to_owned() });
                Ok(None)
            }
            Choice::Migrate(mounts) => {
                let source = source(volume, set);
                Ok(Some(LocatedMounts { name: volume.name.to_owned(), mounts, writers, source }))
            }
        }
    }

    fn leave_out(&mut self, volume: &SetVolume<'_>, reason: &str) {
        self.left_out.push(LeftOutVolume { volume: volume.name.to_owned(), reason: reason.to_owned() });
    }

    fn choose(
        &self,
        volume: &SetVolume<'_>,
        writers: &[&VolumeWriter],
        set: &StoredSet,
    ) -> Result<Choice, PlanError> {
        let is_wanted = self.options.volumes.iter().any(|name| name == volume.name);
        if !self.options.volumes.is_empty() && !is_wanted {
            return Ok(Choice::LeaveOut("no --volume names it"));
        }
        if set.opts_out(volume.name) {
            return Ok(Choice::LeaveOut(
                "the set's annotations say that replicas share it on purpose; remove that first to migrate it",
            ));
        }
        if !volume.is_named() && !is_shared(writers) {
            return Ok(Choice::LeaveOut("each ordinal has a volume of its own"));
        }
        let mounts = SharedMounts::of(volume, &set.namespace, &self.options)?;
        Ok(mounts
            .map_or(Choice::LeaveOut("each ordinal has a directory of its own already"), Choice::Migrate))
    }
}

/// Returns whether another pod writes to the files of a claim template.
fn is_shared(writers: &[&VolumeWriter]) -> bool {
    writers.iter().any(|writer| !writer.is_exclusive())
}

/// Fails if one directory is inside of another one: their copies would contain each other.
fn expect_apart(migrations: &[VolumeMigration]) -> Result<(), PlanError> {
    for (index, inner) in migrations.iter().enumerate() {
        let outer = migrations.iter().take(index).find(|outer| overlaps(&outer.location, &inner.location));
        if let Some(outer) = outer {
            let reason = format!(
                "{} lies inside {}, which the set writes too; give the inner one a directory elsewhere first",
                inner.location, outer.location
            );
            return Err(PlanError::Volume { volume: inner.volumes.join(", "), reason });
        }
    }
    Ok(())
}

/// Names the claims that are not bound yet, so that their files may be elsewhere.
fn expected_volumes(located: &[LocatedMounts<'_>]) -> Vec<String> {
    let writers = located.iter().flat_map(|volume| &volume.writers).filter(|writer| writer.is_expected());
    let warning = |writer: &&VolumeWriter| {
        let volume = writer.persistent_volume.as_ref().map_or("", |volume| &volume.name);
        let claim = writer.claim.as_deref().unwrap_or_default();
        format!("claim {claim} is not bound; this plan expects that it gets PersistentVolume {volume}")
    };
    writers.map(warning).collect()
}

/// Returns the annotations of the claims whose mounts have one expression.
fn marks(located: &[LocatedMounts<'_>]) -> Vec<ClaimMark> {
    let mut marks: Vec<ClaimMark> = Vec::new();
    for volume in located {
        let Some(expression) = volume.mounts.common_expression() else { continue };
        for claim in volume.writers.iter().filter_map(|writer| writer.claim.as_ref()) {
            let mark = ClaimMark { claim: claim.clone(), sub_path: expression.to_owned() };
            if !marks.contains(&mark) {
                marks.push(mark);
            }
        }
    }
    let disagrees = |mark: &ClaimMark| {
        marks.iter().any(|other| other.claim == mark.claim && other.sub_path != mark.sub_path)
    };
    marks.iter().filter(|mark| !disagrees(mark)).cloned().collect()
}

/// Returns the source of one of the pod's volumes, without its name; `None` for a claim template.
fn source(volume: &SetVolume<'_>, set: &StoredSet) -> Option<Value> {
    if !volume.is_named() {
        return None;
    }
    let pointer = format!("/spec/template/spec/volumes/{}", volume.index);
    let mut source = set.value.pointer(&pointer)?.clone();
    source.as_object_mut()?.remove("name");
    Some(source)
}

fn checked_replicas(set: &StoredSet, options: &PlanOptions) -> Result<u64, PlanError> {
    let ordinals = set.view()?.ordinals().map_err(|error| set.unreadable(&error))?;
    let replicas = ordinals.end.saturating_sub(ordinals.start);
    if replicas == 0 {
        return Err(PlanError::NoReplicas(set.title()));
    }
    if replicas > ORDINALS {
        return Err(PlanError::TooManyReplicas { set: set.title(), replicas, limit: ORDINALS });
    }
    match options.owner {
        Some(owner) if !ordinals.contains(&owner) => {
            Err(PlanError::NoOwner { owner, first: ordinals.start, last: ordinals.end - 1 })
        }
        _ => Ok(replicas),
    }
}

/// Returns the map of the objects, with the set as the plan takes it.
fn map(objects: &[MappedObject<'_>], set: &StoredSet, keys: &Keys<'_>) -> Result<Map, PlanError> {
    let is_set = |object: &MappedObject<'_>| {
        object.scope.group == "apps"
            && object.scope.resource == "statefulsets"
            && object.scope.namespace == set.namespace
            && object.scope.name == set.name
    };
    let objects: Vec<MappedObject<'_>> = objects
        .iter()
        .map(|object| {
            let text = if is_set(object) { &*set.json } else { &*object.before };
            MappedObject::new(object.scope.borrowed(), text)
        })
        .collect();
    let map = Map::new(&objects, keys);
    match map.unread.first() {
        Some(unread) => Err(PlanError::Unreadable {
            object: format!("{} {}", unread.object.resource, unread.object.name),
            reason: unread.reason.clone(),
        }),
        None => Ok(map),
    }
}
