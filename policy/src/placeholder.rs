//! Placeholders such as `${NFS_PATH}`, which envsubst or Flux fills in before an object is sent.
//!
//! Where one stands in a string that decides where files are, nothing is known about the object yet: it is neither
//! compared with others nor patched, and a warning says so. The object is read as a stream; no value is kept.

use crate::findings::Findings;
use crate::rules::StorageRule;
use crate::settings::{ClassOutcome, Settings};
use crate::{ObjectKind, kind};
use ordinance_contract::{Operation, Phase, Request, Scope, Verdict};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The number of placeholders that a warning names; it counts the others.
const NAMED: usize = 2;

/// The sources of volumes that have files which another volume or replica can reach.
const SOURCES: [&str; 18] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "gcePersistentDisk",
    "glusterfs",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

/// The annotations that decide, beside Ordinance's own.
const ANNOTATIONS: [&str; 2] = ["pv.kubernetes.io/provisioned-by", "volume.beta.kubernetes.io/mount-options"];

/// The attributes that the rule `unresolved-export` covers: their drivers have placeholders of their own.
const DRIVER_PATHS: [&str; 2] = ["share", "subdir"];

/// A placeholder in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placeholder {
    /// As it is written.
    text: String,
    field: String,
}

/// The placeholders of an object in fields that decide.
struct PlaceholderScan {
    kind: ObjectKind,
    /// The names of the members from the root, and elements of lists as `[0]`.
    path: Vec<String>,
    found: Vec<Placeholder>,
    /// Whether the object has storage that others can reach.
    has_storage: bool,
}

/// Reads a value at the scan's path.
struct ValueScan<'s>(&'s mut PlaceholderScan);

/// Returns whether a placeholder leaves unknown which keys an object holds.
pub(crate) fn is_in(scope: &Scope<'_>, object: &str) -> bool {
    !placeholders(scope, object).is_empty()
}

/// Returns the verdict on an object with placeholders that its old state does not have; `None` without any. What is
/// stored already is text, since nothing will fill it in.
pub(crate) fn verdict(request: &Request<'_>, settings: &Settings) -> Option<Verdict> {
    let is_written = matches!(request.operation, Operation::Create | Operation::Update);
    let is_off = settings.storage_classes == ClassOutcome::Off
        && matches!(kind(&request.scope), ObjectKind::StorageClass);
    if !is_written || is_off || request.phase == Phase::Audit {
        return None;
    }
    let mut found = placeholders(&request.scope, request.object.as_deref()?);
    if let Some(old) = request.old_object.as_deref() {
        let stored = placeholders(&request.scope, old);
        found.retain(|placeholder| !stored.contains(placeholder));
    }
    let first = found.first()?;
    let mut findings = Findings::new(settings.mode);
    let finding = StorageRule::UnresolvedPlaceholder.warn(first.field.clone(), fact(&found));
    findings.add(finding.remedy("Substitute it first, e.g. envsubst < FILE | ordinance check -"));
    findings.audit("unresolved", listed(&found));
    Some(findings.into_verdict(None))
}

fn fact(found: &[Placeholder]) -> String {
    let verb = if found.len() == 1 { "is" } else { "are" };
    format!("{} {verb} not substituted: which files the object shares is unknown", listed(found))
}

fn listed(found: &[Placeholder]) -> String {
    let named: Vec<String> =
        found.iter().take(NAMED).map(|Placeholder { text, field }| format!("{text:?} in {field}")).collect();
    match found.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn placeholders(scope: &Scope<'_>, object: &str) -> Vec<Placeholder> {
    // Few objects have one.
    if first_in(object).is_none() {
        return Vec::new();
    }
    let mut scan =
        PlaceholderScan { kind: kind(scope), path: Vec::new(), found: Vec::new(), has_storage: false };
    let read = ValueScan(&mut scan).deserialize(&mut serde_json::Deserializer::from_str(object));
    // What is not JSON is reported by the review itself.
    if read.is_err() || !scan.has_storage {
        return Vec::new();
    }
    scan.found
}

/// Returns the first placeholder of a text: a name in `${…}`, alone or with an operator after it. `$${…}` is an escape,
/// `$(…)` belongs to Kubernetes, and names with dots belong to CSI drivers and provisioners.
fn first_in(text: &str) -> Option<&str> {
    text.match_indices("${").find_map(|(at, _)| {
        if text.get(..at).is_some_and(|before| before.ends_with('$')) {
            return None;
        }
        let (inside, _) = text.get(at + 2..)?.split_once('}')?;
        is_variable(inside).then(|| text.get(at..at + inside.len() + 3)).flatten()
    })
}

/// Returns whether the text in the braces is a variable's name, which an operator may follow.
fn is_variable(inside: &str) -> bool {
    let name = inside.trim_start_matches(|c: char| c == '_' || c.is_ascii_alphanumeric());
    let begins = inside.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    let ends = name.is_empty() || name.starts_with([':', '-', '=', '+', '?', '#', '%', '/', ',', '^']);
    begins && ends
}

// === impl PlaceholderScan ===

impl PlaceholderScan {
    fn add(&mut self, text: &str) {
        let Some(placeholder) = first_in(text) else { return };
        if self.decides() {
            self.found.push(Placeholder { text: placeholder.to_owned(), field: self.field() });
        }
    }

    /// Notes a member of an object that begins at the path.
    fn enter(&mut self) {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.has_storage |= match (&self.kind, &*path) {
            (ObjectKind::PersistentVolume, ["spec", source])
            | (ObjectKind::StatefulSet, ["spec", "template", "spec", "volumes", _, source]) => {
                SOURCES.contains(source)
            }
            (ObjectKind::StatefulSet, ["spec", "volumeClaimTemplates", _])
            | (ObjectKind::StorageClass, ["parameters", _]) => true,
            _ => false,
        };
    }

    /// Returns whether the string at the path decides where files are, or how they are judged.
    fn decides(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match (&self.kind, &*path) {
            (ObjectKind::PersistentVolume | ObjectKind::StatefulSet, ["metadata", "name" | "namespace"])
            | (ObjectKind::StatefulSet, ["spec", "replicas"])
            | (ObjectKind::StorageClass, ["provisioner"] | ["parameters", ..]) => true,
            (ObjectKind::PersistentVolume | ObjectKind::StatefulSet, ["metadata", "annotations", name]) => {
                name.starts_with("ordinance.dev/") || ANNOTATIONS.contains(name)
            }
            (ObjectKind::PersistentVolume, ["spec", "csi", "volumeAttributes", name]) => {
                !DRIVER_PATHS.iter().any(|path| name.eq_ignore_ascii_case(path))
            }
            (ObjectKind::PersistentVolume, ["spec", field, ..]) => {
                SOURCES.contains(field)
                    || matches!(
                        *field,
                        "accessModes" | "claimRef" | "mountOptions" | "persistentVolumeReclaimPolicy"
                    )
            }
            (ObjectKind::StatefulSet, ["spec", "volumeClaimTemplates", _, rest @ ..]) => {
                matches!(
                    rest,
                    ["metadata", "name"] | ["spec", "accessModes" | "dataSource" | "volumeName", ..]
                )
            }
            (ObjectKind::StatefulSet, ["spec", "template", "spec", rest @ ..]) => pod_decides(rest),
            _ => false,
        }
    }

    fn field(&self) -> String {
        let mut field = String::new();
        for step in &self.path {
            let is_plain = step.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match (step.starts_with('['), is_plain) {
                (true, _) => field.push_str(step),
                (false, true) if field.is_empty() => field.push_str(step),
                (false, true) => field.extend([".", step]),
                (false, false) => field.extend(["[", step, "]"]),
            }
        }
        field
    }

    /// Calls `read` at a member or an element.
    fn at<T>(&mut self, step: String, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        self.enter();
        let result = read(self);
        self.path.pop();
        result
    }
}

/// Returns whether a string of a pod's specification decides.
fn pod_decides(path: &[&str]) -> bool {
    match path {
        ["volumes", _, "name"] => true,
        ["volumes", _, source, ..] => SOURCES.contains(source),
        ["containers" | "initContainers", _, "volumeMounts", _, field] => *field != "mountPath",
        _ => false,
    }
}

// === impl ValueScan ===

impl<'de> DeserializeSeed<'de> for ValueScan<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueScan<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.add(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        while self.0.at(format!("[{index}]"), |scan| elements.next_element_seed(ValueScan(scan)))?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            self.0.at(name.into_owned(), |scan| members.next_value_seed(ValueScan(scan)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_braces_is_a_placeholder() {
        for text in ["${A}", "x${_a1}y", "${A:-/srv}", "${A:=x}", "${A-x}", "${A%/*}", "${A,,}", "${A^}"] {
            let found = first_in(text).map(str::len);
            assert_eq!(found, Some(text.trim_matches(['x', 'y']).len()), "{text}");
        }
        assert_eq!(first_in("${pv.metadata.name}/${B}"), Some("${B}"));
    }

    #[test]
    fn what_kubernetes_drivers_and_flux_keep_is_text() {
        for text in [
            "$(A)",
            "$A",
            "$${A}",
            "${pv.metadata.name}",
            "${pvc.metadata.namespace}",
            "${.PVC.name}",
            "${}",
            "${1}",
            "${A",
            "${a b}",
        ] {
            assert_eq!(first_in(text), None, "{text}");
        }
    }
}
