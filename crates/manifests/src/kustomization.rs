//! Directories with a kustomization: which files it lists, and what they are.

use crate::sources::description;
use crate::yaml::first_json;
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// The names of the file that makes a directory a kustomization, as in kustomize.
const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The lists of files that are no objects: patches, and configurations of kustomize.
const OTHER_FILES: [&str; 8] = [
    "configurations",
    "generators",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "transformers",
    "validators",
];

/// The lists of files that are objects, and of directories with other kustomizations.
const OBJECT_FILES: [&str; 3] = ["bases", "components", "resources"];

/// The lists of generators, whose files become data of ConfigMaps and Secrets.
const DATA_GENERATORS: [&str; 2] = ["configMapGenerator", "secretGenerator"];

/// What a kustomization refers to. Paths are normalised by [`normalized`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kustomization {
    /// The directory as it was found.
    pub(crate) directory: PathBuf,
    /// The file in it that describes the kustomization.
    pub(crate) file: PathBuf,
    /// Whether it is a part for other kustomizations, and never rendered by itself.
    pub(crate) is_component: bool,
    /// Files with objects, and directories.
    pub(crate) objects: Vec<PathBuf>,
    /// Files that are no objects, although they may look like some.
    pub(crate) others: Vec<PathBuf>,
}

// === impl Kustomization ===

impl Kustomization {
    /// Reads the kustomization of a directory; `None` if it has none.
    ///
    /// What can't be read lists no file: kustomize will say so.
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let file = FILES.iter().map(|name| directory.join(name)).find(|file| file.is_file())?;
        let json = description(&file).and_then(|text| first_json(&text));
        let document: Value = json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        if !is_kustomization(&document) {
            return None;
        }
        let joined = |name: &str| normalized(&directory.join(name));
        let listed = |fields: &[&str]| -> Vec<PathBuf> {
            let entries = fields.iter().flat_map(|field| entries(&document, field));
            entries.filter_map(path_of).map(joined).collect()
        };
        let data = DATA_GENERATORS.iter().flat_map(|field| entries(&document, field)).flat_map(data_files);
        Some(Self {
            directory: directory.to_owned(),
            file,
            is_component: document["kind"] == "Component",
            objects: listed(&OBJECT_FILES),
            others: listed(&OTHER_FILES).into_iter().chain(data.map(joined)).collect(),
        })
    }
}

/// Returns whether a file has the name of a kustomization.
pub(crate) fn is_kustomization_file(file: &Path) -> bool {
    file.file_name().is_some_and(|own| FILES.iter().any(|name| own == *name))
}

/// Returns whether a document is one of kustomize; Flux and others have kinds of the same name.
fn is_kustomization(document: &Value) -> bool {
    let group = document["apiVersion"].as_str().unwrap_or("kustomize.config.k8s.io");
    group.starts_with("kustomize.config.k8s.io")
}

fn entries<'d>(document: &'d Value, field: &str) -> impl Iterator<Item = &'d Value> {
    document[field].as_array().into_iter().flatten()
}

/// Returns the path of an entry: the entry itself, or its `path`.
fn path_of(entry: &Value) -> Option<&str> {
    // An entry can be a patch itself, in several lines.
    entry.as_str().or_else(|| entry["path"].as_str()).filter(|path| !path.contains('\n'))
}

/// Returns the files of a generator, each of which may have a key before it.
fn data_files(generator: &Value) -> impl Iterator<Item = &str> {
    let files =
        ["files", "envs"].iter().flat_map(|field| entries(generator, field)).filter_map(Value::as_str);
    files.map(|file| file.rsplit_once('=').map_or(file, |(_, path)| path))
}

/// Returns an absolute path without `.` and `..`. Links in it are not resolved.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut normalized = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normalized.pop();
            }
            other => normalized.push(other),
        }
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn kustomization(text: &str) -> Option<Kustomization> {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("kustomization.yaml"), text).expect("written");
        let mut found = Kustomization::read(directory.path())?;
        let relative = |path: &mut PathBuf| {
            *path = path.strip_prefix(directory.path()).unwrap_or(Path::new("outside")).to_owned();
        };
        found.objects.iter_mut().chain(&mut found.others).for_each(relative);
        Some(found)
    }

    #[test]
    fn lists_patches_and_configurations_apart_from_objects() {
        let text = "resources: [a.yaml, ../base]\ncomponents: [x/../c]\npatchesStrategicMerge:\n- p.yaml\n- |\n  kind: Pod\n\
            patches: [{path: ./q.yaml, target: {kind: Pod}}, {patch: '[]'}]\nconfigMapGenerator: [{name: a, files: [d.yaml, k=e.yaml]}]\n";
        let found = kustomization(text).expect("one");
        assert_eq!(found.objects, ["c", "a.yaml", "outside"].map(PathBuf::from));
        assert_eq!(found.others, ["q.yaml", "p.yaml", "d.yaml", "e.yaml"].map(PathBuf::from));
        assert!(!found.is_component);
        assert!(kustomization("kind: Component\n").expect("one").is_component);
    }

    #[test]
    fn what_cannot_be_read_lists_nothing() {
        for text in ["", "patches: [", "patches: 7\nresources: {a: b}\n", "- a"] {
            let found = kustomization(text).expect("one");
            assert_eq!((found.objects, found.others), (Vec::new(), Vec::new()), "{text}");
        }
        assert_eq!(kustomization("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"), None);
    }
}
