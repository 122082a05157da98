//! Placeholders such as `${NFS_PATH}`, which envsubst or Flux fills in before an object is sent.
//!
//! Where one stands in a string that decides where files are, nothing is known about them yet. The object is read as a
//! stream; no value is kept.

use crate::pod_volume::DISKS;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The sources of volumes, beside disks, that have files which another volume or replica can reach.
const SHARED_SOURCES: [&str; 9] = [
    "azureFile",
    "cephfs",
    "csi",
    "glusterfs",
    "hostPath",
    "local",
    "nfs",
    "persistentVolumeClaim",
    "quobyte",
];

/// The annotations of Kubernetes that decide.
const ANNOTATIONS: [&str; 2] = ["pv.kubernetes.io/provisioned-by", "volume.beta.kubernetes.io/mount-options"];

/// The attributes in which drivers have placeholders of their own.
const DRIVER_PATHS: [&str; 2] = ["share", "subdir"];

/// The number of names on the path of a volume's source in a StatefulSet; of other sources it is less.
const SOURCE_DEPTH: usize = 6;

/// A placeholder in a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placeholder {
    /// As it is written, e.g. `${NFS_PATH}`.
    pub text: String,
    /// The path of the field, e.g. `spec.nfs.path`.
    pub field: String,
}

/// The kinds of objects that decide where files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidingKind {
    /// A PersistentVolume.
    PersistentVolume,
    /// A StatefulSet.
    StatefulSet,
    /// A StorageClass.
    StorageClass,
}

/// The placeholders of an object in fields that decide.
struct PlaceholderScan {
    kind: DecidingKind,
    /// Whether an annotation of this name decides, beside those of Kubernetes.
    is_deciding_annotation: fn(&str) -> bool,
    /// The names of the members from the root, and elements of lists as `[0]`.
    path: Vec<String>,
    found: Vec<Placeholder>,
    /// Whether the object has storage that others can reach.
    has_storage: bool,
}

/// Reads a value at the scan's path.
struct ValueScan<'s>(&'s mut PlaceholderScan);

/// Returns whether a member of a volume is a source whose files outlive a pod.
fn is_source(member: &str) -> bool {
    SHARED_SOURCES.contains(&member) || DISKS.contains(&member)
}

// === impl Placeholder ===

impl Placeholder {
    /// Returns the placeholders in the fields of an object that decide where its files are. `object` is JSON;
    /// `is_deciding_annotation` returns whether an annotation decides, besides those of Kubernetes.
    ///
    /// Returns none for an object without storage that others can reach, and for a text that is not JSON.
    pub fn all(kind: DecidingKind, object: &str, is_deciding_annotation: fn(&str) -> bool) -> Vec<Self> {
        // Few objects have one.
        if first_in(object).is_none() {
            return Vec::new();
        }
        let (path, found) = (Vec::new(), Vec::new());
        let mut scan = PlaceholderScan { kind, is_deciding_annotation, path, found, has_storage: false };
        let read = ValueScan(&mut scan).deserialize(&mut serde_json::Deserializer::from_str(object));
        if read.is_err() || !scan.has_storage {
            return Vec::new();
        }
        scan.found
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}", self.text, self.field)
    }
}

/// Returns the first placeholder of a text: a name in `${…}`, alone or with an operator after it. `$${…}` is an escape,
/// `$(…)` belongs to Kubernetes, and names with dots belong to CSI drivers and provisioners.
fn first_in(text: &str) -> Option<&str> {
    // Behind the last brace nothing ends, so that the search for an end succeeds where it begins.
    let last = text.rfind('}')?;
    text.match_indices("${").take_while(|(at, _)| *at < last).find_map(|(at, _)| {
        if text.get(..at).is_some_and(|before| before.ends_with('$')) {
            return None;
        }
        let inside = text.get(at + 2..)?;
        let length = is_variable(inside).then(|| inside.find('}')).flatten()?;
        text.get(at..at + length + 3)
    })
}

/// Returns whether a text begins with a variable's name, which the brace or an operator follows.
fn is_variable(inside: &str) -> bool {
    let rest = inside.trim_start_matches(|c: char| c == '_' || c.is_ascii_alphanumeric());
    let begins = inside.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    begins && rest.starts_with(['}', ':', '-', '=', '+', '?', '#', '%', '/', ',', '^'])
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
        if self.path.len() > SOURCE_DEPTH {
            return;
        }
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.has_storage |= match (self.kind, &*path) {
            (DecidingKind::PersistentVolume, ["spec", source])
            | (DecidingKind::StatefulSet, ["spec", "template", "spec", "volumes", _, source]) => {
                is_source(source)
            }
            (DecidingKind::StatefulSet, ["spec", "volumeClaimTemplates", _])
            | (DecidingKind::StorageClass, ["parameters", _]) => true,
            _ => false,
        };
    }

    /// Returns whether the string at the path decides where files are, or how they are judged.
    fn decides(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match (self.kind, &*path) {
            (
                DecidingKind::PersistentVolume | DecidingKind::StatefulSet,
                ["metadata", "name" | "namespace"],
            )
            | (DecidingKind::StatefulSet, ["spec", "replicas"])
            | (DecidingKind::StorageClass, ["provisioner"] | ["parameters", ..]) => true,
            (
                DecidingKind::PersistentVolume | DecidingKind::StatefulSet,
                ["metadata", "annotations", name],
            ) => (self.is_deciding_annotation)(name) || ANNOTATIONS.contains(name),
            (DecidingKind::PersistentVolume, ["spec", "csi", "volumeAttributes", name]) => {
                !DRIVER_PATHS.iter().any(|path| name.eq_ignore_ascii_case(path))
            }
            (DecidingKind::PersistentVolume, ["spec", field, ..]) => {
                is_source(field)
                    || matches!(
                        *field,
                        "accessModes" | "claimRef" | "mountOptions" | "persistentVolumeReclaimPolicy"
                    )
            }
            (DecidingKind::StatefulSet, ["spec", "volumeClaimTemplates", _, rest @ ..]) => {
                matches!(
                    rest,
                    ["metadata", "name"] | ["spec", "accessModes" | "dataSource" | "volumeName", ..]
                )
            }
            (DecidingKind::StatefulSet, ["spec", "template", "spec", rest @ ..]) => pod_decides(rest),
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
        ["volumes", _, source, ..] => is_source(source),
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
