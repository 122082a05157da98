//! What is checked: files read side by side, kept in the order in which they were given.

use super::progress::Progress;
use crate::admission::Admission;
use ordinance_manifests::{
    Manifest, ManifestError, ManifestSource, ReadObjects, SourceError, plural, read_wanted, sources,
};
use ordinance_report::Trouble;
use rayon::prelude::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of all files together.
const TOTAL_BYTES: usize = 1024 * 1024 * 1024;

/// Faults of one file that are told.
const FAULTS: usize = 50;

/// A kind that holds nothing, so that no policy watches it, and is judged all the same: by group and resource.
const UNWATCHED: (&str, &str) = ("storage.k8s.io", "storageclasses");

/// All files in their order.
pub(super) struct Input {
    pub(super) files: Vec<File>,
}

/// A file, as far as it could be read.
pub(super) struct File {
    /// By what it was given.
    pub(super) name: String,
    /// None if it could not be opened.
    pub(super) source: Option<ManifestSource>,
    /// Empty if nothing in a file is of interest.
    pub(super) text: String,
    /// Its objects in their order.
    pub(super) objects: Vec<Manifest>,
    skipped: u64,
    unreadable: Vec<ManifestError>,
}

// === impl Input ===

impl Input {
    /// Reads everything; what can't be read is kept as trouble.
    pub(super) fn read(
        paths: &[PathBuf],
        namespace: &str,
        admission: &Admission,
        progress: &Progress,
    ) -> Self {
        let stdin = [PathBuf::from("-")];
        let sources = sources(if paths.is_empty() { &stdin } else { paths });
        let wanted = |api_version: &str, kind: &str| is_known(admission, api_version, kind);
        let taken = AtomicUsize::new(0);
        let read = |source: Result<ManifestSource, SourceError>| {
            let file = File::read(source, &taken, |text| read_wanted(text, namespace, &wanted));
            progress.found(file.objects.len());
            file
        };
        Self { files: sources.into_par_iter().map(read).collect() }
    }

    /// Takes another text for a file, and gives back the one that it had.
    pub(super) fn replace(
        &mut self,
        position: usize,
        text: String,
        namespace: &str,
        admission: &Admission,
    ) -> Option<String> {
        let file = self.files.get_mut(position)?;
        let wanted = |api_version: &str, kind: &str| is_known(admission, api_version, kind);
        let found = read_wanted(&text, namespace, &wanted);
        let mut new = File::new(file.name.clone(), file.source.clone(), text, found);
        new.cut_off();
        Some(std::mem::replace(file, new).text)
    }

    /// What is piped in, if it is read.
    pub(super) fn stdin(&self) -> Option<&File> {
        self.files.iter().find(|file| file.source == Some(ManifestSource::Stdin))
    }

    /// Every object with its file, in the order of the input.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&File, &Manifest)> {
        self.files.iter().flat_map(|file| file.objects.iter().map(move |object| (file, object)))
    }

    /// What could not be read.
    pub(super) fn troubles(&self) -> Vec<Trouble<'_>> {
        self.files.iter().flat_map(File::troubles).collect()
    }

    /// Whether there is nothing to tell of anything.
    pub(super) fn is_empty(&self) -> bool {
        let is_empty =
            |file: &File| file.objects.is_empty() && file.skipped == 0 && file.unreadable.is_empty();
        self.files.iter().all(is_empty)
    }

    /// Objects of kinds that the policy does not know.
    pub(super) fn skipped(&self) -> u64 {
        self.files.iter().map(|file| file.skipped).sum()
    }
}

/// Whether the policy has something to say on objects of a kind.
fn is_known(admission: &Admission, api_version: &str, kind: &str) -> bool {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = plural(kind);
    (group, &*resource) == UNWATCHED || admission.policy().declares(group, version, &resource)
}

// === impl File ===

impl File {
    fn read(
        source: Result<ManifestSource, SourceError>,
        taken: &AtomicUsize,
        read: impl FnOnce(&str) -> ReadObjects,
    ) -> Self {
        let text = source.and_then(|source| source.read().map(|text| (source, text)));
        let (source, text) = match text {
            Ok(text) => text,
            Err(error) => return Self::unopened(error),
        };
        let name = source.name();
        if taken.fetch_add(text.len(), Ordering::Relaxed) + text.len() > TOTAL_BYTES {
            let message = format!("all files together are larger than {TOTAL_BYTES} bytes");
            return Self::unopened(SourceError { source_name: name, line: 1, column: 1, message });
        }
        let found = read(&text);
        let mut file = Self::new(name, Some(source), text, found);
        file.cut_off();
        file
    }

    fn new(name: String, source: Option<ManifestSource>, text: String, found: ReadObjects) -> Self {
        let (mut objects, mut unreadable) = (Vec::new(), Vec::new());
        for object in found.objects {
            match object {
                Ok(object) => objects.push(object),
                Err(error) => unreadable.push(error),
            }
        }
        Self { name, source, text, objects, skipped: found.skipped, unreadable }
    }

    /// Keeps what can be told, and no text of which nothing is told; what was piped in may have to be given back.
    fn cut_off(&mut self) {
        if let Some(more) = self.unreadable.len().checked_sub(FAULTS).filter(|more| *more > 0) {
            let Some(next) = self.unreadable.get(FAULTS).cloned() else { return };
            self.unreadable.truncate(FAULTS);
            self.unreadable
                .push(ManifestError { message: format!("and {more} more faults from here on"), ..next });
        }
        let is_told = !self.objects.is_empty() || !self.unreadable.is_empty();
        if !is_told && self.source != Some(ManifestSource::Stdin) {
            self.text = String::new();
        }
    }

    fn unopened(error: SourceError) -> Self {
        let SourceError { source_name, line, column, message } = error;
        let file = Self::new(source_name, None, String::new(), ReadObjects::default());
        Self { unreadable: vec![ManifestError { line, column, message }], ..file }
    }

    fn troubles(&self) -> impl Iterator<Item = Trouble<'_>> {
        self.unreadable.iter().map(|error| Trouble {
            file: &self.name,
            text: &self.text,
            line: error.line,
            column: error.column,
            message: error.message.clone(),
        })
    }
}
