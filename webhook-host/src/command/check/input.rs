//! The input of `check`: files, read in parallel and kept in the order in which they were given.

use super::progress::Progress;
use crate::admission::Admission;
use crate::config::is_empty_list;
use ordinance_files::FilePlace;
use ordinance_manifests::{
    FoundSource, FoundSources, Manifest, ManifestError, ManifestErrorKind, ManifestSource, ReadObjects,
    RenderedDirectory, SourceError, TextContent, plural, read_wanted,
};
use ordinance_report::{ReadError, TextOrigin};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The largest total size of all files with objects or errors, in bytes.
const TOTAL_BYTES: usize = 1024 * 1024 * 1024;

/// The number of errors that are reported for a file.
const MAX_ERRORS: usize = 50;

/// All files, in order, and what is not read.
pub(in crate::command) struct Input {
    pub(in crate::command) files: Vec<InputFile>,
    pub(super) unread: UnreadInput,
}

/// What is not read of the directories. Names are those of files.
#[derive(Default)]
pub(super) struct UnreadInput {
    /// Files that are no Kubernetes objects.
    pub(super) others: Vec<String>,
    /// Files that are templates of objects.
    pub(super) templates: Vec<String>,
    /// Directories that have to be rendered.
    pub(super) unrendered: Vec<RenderedDirectory>,
    /// Links to directories that are read already.
    pub(super) repeated: Vec<String>,
    /// Links out of the directories.
    pub(super) outward: Vec<String>,
}

/// What a source turns out to be.
enum ReadSource {
    File(InputFile),
    /// A file that is not read further, by name.
    Other(String),
    Template(String),
}

/// A file, and those of its objects that could be read.
pub(in crate::command) struct InputFile {
    /// The name that the command line gives it.
    pub(in crate::command) name: String,
    /// `None` if it could not be opened.
    pub(super) source: Option<ManifestSource>,
    /// Where it is, if it is a file that could be opened.
    pub(super) place: Option<FilePlace>,
    /// Empty if the file contains nothing to report.
    pub(in crate::command) text: String,
    /// Its objects, in order.
    pub(in crate::command) objects: Vec<Manifest>,
    /// Whether the text contains neither an object nor an error, and is no empty List either.
    pub(in crate::command) has_nothing: bool,
    skipped: u64,
    unreadable: Vec<ManifestError>,
}

// === impl Input ===

impl Input {
    /// Reads all files. Errors are kept, and [`Input::errors`] returns them.
    pub(super) fn read(
        found: FoundSources,
        namespace: &str,
        admission: &Admission,
        progress: &Progress,
    ) -> Self {
        let wanted = |api_version: &str, kind: &str| is_known(admission, api_version, kind);
        let total = AtomicUsize::new(0);
        let read = |source: Result<FoundSource, SourceError>| {
            let read = ReadSource::of(source, &total, |text| read_wanted(text, namespace, &wanted));
            progress.add_read(read.objects());
            read
        };
        let all: Vec<ReadSource> = found.sources.into_par_iter().map(read).collect();
        let mut unread = UnreadInput {
            others: found.passed_over.iter().map(|path| name(path)).collect(),
            unrendered: found.unrendered,
            repeated: found.repeated.iter().map(|path| name(path)).collect(),
            outward: found.outward.iter().map(|path| name(path)).collect(),
            templates: Vec::new(),
        };
        let files = all.into_iter().filter_map(|read| unread.keep(read)).collect();
        unread.others.sort();
        Self { files, unread }
    }

    /// Returns the lists that an API server returned as an input, one file for each.
    pub(in crate::command) fn of_lists(files: Vec<InputFile>) -> Self {
        Self { files, unread: UnreadInput::default() }
    }

    /// Makes each object one that is [stored](Manifest::stored).
    pub(in crate::command) fn mark_as_stored(&mut self) {
        let objects: Vec<&mut Manifest> = self.files.iter_mut().flat_map(|file| &mut file.objects).collect();
        objects.into_par_iter().for_each(|object| {
            if let Cow::Owned(json) = object.stored_json() {
                object.json = json;
            }
        });
    }

    /// Returns the text of stdin as a file, if stdin is read.
    pub(super) fn stdin(&self) -> Option<&InputFile> {
        self.files.iter().find(|file| file.source == Some(ManifestSource::Stdin))
    }

    /// Leaves out the links to files that are read themselves. `--fix` writes the files.
    pub(super) fn leave_out_links(&mut self) {
        let links: Vec<bool> = self.files.iter().map(InputFile::is_behind_link).collect();
        if !links.contains(&true) {
            return;
        }
        let own = self.files.iter().zip(&links).filter(|(_, is_link)| !**is_link);
        let own: BTreeSet<PathBuf> = own.filter_map(|(file, _)| file.target()).collect();
        self.files.retain(|file| {
            !file.is_behind_link() || file.target().is_none_or(|target| !own.contains(&target))
        });
    }

    /// Returns all objects with their files, in the order of the input.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&InputFile, &Manifest)> {
        self.files.iter().flat_map(|file| file.objects.iter().map(move |object| (file, object)))
    }

    /// Returns the errors of all files.
    pub(in crate::command) fn errors(&self) -> impl Iterator<Item = ReadError<'_>> {
        self.files.iter().flat_map(InputFile::errors)
    }

    /// Returns whether the input contains no object and no error.
    pub(super) fn is_empty(&self) -> bool {
        let is_empty =
            |file: &InputFile| file.objects.is_empty() && file.skipped == 0 && file.unreadable.is_empty();
        self.files.iter().all(is_empty)
    }

    /// Returns the number of objects of kinds that the policy does not review.
    pub(in crate::command) fn skipped(&self) -> u64 {
        self.files.iter().map(|file| file.skipped).sum()
    }
}

/// Returns whether the policy watches or reviews objects of a kind, in any API version.
fn is_known(admission: &Admission, api_version: &str, kind: &str) -> bool {
    let (group, _) = api_version.split_once('/').unwrap_or(("", api_version));
    admission.policy().description().versions(group, &plural(kind)).next().is_some()
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

// === impl UnreadInput ===

impl UnreadInput {
    /// Returns the number of files that are no objects, or templates of objects.
    pub(super) fn passed_over(&self) -> u64 {
        (self.others.len() + self.templates.len()) as u64
    }

    /// Returns the file, or remembers that it is none to read.
    fn keep(&mut self, read: ReadSource) -> Option<InputFile> {
        match read {
            ReadSource::File(file) => return Some(file),
            ReadSource::Other(name) => self.others.push(name),
            ReadSource::Template(name) => self.templates.push(name),
        }
        None
    }
}

// === impl ReadSource ===

impl ReadSource {
    fn of(
        found: Result<FoundSource, SourceError>,
        total: &AtomicUsize,
        read: impl FnOnce(&str) -> ReadObjects,
    ) -> Self {
        let text = found.and_then(|found| found.read().map(|text| (found, text)));
        let (found, text) = match text {
            Ok((found, Some(text))) => (found, text),
            Ok((found, None)) => return Self::Other(found.source.name()),
            Err(error) => return Self::File(InputFile::unopened(error)),
        };
        let objects = read(&text);
        let name = found.source.name();
        match found.content(&text, &objects) {
            TextContent::Objects => {}
            TextContent::Other => return Self::Other(name),
            TextContent::Template => return Self::Template(name),
        }
        let place = found.place();
        let mut file = InputFile { place, ..InputFile::new(name, Some(found.source), text, objects) };
        file.trim();
        let text = file.text.len();
        if total.fetch_add(text, Ordering::Relaxed) + text > TOTAL_BYTES {
            let message = format!("all files together are larger than {TOTAL_BYTES} bytes");
            let error = SourceError { source_name: file.name, line: 1, column: 1, message };
            return Self::File(InputFile::unopened(error));
        }
        Self::File(file)
    }

    /// Returns the number of objects.
    fn objects(&self) -> usize {
        match self {
            Self::File(file) => file.objects.len(),
            Self::Other(_) | Self::Template(_) => 0,
        }
    }
}

// === impl InputFile ===

impl InputFile {
    /// Returns where the text comes from.
    pub(in crate::command) const fn origin(&self) -> TextOrigin {
        match self.source {
            Some(ManifestSource::Rendered { .. }) => TextOrigin::Rendered,
            _ => TextOrigin::File,
        }
    }

    /// Returns whether the file is reached by a link that the command line does not name as a directory.
    pub(super) fn is_behind_link(&self) -> bool {
        self.place.as_ref().is_some_and(FilePlace::is_behind_link)
    }

    /// Returns the path of the file without links.
    pub(super) fn target(&self) -> Option<PathBuf> {
        self.place.as_ref().and_then(|place| fs::canonicalize(place.path()).ok())
    }

    /// Replaces the text, reads its objects again, and returns the old file.
    pub(super) fn replace(&mut self, text: String, namespace: &str, admission: &Admission) -> Self {
        let wanted = |api_version: &str, kind: &str| is_known(admission, api_version, kind);
        let found = read_wanted(&text, namespace, &wanted);
        let new = Self::new(self.name.clone(), self.source.clone(), text, found);
        let mut new = Self { place: self.place.clone(), ..new };
        new.trim();
        std::mem::replace(self, new)
    }

    /// Returns the positions of the objects that differ from those of the old file.
    pub(super) fn changed_since(&self, old: &Self) -> impl Iterator<Item = usize> {
        let pairs = self.objects.iter().zip(&old.objects).enumerate();
        pairs.filter(|(_, (new, old))| new.json != old.json).map(|(position, _)| position)
    }

    /// Returns a list that an API server returned. Its objects have no place in a text.
    pub(in crate::command) fn listed(name: String, found: ReadObjects) -> Self {
        let mut file = Self { has_nothing: false, ..Self::new(name, None, String::new(), found) };
        for object in &mut file.objects {
            (object.line, object.column, object.bytes) = (1, 1, 0..0);
        }
        file
    }

    /// Returns a list that an API server did not return, and why.
    pub(in crate::command) fn unlisted(name: String, message: String) -> Self {
        Self::unopened(SourceError { source_name: name, line: 1, column: 1, message })
    }

    fn new(name: String, source: Option<ManifestSource>, text: String, found: ReadObjects) -> Self {
        let (mut objects, mut unreadable) = (Vec::new(), Vec::new());
        for object in found.objects {
            match object {
                Ok(object) => objects.push(object),
                Err(error) => unreadable.push(error),
            }
        }
        let skipped = found.skipped;
        let has_nothing =
            objects.is_empty() && unreadable.is_empty() && skipped == 0 && !is_empty_list(&text);
        Self { name, source, place: None, text, objects, has_nothing, skipped, unreadable }
    }

    /// Limits the number of errors, and drops a text that no report needs. `--fix` may have to write the text of stdin back.
    fn trim(&mut self) {
        if let Some(more) = self.unreadable.len().checked_sub(MAX_ERRORS).filter(|more| *more > 0) {
            let Some(next) = self.unreadable.get(MAX_ERRORS).cloned() else { return };
            self.unreadable.truncate(MAX_ERRORS);
            self.unreadable
                .push(ManifestError { message: format!("and {more} more errors from here on"), ..next });
        }
        let is_needed = !self.objects.is_empty() || !self.unreadable.is_empty();
        if !is_needed && self.source != Some(ManifestSource::Stdin) {
            self.text = String::new();
        }
    }

    fn unopened(error: SourceError) -> Self {
        let SourceError { source_name, line, column, message } = error;
        let file = Self::new(source_name, None, String::new(), ReadObjects::default());
        let error =
            ManifestError { line, column, message, kind: ManifestErrorKind::Syntax, is_quotable: false };
        Self { unreadable: vec![error], has_nothing: false, ..file }
    }

    fn errors(&self) -> impl Iterator<Item = ReadError<'_>> {
        self.unreadable.iter().map(|error| ReadError {
            file: &self.name,
            text: if error.is_quotable { &self.text } else { "" },
            line: error.line,
            column: error.column,
            message: error.message.clone(),
        })
    }
}
