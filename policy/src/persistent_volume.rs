//! PersistentVolumes: two of them on one directory overwrite each other's files.
//!
//! A volume holds its export; what overlaps it is judged pair by pair by the table in `conflict`. A new volume may be
//! refused, an update never: it warns of pairs for which it makes things worse.

mod conflict;
mod message;
mod metadata;
mod note;
mod volume;

use crate::display::shorten;
use crate::export::Export;
use crate::findings::{Findings, Report};
use crate::parsed_request::ParsedRequest;
use crate::rules::StorageRule;
use crate::settings::{Exports, Settings, WarnOrDeny};
use conflict::{Line, Outcome, Overlap, Pair, Side};
use message::{Other, Telling};
use metadata::View;
use ordinance_contract::{Holding, Key, Operation, Request, Scope, Verdict};
use volume::{Seat, Volume};

/// The longest unresolved path in a message, in characters.
const UNKNOWN_CHARS: usize = 100;

/// The number of overlaps with a finding of their own; the rest is counted.
const TOLD: usize = 3;

/// How many names a proposed annotation has at most.
const NAMES: usize = 12;

/// The keys of a stored volume.
pub(crate) fn keys(
    scope: &Scope<'_>,
    object: &str,
    settings: &Settings,
) -> Result<Vec<Key>, serde_json::Error> {
    Ok(read(&scope.name, object, settings)?.keys())
}

/// Reads a request.
pub(crate) fn open<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn ParsedRequest + 'a>, serde_json::Error> {
    let volume = read(&request.scope.name, object, settings)?;
    if request.operation != Operation::Update {
        return Ok(Box::new(Creation { volume, settings }));
    }
    let old =
        request.old_object.as_deref().map(|old| read(&request.scope.name, old, settings)).transpose()?;
    Ok(Box::new(Change { volume, old, settings }))
}

fn read(name: &str, object: &str, settings: &Settings) -> Result<Volume, serde_json::Error> {
    let view: View<'_> = serde_json::from_str(object)?;
    Ok(Volume::new(&view, name, settings))
}

/// A new volume.
struct Creation<'a> {
    volume: Volume,
    settings: &'a Settings,
}

/// A change of a stored volume.
struct Change<'a> {
    volume: Volume,
    /// None if the API server did not send it.
    old: Option<Volume>,
    settings: &'a Settings,
}

/// An overlap of the volume under review with another object.
struct Found<'a> {
    theirs: Other<'a>,
    overlap: Overlap,
    line: Line,
    outcome: Outcome,
}

// === impl Creation ===

impl ParsedRequest for Creation<'_> {
    fn keys(&self) -> Vec<Key> {
        self.volume.keys()
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        if let Some(path) = &self.volume.unknown {
            findings.add(unresolved(&self.volume, path));
        }
        let found = found(&self.volume, holdings, &self.settings.exports);
        each_told(&self.volume, &found, &mut findings, |findings, one| self.tell(findings, one, &found));
        self.record_sharing(&mut findings, &found);
        findings.into_verdict(None)
    }
}

impl Creation<'_> {
    fn tell(&self, findings: &mut Findings, found: &Found<'_>, all: &[Found<'_>]) {
        let sharing = sharing(&self.volume, found, all);
        let telling = found.telling(&self.volume, &sharing, &self.settings.exports);
        let warning = || found.warning(&self.volume, &telling);
        match found.outcome {
            Outcome::Silent => {}
            Outcome::Meant => findings.add(warning()),
            Outcome::Deny | Outcome::Warn if self.is_spared() => {
                findings.add(warning().remedy(spared(found, &telling)));
                findings.audit("provisioned-overlap", record(&telling));
            }
            Outcome::Warn => findings.add(warning().remedy(telling.remedy())),
            Outcome::Deny => {
                let report = found.line.rule().deny(found.field(&self.volume), telling.fact());
                findings.add(report.remedy(telling.remedy()).related(&found.theirs.holding.holder));
            }
        }
    }

    /// Sharing that is meant goes into the audit log, all of it.
    fn record_sharing(&self, findings: &mut Findings, found: &[Found<'_>]) {
        let is_shared = |found: &&Found<'_>| matches!(found.line, Line::SharedPath | Line::SharedWith);
        for found in found.iter().filter(is_shared).take(NAMES) {
            findings.audit("shared-export", record(&found.telling(&self.volume, "", &self.settings.exports)));
        }
    }

    /// Whether its provisioner made it, and could delete the directory that is another's if it were refused.
    fn is_spared(&self) -> bool {
        self.volume.is_provisioned && self.settings.exports.dynamic == WarnOrDeny::Warn
    }
}

// === impl Change ===

impl ParsedRequest for Change<'_> {
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
        if let Some(path) = self.volume.unknown.as_ref().filter(|_| self.volume.unknown != old.unknown) {
            findings.add(unresolved(&self.volume, path));
        }
        let mut found = found(&self.volume, holdings, exports);
        found.retain(|found| found.outcome > Outcome::Meant && found.is_worse_than(old, exports));
        each_told(&self.volume, &found, &mut findings, |findings, found| {
            let telling = found.telling(&self.volume, "", exports);
            findings.add(found.warning(&self.volume, &telling).remedy(told_by_update(&telling)));
        });
        findings.into_verdict(None)
    }
}

/// That an overlap is new; with a way out only where the volume can still be changed.
fn told_by_update(telling: &Telling<'_>) -> String {
    let new = "This is new with this update; updates are never refused";
    match telling.line {
        Line::EqualReader => format!("{new}. {}", telling.remedy()),
        _ => new.to_owned(),
    }
}

// === impl Found ===

impl<'a> Found<'a> {
    fn telling(&'a self, ours: &'a Volume, sharing: &'a str, settings: &'a Exports) -> Telling<'a> {
        Telling { ours, theirs: &self.theirs, overlap: self.overlap, line: self.line, sharing, settings }
    }

    /// Whether the overlap is judged more strictly than that of the volume as it was. `rm -rf` is worse than writers in
    /// one directory, though either is refused.
    fn is_worse_than(&self, old: &Volume, settings: &Exports) -> bool {
        let strictness = |line: Line| (line.outcome(settings), line == Line::Recycle);
        let before = judged(old, &self.theirs).map(|(_, line)| strictness(line));
        before.is_none_or(|before| strictness(self.line) > before)
    }

    fn warning(&self, volume: &Volume, telling: &Telling<'_>) -> Report {
        let report = self.line.rule().warn(self.field(volume), telling.fact());
        report.related(&self.theirs.holding.holder)
    }

    /// The field of the volume that is at fault.
    fn field(&self, volume: &Volume) -> String {
        if self.line == Line::Recycle && volume.note.recycle {
            return "spec.persistentVolumeReclaimPolicy".to_owned();
        }
        volume.field.clone()
    }
}

/// What overlaps a volume and is worth a word, the strictest first.
fn found<'a>(volume: &Volume, holdings: &'a [Holding], settings: &Exports) -> Vec<Found<'a>> {
    let mut found: Vec<Found<'a>> = holdings
        .iter()
        .filter_map(|holding| {
            let theirs = Other::new(holding);
            let (overlap, line) = judged(volume, &theirs)?;
            Some(Found { theirs, overlap, line, outcome: line.outcome(settings) })
        })
        .filter(|found| found.outcome > Outcome::Silent)
        .collect();
    found.sort_by(|a, b| {
        let rank = |found: &Found<'a>| (std::cmp::Reverse(found.outcome), found.overlap);
        rank(a).cmp(&rank(b)).then_with(|| a.theirs.holding.holder.cmp(&b.theirs.holding.holder))
    });
    without_handles_of_refused(found)
}

/// That the handle is another's is not worth a word where the directory is, too.
fn without_handles_of_refused(mut found: Vec<Found<'_>>) -> Vec<Found<'_>> {
    let refused: Vec<Scope<'_>> = found
        .iter()
        .filter(|found| found.outcome == Outcome::Deny)
        .map(|found| found.theirs.holding.holder.clone())
        .collect();
    found.retain(|found| found.line != Line::SameHandle || !refused.contains(&found.theirs.holding.holder));
    found
}

/// Returns how a volume overlaps a holding, and the line of the table. `None` if they do not overlap, or if the volume
/// itself is the holder.
fn judged(volume: &Volume, theirs: &Other<'_>) -> Option<(Overlap, Line)> {
    let holding = theirs.holding;
    let is_volume = holding.holder.group.is_empty() && holding.holder.resource == "persistentvolumes";
    if is_volume && !volume.name.is_empty() && holding.holder.name == volume.name {
        return None;
    }
    let Some(seat) = volume.seat.as_ref().filter(|seat| seat.realm == holding.realm) else {
        let is_same = volume.handle.as_ref().is_some_and(|handle| handle.is(&holding.realm, &holding.path));
        return is_same.then_some((Overlap::Equal, Line::SameHandle));
    };
    let overlap = Overlap::of(&seat.path, &holding.path)?;
    let line = if !is_volume {
        Line::Inline
    } else if seat.export.is_none() && volume.note.attributes != theirs.note.attributes {
        Line::SameHandle
    } else {
        pair(volume, seat, theirs, overlap).line()
    };
    Some((overlap, line))
}

fn pair<'a>(volume: &'a Volume, seat: &'a Seat, theirs: &'a Other<'_>, overlap: Overlap) -> Pair<'a> {
    let holding = theirs.holding;
    let is_group = holding.count > 1;
    let outer = seat.path.len().min(holding.path.len());
    Pair {
        ours: Side { note: &volume.note, name: &volume.name, depth: seat.path.len() },
        theirs: Side {
            note: &theirs.note,
            name: if is_group { "" } else { &holding.holder.name },
            depth: holding.path.len(),
        },
        overlap,
        on_shared_path: seat.shared.is_some_and(|shared| shared <= outer),
    }
}

/// The names that the volume shares with already, and those of all that stand in the way as this one does.
fn sharing(volume: &Volume, found: &Found<'_>, all: &[Found<'_>]) -> String {
    let in_the_way = all
        .iter()
        .filter(|other| other.outcome == found.outcome && other.theirs.holding.count <= 1)
        .filter(|other| matches!(other.line, Line::Equal | Line::Nested | Line::NestedReader))
        .map(|other| &*other.theirs.holding.holder.name);
    let first = &*found.theirs.holding.holder.name;
    let mut names: Vec<&str> = Vec::new();
    for name in volume.note.shared_with.iter().map(String::as_str).chain([first]).chain(in_the_way) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = if names.len() > NAMES { ", …" } else { "" };
    names.truncate(NAMES);
    shorten(&names.join(", "), NAMES * 64) + more
}

/// Tells the first of them, and how many there are besides.
fn each_told(
    volume: &Volume,
    found: &[Found<'_>],
    findings: &mut Findings,
    mut tell: impl FnMut(&mut Findings, &Found<'_>),
) {
    for one in found.iter().take(TOLD) {
        tell(findings, one);
    }
    let Some(next) = found.get(TOLD) else { return };
    let rest: u64 = found.iter().skip(TOLD).map(|found| u64::from(found.theirs.holding.count)).sum();
    let fact = format!("{} overlaps {rest} more objects", volume.title);
    findings.add(next.line.rule().warn(next.field(volume), fact).related(&next.theirs.holding.holder));
}

/// What to do about a provisioned volume.
fn spared(found: &Found<'_>, telling: &Telling<'_>) -> String {
    match found.outcome {
        Outcome::Deny => {
            "Only a warning, as its provisioner could answer a refusal by deleting the directory \
                          (exports.dynamic)"
                .to_owned()
        }
        _ => telling.remedy(),
    }
}

/// An overlap for the audit log.
fn record(telling: &Telling<'_>) -> String {
    let (ours, theirs) = (&telling.ours.short, telling.theirs.short());
    match telling.line {
        Line::SameHandle => format!("{ours} with the volumeHandle of {theirs}"),
        _ => format!("{ours} on {} and {theirs}", telling.export()),
    }
}

fn unresolved(volume: &Volume, path: &str) -> Report {
    let path = shorten(path, UNKNOWN_CHARS);
    let fact = format!(
        "{}: {path:?} stays unresolved, so nobody can know which directory that is, nor who else has it",
        volume.title
    );
    StorageRule::UnresolvedExport.warn(&volume.field, fact)
}

/// The warning of a StatefulSet's inline volume whose export a PersistentVolume or another set has, too; none if the
/// holding does not overlap it. `owner` is e.g. `StatefulSet "web"`.
pub(crate) fn inline_overlap(owner: &str, export: &Export, holding: &Holding) -> Option<String> {
    if export.realm() != holding.realm {
        return None;
    }
    let overlap = Overlap::of(export.segments(), &holding.path)?;
    let relation = message::relation(owner, &export.to_string(), holding, overlap);
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

    /// What the host would show of a stored volume.
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
                field: "spec.nfs.path".to_owned(),
                fact: "PersistentVolume \"pv2\" shares nfs://10.0.0.5/srv/www with PersistentVolume \"pv\": two volumes on \
                       one directory overwrite each other's files"
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
    fn a_set_that_mounts_the_export_inline_is_warned_of() {
        let settings = Settings::default();
        let said = |path: &[&str]| {
            let object = volume("pv", "nas", "/srv/www");
            texts(&created("pv", &object, &settings, &[inline_holding(path)]))
        };
        assert_eq!(
            said(&["srv", "www"]),
            [
                "PersistentVolume \"pv\" shares nfs://nas/srv/www with StatefulSet \"default/web\", whose pods mount it \
                inline: they overwrite each other's files. Give pv a directory of its own, e.g. /srv/www-pv"
            ]
        );
        assert_eq!(
            said(&["srv"]),
            [
                "PersistentVolume \"pv\" (nfs://nas/srv/www) lies inside StatefulSet \"default/web\" (/srv), whose pods \
                mount it inline: they overwrite each other's files. Give pv a directory outside of it, e.g. \
                /srv-pv"
            ]
        );
        assert!(said(&["srv", "other"]).is_empty());
    }

    #[test]
    fn a_set_is_warned_of_volumes_on_its_inline_export() {
        let settings = Settings::default();
        let source =
            ordinance_storage::NfsSource { server: "nas".into(), path: "/srv".into(), read_only: false };
        let source = ordinance_storage::VolumeSource::Nfs(source);
        let export = Export::of_inline(&source, &settings.exports).expect("an export");
        let said = |holding: &Holding| inline_overlap("StatefulSet \"web\"", &export, holding);
        let theirs = holdings("pv", &volume("pv", "nas", "/srv/www"), &settings);
        assert_eq!(
            theirs.iter().filter_map(said).collect::<Vec<_>>(),
            [
                "StatefulSet \"web\" (nfs://nas/srv) contains PersistentVolume \"pv\" (/srv/www): they overwrite each \
                other's files"
            ]
        );
        let elsewhere = holdings("pv", &volume("pv", "other", "/srv/www"), &settings);
        assert_eq!(elsewhere.iter().filter_map(said).count(), 0);
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
        let ours = created("outer", &outer, &settings, &[group("{}")]);
        assert!(ours.audit.is_empty(), "{ours:?}");
        let theirs = created(
            "outer",
            &volume("outer", "nas", "/srv"),
            &settings,
            &[group(r#"{"sharedWith":["outer"]}"#)],
        );
        assert_eq!(theirs.audit.len(), 1, "{theirs:?}");
    }

    /// A volume with something that could change how it is judged beside others.
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
    fn a_group_is_not_judged_milder_than_its_members() {
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
    fn a_group_is_told_as_one() {
        let settings = Settings::default();
        let mut inner = holdings("a", &volume("a", "nas", "/a"), &settings);
        inner.iter_mut().for_each(|holding| holding.count = 42);
        let verdict = created("outer", &volume("outer", "nas", "/"), &settings, &inner);
        assert_eq!(
            texts(&verdict),
            [
                "PersistentVolume \"outer\" (nfs://nas/) contains PersistentVolume \"a\" (/a) and 41 more and can overwrite the files in it. Give outer a directory of its own, e.g. /outer, or annotate each of them ordinance.dev/shared-with: outer"
            ]
        );
    }
}
