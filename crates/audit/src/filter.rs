//! Which findings a report shows. A filter leaves the evaluation as it is, and the answer whether it is safe to enforce.

use crate::report::AuditedObject;
use crate::stored_metadata::{creation_time, namespace};
use ordinance_contract::{Finding, Identity, Scope};
use ordinance_manifests::Manifest;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// The findings to show. Each part that is set leaves out findings; an empty filter leaves out none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// The namespaces of the objects. A PersistentVolume belongs to the namespace of its claim.
    pub namespaces: BTreeSet<String>,
    /// The rules, by id.
    pub rules: BTreeSet<String>,
    /// The earliest time of creation, of the object or of an object that the finding names.
    pub since: Option<SystemTime>,
}

/// When the objects were created. Empty unless a filter needs it.
#[derive(Debug, Default)]
pub struct CreationTimes<'a>(BTreeMap<Identity<'a>, SystemTime>);

/// What a filter left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The number of findings.
    pub findings: u64,
}

// === impl CreationTimes ===

impl<'a> CreationTimes<'a> {
    /// Reads when the objects were created. An object without a time is left out.
    pub fn of(objects: impl IntoIterator<Item = &'a Manifest>) -> Self {
        let time = |object: &'a Manifest| Some((object.scope.identity(), creation_time(object)?));
        Self(objects.into_iter().filter_map(time).collect())
    }

    fn find(&self, object: &Scope<'_>) -> Option<SystemTime> {
        self.0.get(&object.identity()).copied()
    }
}

// === impl FindingFilter ===

impl FindingFilter {
    /// Returns whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Removes the findings that are not to be shown, and returns what it left out.
    pub fn apply(&self, objects: &mut Vec<AuditedObject<'_>>, created: &CreationTimes<'_>) -> LeftOut {
        if self.is_empty() {
            return LeftOut::default();
        }
        let mut left_out = LeftOut::default();
        for audited in &mut *objects {
            let before = audited.audit.findings.len();
            let object = audited.object;
            if self.shows_namespace(object) {
                audited.audit.findings.retain(|finding| self.shows(object, finding, created));
            } else {
                audited.audit.findings.clear();
            }
            left_out.findings += (before - audited.audit.findings.len()) as u64;
        }
        objects.retain(|audited| !audited.audit.is_clean());
        left_out
    }

    fn shows_namespace(&self, object: &Manifest) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(&namespace(object))
    }

    fn shows(&self, object: &Manifest, finding: &Finding, created: &CreationTimes<'_>) -> bool {
        let is_rule = self.rules.is_empty() || self.rules.contains(&finding.rule);
        is_rule && self.since.is_none_or(|since| is_created_since(since, object, finding, created))
    }
}

/// Returns whether the object, or one that the finding names, was created since a time. An object that does not say when it was
/// created may have been.
fn is_created_since(
    since: SystemTime,
    object: &Manifest,
    finding: &Finding,
    created: &CreationTimes<'_>,
) -> bool {
    let own = created.find(&object.scope);
    let mut related = finding.related.iter().filter_map(|other| created.find(other));
    own.is_none_or(|time| time >= since) || related.any(|time| time >= since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object_audit::{ExpectedAnswer, ObjectAudit};
    use ordinance_contract::{Severity, Verdict};
    use ordinance_manifests::parse;
    use ordinance_report::TextOrigin;
    use serde_json::json;

    const OLD: &str = "2020-01-01T00:00:00Z";
    const NEW: &str = "2026-01-01T00:00:00Z";

    fn volume(name: &str, created: &str, namespace: &str) -> Manifest {
        let metadata = json!({"name": name, "creationTimestamp": created});
        let spec = json!({"claimRef": {"namespace": namespace}});
        let volume =
            json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec});
        parse(&volume.to_string(), 1, "default").expect("a manifest")
    }

    fn audited<'a>(object: &'a Manifest, rule: &str, related: &[&Manifest]) -> AuditedObject<'a> {
        let mut finding = Finding::new(rule, Severity::Warn, "a fact");
        finding.related = related.iter().map(|other| other.scope.clone()).collect();
        let verdict = Verdict { findings: vec![finding], ..Verdict::allow() };
        let audit = ObjectAudit::new(verdict, ExpectedAnswer::Unchanged, ExpectedAnswer::Unchanged);
        AuditedObject { file: "", text: "", origin: TextOrigin::File, object, audit }
    }

    /// Returns the names of the objects that a filter shows.
    fn shown(filter: &FindingFilter, mut objects: Vec<AuditedObject<'_>>) -> Vec<String> {
        let created: Vec<&Manifest> = objects.iter().map(|audited| audited.object).collect();
        let times = CreationTimes::of(created);
        let count = objects.len();
        let left_out = filter.apply(&mut objects, &times);
        assert_eq!(left_out.findings as usize, count - objects.len());
        objects.iter().map(|audited| audited.object.scope.name.to_string()).collect()
    }

    fn since(time: &str) -> FindingFilter {
        let since = humantime::parse_rfc3339_weak(time).expect("a time");
        FindingFilter { since: Some(since), ..FindingFilter::default() }
    }

    #[test]
    fn the_newer_one_of_a_pair_counts_for_both() {
        let (old, new, alone) = (volume("old", OLD, "a"), volume("new", NEW, "a"), volume("alone", OLD, "a"));
        let untimed = volume("untimed", "never", "a");
        let objects = || {
            vec![
                audited(&old, "r", &[&new]),
                audited(&new, "r", &[&old]),
                audited(&alone, "r", &[&old]),
                audited(&untimed, "r", &[]),
            ]
        };
        assert_eq!(shown(&since("2025-01-01T00:00:00Z"), objects()), ["old", "new", "untimed"]);
        assert_eq!(shown(&since(OLD), objects()), ["old", "new", "alone", "untimed"]);
    }

    #[test]
    fn rules_and_namespaces_are_left_out() {
        let (one, other) = (volume("one", OLD, "shop"), volume("other", OLD, "data"));
        let objects = || vec![audited(&one, "r", &[]), audited(&other, "s", &[])];
        let rules = FindingFilter { rules: BTreeSet::from(["s".to_owned()]), ..FindingFilter::default() };
        let namespaces =
            FindingFilter { namespaces: BTreeSet::from(["shop".to_owned()]), ..FindingFilter::default() };
        assert_eq!(shown(&rules, objects()), ["other"]);
        assert_eq!(shown(&namespaces, objects()), ["one"]);
        assert_eq!(shown(&FindingFilter::default(), objects()), ["one", "other"]);
    }
}
