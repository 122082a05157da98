//! PersistentVolumes: two of them on one directory overwrite each other's files.
//!
//! A volume holds its export. Each object that overlaps it is judged by the table of precedence in `conflict`. A new
//! volume may be denied. An update is never denied, and warns only of conflicts that it makes worse.

mod conflict;
mod message;
mod metadata;
mod note;
mod volume;

use crate::display::{Quoted, shorten};
use crate::export::Export;
use crate::findings::{FindingBuilder, Findings};
use crate::parsed_request::ParsedRequest;
use crate::rules::StorageRule;
use crate::settings::{Exports, Settings, WarnOrDeny};
use conflict::{ConflictKind, ConflictOutcome, PairMember, PathRelation, VolumePair};
use message::{ConflictMessage, OtherVolume};
use metadata::PersistentVolumeView;
use ordinance_contract::{Holding, Key, Operation, Phase, Request, Scope, Verdict};
use std::collections::BTreeSet;
use volume::{HeldKey, UnknownPlace, Volume};

/// The longest unresolved path in a message, in characters.
const UNRESOLVED_CHARS: usize = 100;

/// The number of conflicts with a finding of their own; a last finding counts the others.
const MAX_DETAILED: usize = 3;

/// The greatest number of names in a proposed annotation.
const MAX_NAMES: usize = 12;

/// Returns the keys that a stored PersistentVolume holds or uses.
pub(crate) fn keys(
    scope: &Scope<'_>,
    object: &str,
    settings: &Settings,
) -> Result<Vec<Key>, serde_json::Error> {
    Ok(read(&scope.name, object, settings)?.keys())
}

/// Parses a request for a PersistentVolume.
pub(crate) fn parse<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn ParsedRequest + 'a>, serde_json::Error> {
    let volume = read(&request.scope.name, object, settings)?;
    if request.operation != Operation::Update {
        return Ok(Box::new(VolumeCreation { volume, is_stored: request.phase == Phase::Audit, settings }));
    }
    let old =
        request.old_object.as_deref().map(|old| read(&request.scope.name, old, settings)).transpose()?;
    Ok(Box::new(VolumeUpdate { volume, old, settings }))
}

fn read(name: &str, object: &str, settings: &Settings) -> Result<Volume, serde_json::Error> {
    let view: PersistentVolumeView<'_> = ordinance_json::read(object)?;
    Ok(Volume::new(&view, name, settings))
}

/// A request to create a PersistentVolume.
struct VolumeCreation<'a> {
    volume: Volume,
    /// Whether the volume is reviewed as it is stored.
    is_stored: bool,
    settings: &'a Settings,
}

/// A request to update a PersistentVolume.
struct VolumeUpdate<'a> {
    volume: Volume,
    /// `None` if the API server did not send the old state.
    old: Option<Volume>,
    settings: &'a Settings,
}

/// A conflict of the volume under review with another object.
struct Conflict<'a> {
    other: OtherVolume<'a>,
    relation: PathRelation,
    kind: ConflictKind,
    outcome: ConflictOutcome,
}

// === impl VolumeCreation ===

impl ParsedRequest for VolumeCreation<'_> {
    fn keys(&self) -> Vec<Key> {
        self.volume.keys()
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        if let Some(unknown) = &self.volume.unknown {
            findings.add(unknown_place(&self.volume, unknown));
        }
        let conflicts = find_conflicts(&self.volume, holdings, &self.settings.exports);
        report_each(&self.volume, &conflicts, &mut findings, |findings, conflict| {
            self.report(findings, conflict, &conflicts)
        });
        self.audit_sharing(&mut findings, &conflicts);
        findings.into_verdict(None)
    }
}

impl VolumeCreation<'_> {
    fn report(&self, findings: &mut Findings, conflict: &Conflict<'_>, all: &[Conflict<'_>]) {
        let sharing = sharing(&self.volume, conflict, all);
        let message = conflict.message(&self.volume, &sharing, &self.settings.exports);
        let warning = || conflict.warning(&self.volume, &message);
        match conflict.outcome {
            ConflictOutcome::Allow => {}
            ConflictOutcome::Intended => findings.add(warning()),
            ConflictOutcome::Deny | ConflictOutcome::Warn if self.only_warns() => {
                findings.add(warning().remedy(provisioned_remedy(conflict, &message)));
                findings.audit("provisioned-overlap", audit_entry(&message));
            }
            ConflictOutcome::Warn => findings.add(warning().remedy(message.remedy())),
            ConflictOutcome::Deny => {
                let finding = conflict.kind.rule().deny(conflict.field(&self.volume), message.fact());
                let remedy = if self.is_stored { stored_remedy(&message) } else { message.remedy() };
                findings.add(finding.remedy(remedy).related(&conflict.other.holding.holder));
            }
        }
    }

    /// Adds every declared sharing to the audit log.
    fn audit_sharing(&self, findings: &mut Findings, conflicts: &[Conflict<'_>]) {
        let is_shared = |conflict: &&Conflict<'_>| {
            matches!(conflict.kind, ConflictKind::SharedPath | ConflictKind::SharedWith)
        };
        for conflict in conflicts.iter().filter(is_shared).take(MAX_NAMES) {
            findings.audit(
                "shared-export",
                audit_entry(&conflict.message(&self.volume, "", &self.settings.exports)),
            );
        }
    }

    /// Returns whether denials become warnings: the provisioner of the volume could answer a denial by deleting the
    /// directory, which is another volume's. A stored volume is not refused any more.
    fn only_warns(&self) -> bool {
        self.volume.may_be_provisioned && !self.is_stored && self.settings.exports.dynamic == WarnOrDeny::Warn
    }
}

// === impl VolumeUpdate ===

impl ParsedRequest for VolumeUpdate<'_> {
    fn keys(&self) -> Vec<Key> {
        self.volume.keys()
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        let Some(old) = &self.old else {
            findings.audit("not-compared", "an update without oldObject");
            return findings.into_verdict(None);
        };
        let exports = &self.settings.exports;
        if let Some(unknown) = self.volume.unknown.as_ref().filter(|_| self.volume.unknown != old.unknown) {
            findings.add(unknown_place(&self.volume, unknown));
        }
        let mut conflicts = find_conflicts(&self.volume, holdings, exports);
        conflicts.retain(|conflict| {
            conflict.outcome > ConflictOutcome::Intended && conflict.is_worse_than(old, exports)
        });
        report_each(&self.volume, &conflicts, &mut findings, |findings, conflict| {
            let message = conflict.message(&self.volume, "", exports);
            findings.add(conflict.warning(&self.volume, &message).remedy(update_remedy(&message)));
        });
        findings.into_verdict(None)
    }
}

/// Returns the remedy for a pair that is stored already: the directory of a volume can't be changed.
fn stored_remedy(message: &ConflictMessage<'_>) -> String {
    match message.kind {
        ConflictKind::Equal | ConflictKind::Nested | ConflictKind::NestedReader => {
            format!(
                "A stored volume keeps its directory: copy its files and replace it. {}",
                message.remedy()
            )
        }
        _ => message.remedy(),
    }
}

/// Returns the remedy of a conflict that an update adds; only mount options can still be changed.
fn update_remedy(message: &ConflictMessage<'_>) -> String {
    let new = "This is new with this update; updates are never refused";
    match message.kind {
        ConflictKind::EqualReader => format!("{new}. {}", message.remedy()),
        _ => new.to_owned(),
    }
}

// === impl Conflict ===

impl<'a> Conflict<'a> {
    fn message(
        &'a self,
        reviewed: &'a Volume,
        sharing: &'a str,
        settings: &'a Exports,
    ) -> ConflictMessage<'a> {
        ConflictMessage {
            reviewed,
            other: &self.other,
            relation: self.relation,
            kind: self.kind,
            sharing,
            settings,
        }
    }

    /// Returns whether the conflict has a stricter outcome than the old volume had. Recycling is worse than writers
    /// in one directory, although both are denied.
    fn is_worse_than(&self, old: &Volume, settings: &Exports) -> bool {
        let strictness = |kind: ConflictKind| (kind.outcome(settings), kind == ConflictKind::Recycle);
        let before = classify(old, &self.other).map(|(_, kind)| strictness(kind));
        before.is_none_or(|before| strictness(self.kind) > before)
    }

    fn warning(&self, volume: &Volume, message: &ConflictMessage<'_>) -> FindingBuilder {
        let finding = self.kind.rule().warn(self.field(volume), message.fact());
        finding.related(&self.other.holding.holder)
    }

    /// Returns the field at fault.
    fn field(&self, volume: &Volume) -> String {
        if self.kind == ConflictKind::Recycle && volume.note.recycle {
            return "spec.persistentVolumeReclaimPolicy".to_owned();
        }
        volume.field.clone()
    }
}

/// Returns the conflicts of a volume that have a finding, the strictest first.
fn find_conflicts<'a>(volume: &Volume, holdings: &'a [Holding], settings: &Exports) -> Vec<Conflict<'a>> {
    let mut conflicts: Vec<Conflict<'a>> = holdings
        .iter()
        .filter_map(|holding| {
            let other = OtherVolume::new(holding);
            let (relation, kind) = classify(volume, &other)?;
            Some(Conflict { other, relation, kind, outcome: kind.outcome(settings) })
        })
        .filter(|conflict| conflict.outcome > ConflictOutcome::Allow)
        .collect();
    conflicts.sort_by(|a, b| {
        let rank = |conflict: &Conflict<'a>| (std::cmp::Reverse(conflict.outcome), conflict.relation);
        rank(a).cmp(&rank(b)).then_with(|| a.other.holding.holder.cmp(&b.other.holding.holder))
    });
    without_handles_of_denied(conflicts)
}

/// Drops equal handles and attributes of volumes that are already reported for their directory.
fn without_handles_of_denied(mut conflicts: Vec<Conflict<'_>>) -> Vec<Conflict<'_>> {
    let denied: BTreeSet<Scope<'_>> = conflicts
        .iter()
        .filter(|conflict| conflict.outcome == ConflictOutcome::Deny)
        .map(|conflict| conflict.other.holding.holder.clone())
        .collect();
    conflicts.retain(|conflict| {
        let is_minor = matches!(conflict.kind, ConflictKind::SameHandle | ConflictKind::SameAttributes);
        !is_minor || !denied.contains(&conflict.other.holding.holder)
    });
    conflicts
}

/// Returns how a volume overlaps a holding, and the kind of conflict. `None` if they do not overlap, or if the volume
/// itself is the holder.
fn classify(volume: &Volume, other: &OtherVolume<'_>) -> Option<(PathRelation, ConflictKind)> {
    let holding = other.holding;
    let is_volume = holding.holder.group.is_empty() && holding.holder.resource == "persistentvolumes";
    if is_volume && !volume.name.is_empty() && holding.holder.name == volume.name {
        return None;
    }
    let held = volume.held.as_ref().filter(|held| held.realm == holding.realm);
    let relation = held.and_then(|held| Some((held, PathRelation::of(&held.path, &holding.path)?)));
    let Some((held, relation)) = relation else {
        let used = volume.used.iter().find(|used| used.is(&holding.realm, &holding.path))?;
        return Some((PathRelation::Equal, used.kind));
    };
    let kind = if !is_volume {
        ConflictKind::Inline
    } else if held.export.is_none() && volume.note.attributes != other.note.attributes {
        ConflictKind::SameHandle
    } else {
        volume_pair(volume, held, other, relation).kind()
    };
    Some((relation, kind))
}

fn volume_pair<'a>(
    volume: &'a Volume,
    held: &'a HeldKey,
    other: &'a OtherVolume<'_>,
    relation: PathRelation,
) -> VolumePair<'a> {
    let holding = other.holding;
    let is_group = holding.count > 1;
    let outer = held.path.len().min(holding.path.len());
    VolumePair {
        reviewed: PairMember { note: &volume.note, name: &volume.name, depth: held.path.len() },
        other: PairMember {
            note: &other.note,
            name: if is_group { "" } else { &holding.holder.name },
            depth: holding.path.len(),
        },
        relation,
        on_shared_path: held.shared.is_some_and(|shared| shared <= outer),
    }
}

/// Returns the proposed value of `ordinance.dev/shared-with`: the names that it has, and those of all conflicts with
/// the same outcome.
fn sharing(volume: &Volume, conflict: &Conflict<'_>, all: &[Conflict<'_>]) -> String {
    let in_conflict = all
        .iter()
        .filter(|other| other.outcome == conflict.outcome && other.other.holding.count <= 1)
        .filter(|other| {
            matches!(other.kind, ConflictKind::Equal | ConflictKind::Nested | ConflictKind::NestedReader)
        })
        .map(|other| &*other.other.holding.holder.name);
    let first = &*conflict.other.holding.holder.name;
    let mut names: Vec<&str> = Vec::new();
    for name in volume.note.shared_with.iter().map(String::as_str).chain([first]).chain(in_conflict) {
        if names.len() > MAX_NAMES {
            break;
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
    names.truncate(MAX_NAMES);
    shorten(&names.join(", "), MAX_NAMES * 64) + more
}

/// Reports the first conflicts one by one, and then the number of the others.
fn report_each(
    volume: &Volume,
    conflicts: &[Conflict<'_>],
    findings: &mut Findings,
    mut report_one: impl FnMut(&mut Findings, &Conflict<'_>),
) {
    for conflict in conflicts.iter().take(MAX_DETAILED) {
        report_one(findings, conflict);
    }
    let Some(next) = conflicts.get(MAX_DETAILED) else { return };
    let rest: u64 =
        conflicts.iter().skip(MAX_DETAILED).map(|conflict| u64::from(conflict.other.holding.count)).sum();
    let fact = format!("{} overlaps {rest} more objects", volume.title);
    findings.add(next.kind.rule().warn(next.field(volume), fact).related(&next.other.holding.holder));
}

/// Returns the remedy for a provisioned volume.
fn provisioned_remedy(conflict: &Conflict<'_>, message: &ConflictMessage<'_>) -> String {
    match conflict.outcome {
        ConflictOutcome::Deny => {
            "Only a warning, as its provisioner could answer a refusal by deleting the directory \
                          (exports.dynamic)"
                .to_owned()
        }
        _ => message.remedy(),
    }
}

/// Returns a conflict as an entry of the audit log.
fn audit_entry(message: &ConflictMessage<'_>) -> String {
    let (reviewed, other) = (&message.reviewed.short, message.other.short());
    match message.kind {
        ConflictKind::SameHandle => format!("{reviewed} with the volumeHandle of {other}"),
        ConflictKind::SameAttributes => format!("{reviewed} with the volumeAttributes of {other}"),
        _ => format!("{reviewed} on {} and {other}", message.export()),
    }
}

/// Returns the finding about a volume whose place cannot be known.
fn unknown_place(volume: &Volume, unknown: &UnknownPlace) -> FindingBuilder {
    match unknown {
        UnknownPlace::Unresolved(path) => {
            let path = shorten(path, UNRESOLVED_CHARS);
            let fact = format!(
                "{}: {path:?} stays unresolved, so Ordinance can't know which directory that is, nor which volumes \
                 share it",
                volume.title
            );
            StorageRule::UnresolvedExport.warn(&volume.field, fact)
        }
        UnknownPlace::Ambiguous => {
            let fact = format!(
                "{} has attributes whose keys differ by case only: which of them its driver takes is not defined, so \
                 Ordinance can't know which volumes share its files",
                volume.title
            );
            StorageRule::UnresolvedExport.warn(&volume.field, fact).remedy("Write the attribute once")
        }
        UnknownPlace::Incomplete(names) => {
            let shown = shorten(names, UNRESOLVED_CHARS);
            let lack = match names.as_str() {
                "" => "does not say where its files are".to_owned(),
                names if names.contains(',') => format!("has none of {shown}"),
                _ => format!("has no {shown}"),
            };
            let fact =
                format!("{} {lack}, so Ordinance can't know which volumes share its files", volume.title);
            StorageRule::UnresolvedExport.note("spec.csi", fact)
        }
        UnknownPlace::Driver(driver) => {
            let fact = format!(
                "{}: Ordinance does not know the driver {}, so it can't tell which volumes share its files",
                volume.title,
                Quoted(driver)
            );
            let remedy = "Compare its volumes yourself, or add a row for the driver to the setting `drivers`";
            StorageRule::UnknownDriver.note("spec.csi.driver", fact).remedy(remedy)
        }
    }
}

/// Returns whether the path of an export overlaps that of a holding of its realm.
pub(crate) fn is_on(export: &Export, holding: &Holding) -> bool {
    PathRelation::of(export.segments(), &holding.path).is_some()
}

/// Returns the fact that the inline export of a StatefulSet overlaps a holding, or `None` if it does not. `owner` is
/// e.g. `StatefulSet "web"`.
pub(crate) fn inline_overlap(owner: &str, export: &Export, holding: &Holding) -> Option<String> {
    if export.realm() != holding.realm {
        return None;
    }
    let relation = PathRelation::of(export.segments(), &holding.path)?;
    let relation = message::relation(owner, &export.to_string(), holding, relation);
    Some(format!("{relation}: they overwrite each other's files"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::{Finding, Phase, Severity, Stance};
    use serde_json::{Value, json};

    fn scope(name: &str) -> Scope<'static> {
        Scope {
            version: "v1".into(),
            resource: "persistentvolumes".into(),
            name: name.to_owned().into(),
            ..Scope::default()
        }
    }

    fn volume(name: &str, server: &str, path: &str) -> Value {
        json!({"metadata": {"name": name}, "spec": {"nfs": {"server": server, "path": path}}})
    }

    /// The holdings of a stored volume.
    fn holdings(name: &str, object: &Value, settings: &Settings) -> Vec<Holding> {
        keys(&scope(name), &object.to_string(), settings)
            .unwrap_or_default()
            .into_iter()
            .map(|Key { realm, path, stance, note }| Holding {
                realm,
                path,
                stance,
                note,
                holder: scope(name),
                count: 1,
            })
            .collect()
    }

    fn created(name: &str, object: &Value, settings: &Settings, holdings: &[Holding]) -> Verdict {
        let request = Request {
            operation: Operation::Create,
            phase: Phase::Validate,
            scope: scope(name),
            kind: "PersistentVolume".into(),
            dry_run: false,
            user_info: "".into(),
            object: Some(object.to_string().into()),
            old_object: None,
        };
        crate::review(&request, settings, holdings)
    }

    #[test]
    fn denies_the_second_volume_on_an_export() {
        let settings = Settings::default();
        let first = holdings("pv", &volume("pv", "10.0.0.5", "/srv/www"), &settings);
        let verdict = created("pv2", &volume("pv2", "10.0.0.5", "/srv/www"), &settings, &first);
        assert_eq!(
            verdict.findings,
            [Finding {
                rule: "shared-export".to_owned(),
                severity: Severity::Deny,
                would_deny: false,
                field: "spec.nfs.path".to_owned(),
                fact: "PersistentVolume \"pv2\" shares nfs://10.0.0.5/srv/www with PersistentVolume \"pv\": two \
                       volumes on one directory overwrite each other's files"
                    .to_owned(),
                remedy: "Give pv2 a directory of its own, e.g. /srv/www-pv2, or annotate it ordinance.dev/shared-with: \
                         pv"
                    .to_owned(),
                related: vec![scope("pv")],
                fixes: Vec::new(),
            }]
        );
    }

    #[test]
    fn a_volume_does_not_conflict_with_itself() {
        let settings = Settings::default();
        let object = volume("pv", "10.0.0.5", "/srv/www");
        let own = holdings("pv", &object, &settings);
        assert_eq!(created("pv", &object, &settings, &own), Verdict::allow());
    }

    /// The finding's fact and remedy, as a host would join them.
    fn texts(verdict: &Verdict) -> Vec<String> {
        verdict.findings.iter().map(|finding| format!("{}. {}", finding.fact, finding.remedy)).collect()
    }

    fn inline_holding(path: &[&str]) -> Holding {
        Holding {
            realm: "nfs://nas".to_owned(),
            path: path.iter().map(ToString::to_string).collect(),
            stance: Stance::Uses,
            note: "the set's own".to_owned(),
            holder: Scope {
                group: "apps".into(),
                version: "v1".into(),
                resource: "statefulsets".into(),
                namespace: "default".into(),
                name: "web".into(),
                ..Scope::default()
            },
            count: 1,
        }
    }

    #[test]
    fn warns_of_a_set_that_mounts_the_export_inline() {
        let settings = Settings::default();
        let texts_for = |path: &[&str]| {
            let object = volume("pv", "nas", "/srv/www");
            texts(&created("pv", &object, &settings, &[inline_holding(path)]))
        };
        assert_eq!(
            texts_for(&["srv", "www"]),
            [
                "PersistentVolume \"pv\" shares nfs://nas/srv/www with StatefulSet \"default/web\", whose pods mount \
                 it inline: they overwrite each other's files. Give pv a directory of its own, e.g. /srv/www-pv"
            ]
        );
        assert_eq!(
            texts_for(&["srv"]),
            [
                "PersistentVolume \"pv\" (nfs://nas/srv/www) lies inside StatefulSet \"default/web\" (/srv), whose \
                 pods mount it inline: they overwrite each other's files. Give pv a directory outside of it, e.g. \
                 /srv-pv"
            ]
        );
        assert!(texts_for(&["srv", "other"]).is_empty());
    }

    #[test]
    fn warns_a_set_of_volumes_on_its_inline_export() {
        let settings = Settings::default();
        let source =
            ordinance_storage::NfsSource { server: "nas".into(), path: "/srv".into(), read_only: false };
        let source = ordinance_storage::VolumeSource::Nfs(source);
        let export = Export::of_inline(&source, "default", &settings).expect("an export");
        let texts_for = |holding: &Holding| inline_overlap("StatefulSet \"web\"", &export, holding);
        let other = holdings("pv", &volume("pv", "nas", "/srv/www"), &settings);
        assert_eq!(
            other.iter().filter_map(texts_for).collect::<Vec<_>>(),
            [
                "StatefulSet \"web\" (nfs://nas/srv) contains PersistentVolume \"pv\" (/srv/www): they overwrite each \
                other's files"
            ]
        );
        let elsewhere = holdings("pv", &volume("pv", "other", "/srv/www"), &settings);
        assert_eq!(elsewhere.iter().filter_map(texts_for).count(), 0);
    }

    #[test]
    fn volumes_on_no_export_have_no_keys() {
        let object = json!({"metadata": {"name": "pv"}, "spec": {"hostPath": {"path": "/srv"}}});
        assert!(holdings("pv", &object, &Settings::default()).is_empty());
    }

    #[test]
    fn volumes_that_differ_in_their_name_only_have_one_note() {
        let settings = Settings::default();
        let note = |name: &str| {
            let path = format!("/srv/{name}");
            holdings(name, &volume(name, "nas", &path), &settings)
                .into_iter()
                .map(|h| h.note)
                .collect::<Vec<_>>()
        };
        assert_eq!(note("a"), ["{}"]);
        assert_eq!(note("b"), note("a"));
    }

    #[test]
    fn a_group_is_named_by_its_own_annotations_only() {
        let settings = Settings::default();
        let group = |note: &str| Holding {
            realm: "nfs://nas".to_owned(),
            path: vec!["srv".to_owned(), "a".to_owned()],
            stance: Stance::Holds,
            note: note.to_owned(),
            holder: scope("a"),
            count: 2,
        };
        let mut outer = volume("outer", "nas", "/srv");
        if let Some(metadata) = outer.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("annotations".to_owned(), json!({"ordinance.dev/shared-with": "a"}));
        }
        let reviewed = created("outer", &outer, &settings, &[group("{}")]);
        assert!(reviewed.audit.is_empty(), "{reviewed:?}");
        let other = created(
            "outer",
            &volume("outer", "nas", "/srv"),
            &settings,
            &[group(r#"{"sharedWith":["outer"]}"#)],
        );
        assert_eq!(other.audit.len(), 1, "{other:?}");
    }

    /// Volumes that differ in everything that can change how they are judged beside others.
    fn variants(name: &str, path: &str) -> Vec<Value> {
        let annotated = |key: &str, value: &str| {
            let mut object = volume(name, "nas", path);
            object["metadata"]["annotations"] = json!({key: value});
            object
        };
        let specified = |key: &str, value: Value| {
            let mut object = volume(name, "nas", path);
            object["spec"][key] = value;
            object
        };
        let mut provisioned = annotated("pv.kubernetes.io/provisioned-by", "nfs.csi.k8s.io");
        provisioned["spec"]["claimRef"] = json!({"uid": "7d4c"});
        let mut released = volume(name, "nas", path);
        released["status"] = json!({"phase": "Released"});
        vec![
            volume(name, "nas", path),
            specified("mountOptions", json!(["ro"])),
            specified("persistentVolumeReclaimPolicy", json!("Recycle")),
            annotated("ordinance.dev/shared-with", "outer"),
            annotated("ordinance.dev/shared-with", "a"),
            annotated("ordinance.dev/takes-over", "a"),
            annotated("ordinance.dev/takes-over", "outer"),
            provisioned,
            released,
        ]
    }

    #[test]
    fn judges_a_group_no_milder_than_its_members() {
        let exports = Exports {
            nested: crate::settings::Nested::Deny,
            dynamic: WarnOrDeny::Deny,
            provisioner_roots: vec!["nas:/a/root".to_owned()],
            shared: vec!["nas:/a/common".to_owned()],
            ..Exports::default()
        };
        let settings = Settings { exports, ..Settings::default() };
        let places = ["/a/common/x", "/a/root/x", "/a/other/x"];
        let allowed =
            |object: &Value, holdings: &[Holding]| created("outer", object, &settings, holdings).is_allowed();
        for outer in ["/", "/a"].into_iter().flat_map(|path| variants("outer", path)) {
            for (one, other) in places.iter().flat_map(|one| places.iter().map(move |other| (one, other))) {
                for (first, second) in variants("a", one).iter().zip(variants("b", other)) {
                    let members =
                        [holdings("a", first, &settings), holdings("b", &second, &settings)].concat();
                    let [a, b] = members.as_slice() else { panic!("a key each") };
                    if a.note != b.note {
                        continue;
                    }
                    let group = Holding { count: 2, ..a.clone() };
                    assert!(
                        !allowed(&outer, &[group]) || allowed(&outer, &members),
                        "{outer} {first} {second}"
                    );
                }
            }
        }
    }

    #[test]
    fn reports_a_group_as_one() {
        let settings = Settings::default();
        let mut inner = holdings("a", &volume("a", "nas", "/a"), &settings);
        inner.iter_mut().for_each(|holding| holding.count = 42);
        let verdict = created("outer", &volume("outer", "nas", "/"), &settings, &inner);
        assert_eq!(
            texts(&verdict),
            [
                "PersistentVolume \"outer\" (nfs://nas/) contains PersistentVolume \"a\" (/a) and 41 more and can \
                 overwrite the files in it. Give outer a directory of its own, e.g. /outer, or annotate each of them \
                 ordinance.dev/shared-with: outer"
            ]
        );
    }
}
