//! The objects that exist already, read from the files and directories of `--state`.

use super::input_error::InputError;
use ordinance_contract::Scope;
use ordinance_engine::is_label;
use ordinance_manifests::{
    FoundSource, Manifest, ManifestError, SourceError, TextContent, is_list_kind, read_wanted, sources,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The default namespace of objects that name none.
pub const NAMESPACE: &str = "default";

/// The error of a file or a directory without an object.
pub const NO_OBJECT: &str =
    "has no Kubernetes object; `kubectl get statefulsets,pvc,pv,storageclasses -A -o yaml` prints a state";

/// The members of `metadata` that the API server changes by itself.
const VOLATILE: [&str; 3] = ["generation", "managedFields", "resourceVersion"];

/// The objects that exist already. A part of a file that can't be read is an error; the rest is read nevertheless.
#[derive(Debug, Default)]
pub struct State {
    /// The objects in the order of their files.
    pub objects: Vec<Manifest>,
    /// What can't be read, and objects that contradict others.
    pub errors: Vec<SourceError>,
    files: Vec<StateFile>,
}

/// The part of a List that shows whether it is empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ListHead {
    kind: String,
    items: Option<Vec<IgnoredAny>>,
}

/// A file, and the number of objects up to its end.
#[derive(Debug)]
struct StateFile {
    name: String,
    end: usize,
}

// === impl State ===

impl State {
    /// Reads all objects of these files, and of the files in these directories in the order of their names. Files in a
    /// directory that are no objects are passed over.
    pub fn read(paths: &[PathBuf], namespace: &str) -> Self {
        let mut state = Self::default();
        for path in paths {
            state.add_path(path, namespace);
        }
        state.find_contradictions();
        state
    }

    /// Returns the objects if there is no error.
    ///
    /// # Errors
    ///
    /// The first error, with its place.
    pub fn into_objects(self) -> Result<Vec<Manifest>, InputError> {
        match self.errors.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(self.objects),
        }
    }

    /// Returns an error at the place of an object.
    pub fn error_at(&self, object: &Manifest, position: usize, message: String) -> SourceError {
        let source_name = self.file_of(position).to_owned();
        SourceError { source_name, line: object.line, column: object.column, message }
    }

    /// Returns the name of the file of the object at a position.
    fn file_of(&self, position: usize) -> &str {
        let file = self.files.partition_point(|file| file.end <= position);
        self.files.get(file).map_or("", |file| &file.name)
    }

    /// Adds the objects of a file or a directory. Without an object it is an error: a dump that failed is empty, too.
    fn add_path(&mut self, path: &Path, namespace: &str) {
        let before = (self.objects.len(), self.errors.len());
        for source in sources(&[path.to_owned()]) {
            if let Err(error) = source.and_then(|found| self.add(&found, namespace)) {
                self.errors.push(error);
            }
        }
        if path.is_dir() && before == (self.objects.len(), self.errors.len()) {
            let source_name = path.display().to_string();
            self.errors.push(SourceError { source_name, line: 1, column: 1, message: NO_OBJECT.to_owned() });
        }
    }

    fn add(&mut self, found: &FoundSource, namespace: &str) -> Result<(), SourceError> {
        let Some(text) = found.read()? else { return Ok(()) };
        let read = read_wanted(&text, namespace, &|_, _| true);
        if found.content(&text, &read) == TextContent::Other {
            return Ok(());
        }
        let name = found.source.name();
        if read.objects.is_empty() && !is_empty_list(&text) {
            let message = NO_OBJECT.to_owned();
            return Err(SourceError { source_name: name, line: 1, column: 1, message });
        }
        for object in read.objects {
            match object {
                Ok(object) if object.scope.name.is_empty() => {
                    let Manifest { line, column, .. } = object;
                    let message =
                        format!("{} has no metadata.name, which every stored object has", object.kind);
                    self.errors.push(SourceError { source_name: name.clone(), line, column, message });
                }
                Ok(object) => self.objects.push(object.stored()),
                Err(ManifestError { line, column, message, .. }) => {
                    self.errors.push(SourceError { source_name: name.clone(), line, column, message });
                }
            }
        }
        self.files.push(StateFile { name, end: self.objects.len() });
        Ok(())
    }

    /// Adds an error for each object that differs from an earlier one of the same identity.
    fn find_contradictions(&mut self) {
        let mut positions = BTreeMap::new();
        let mut errors = Vec::new();
        for (position, object) in self.objects.iter().enumerate() {
            let Some(earlier) = positions.insert(object.scope.identity(), position) else { continue };
            let Some(other) = self.objects.get(earlier).filter(|other| is_different(object, other)) else {
                continue;
            };
            let message = format!(
                "{} differs from the one at {}:{}: a cluster has one; leave out the file that is older",
                title(object),
                self.file_of(earlier),
                other.line
            );
            errors.push(self.error_at(object, position, message));
        }
        self.errors.append(&mut errors);
    }
}

/// Parses the name of a namespace on a command line.
///
/// # Errors
///
/// It is not a DNS label.
pub fn namespace(text: &str) -> Result<String, &'static str> {
    if is_label(text) { Ok(text.to_owned()) } else { Err("give the name of a namespace, a DNS label") }
}

/// Returns kind, namespace and name of an object.
pub fn title(object: &Manifest) -> String {
    let Scope { namespace, name, .. } = &object.scope;
    if namespace.is_empty() {
        format!("{} {name}", object.kind)
    } else {
        format!("{} {namespace}/{name}", object.kind)
    }
}

/// Returns whether a text is a List of no objects, as kubectl prints it for an empty cluster.
pub fn is_empty_list(text: &str) -> bool {
    let list: ListHead = serde_saphyr::from_str(text).unwrap_or_default();
    is_list_kind(&list.kind) && list.items.is_some_and(|items| items.is_empty())
}

/// Returns whether two versions of an object differ in more than `status` and what the API server changes by itself.
pub fn is_different(one: &Manifest, other: &Manifest) -> bool {
    one.json != other.json && wanted_state(one) != wanted_state(other)
}

/// Returns an object without `status` and the fields that the API server changes by itself.
fn wanted_state(object: &Manifest) -> Option<Value> {
    let mut object: Value = serde_json::from_str(&object.json).ok()?;
    let members = object.as_object_mut()?;
    members.remove("status");
    if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
        VOLATILE.iter().for_each(|member| drop(metadata.remove(*member)));
    }
    Some(object)
}

impl From<SourceError> for InputError {
    fn from(error: SourceError) -> Self {
        let place = match (error.line, error.column) {
            (1, 1) => error.source_name.clone(),
            (line, column) => format!("{}: line {line}, column {column}", error.source_name),
        };
        Self::new(place, &error)
    }
}
