//! The objects that exist already, read from the files and directories of `--state`.

use super::input_error::InputError;
use ordinance_contract::Scope;
use ordinance_manifests::{
    FoundSource, Manifest, ManifestError, SourceError, TextContent, read_wanted, sources,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The default namespace of objects that name none.
pub const NAMESPACE: &str = "default";

/// The members of `metadata` that change although nobody changes the object.
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
        for source in sources(paths) {
            if let Err(error) = source.and_then(|found| state.add(&found, namespace)) {
                state.errors.push(error);
            }
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

    fn add(&mut self, found: &FoundSource, namespace: &str) -> Result<(), SourceError> {
        let Some(text) = found.read()? else { return Ok(()) };
        let read = read_wanted(&text, namespace, &|_, _| true);
        if found.content(&text, &read) == TextContent::Other {
            return Ok(());
        }
        let name = found.source.name();
        for object in read.objects {
            match object {
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

/// Returns kind, namespace and name of an object.
pub fn title(object: &Manifest) -> String {
    let Scope { namespace, name, .. } = &object.scope;
    if namespace.is_empty() {
        format!("{} {name}", object.kind)
    } else {
        format!("{} {namespace}/{name}", object.kind)
    }
}

/// Returns whether somebody changed one of two objects. Its status does not count.
fn is_different(one: &Manifest, other: &Manifest) -> bool {
    one.json != other.json && wanted_state(one) != wanted_state(other)
}

/// Returns an object without the fields that change although nobody changes it.
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
