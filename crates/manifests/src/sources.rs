//! The texts that a command line names: files, directories with everything below them, and stdin.

use crate::content::{TextContent, is_signed};
use crate::manifest::ReadObjects;
use crate::render::render;
use crate::rendering::RenderedDirectory;
use crate::walk::{LinkRoots, WalkScope, WalkedEntry, walk};
use ordinance_files::{FilePlace, open_regular, open_regular_or_pipe, read_regular};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The maximum size of a file. The volumes and sets of a large cluster take a fraction of it.
const FILE_BYTES: usize = 256 * 1024 * 1024;

/// The maximum size of a `Chart.yaml` or a kustomization that is read. They have a few KiB.
const DESCRIPTION_BYTES: usize = 1024 * 1024;

/// The error of a link out of the directories that are read.
const OUTWARD: &str = "is a link out of the directories that are read; name its target, too";

/// The extensions of manifests in a directory, as in kubectl.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// A text that can be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestSource {
    /// `-` on a command line.
    Stdin,
    /// The path of a file.
    File(PathBuf),
    /// What a tool renders of a directory.
    Rendered {
        /// The directory.
        directory: RenderedDirectory,
        /// How long the tool may take.
        time: Duration,
    },
}

/// A source, and how the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSource {
    /// The source.
    pub source: ManifestSource,
    /// Whether it was named itself.
    pub origin: SourceOrigin,
}

/// How a command line names a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceOrigin {
    /// By its own path. It has to be a manifest.
    Named,
    /// By this directory above it. It may be another file.
    Directory(PathBuf),
}

/// Why a source cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// As [`ManifestSource::name`].
    pub source_name: String,
    /// The line of the first byte that is not text, from 1; 1 for other errors.
    pub line: u64,
    /// The column of that byte, from 1, in characters; 1 for other errors.
    pub column: u64,
    /// One line.
    pub message: String,
}

/// Returns the sources that paths name, in their order. `-` is stdin; a directory is its manifests and those in the
/// directories below it, sorted by name, without hidden files.
///
/// Links within these directories are followed, but each directory is read once; a link out of them is an error. A file that does not exist is an error only when it is read.
pub fn sources(named: &[PathBuf]) -> Vec<Result<FoundSource, SourceError>> {
    let roots = LinkRoots::of(named);
    named.iter().flat_map(|path| of_path(path, &roots)).collect()
}

fn of_path(path: &Path, roots: &LinkRoots) -> Vec<Result<FoundSource, SourceError>> {
    let Some(directory) = directory(path) else { return vec![Ok(FoundSource::named(path))] };
    let found = walk(directory, WalkScope::Everything, roots).into_iter().filter_map(|entry| match entry {
        WalkedEntry::File(path) => Some(Ok(FoundSource::in_directory(directory, path))),
        WalkedEntry::OutwardLink(path) => Some(Err(ManifestSource::File(path).error(OUTWARD.to_owned()))),
        WalkedEntry::Directory(_) | WalkedEntry::RepeatedDirectory(_) => None,
        WalkedEntry::Error(error) => Some(Err(error)),
    });
    found.collect()
}

/// Returns the directory that a path names, or `None` if it names stdin or a file.
pub(crate) fn directory(path: &Path) -> Option<&Path> {
    (path.as_os_str() != "-" && path.is_dir()).then_some(path)
}

/// Returns whether a file of a directory is read.
pub(crate) fn is_manifest(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| EXTENSIONS.contains(&ending))
}

/// Returns the text of a file that describes a chart or a kustomization, or `None` if it can't be read or is larger than
/// [`DESCRIPTION_BYTES`].
pub(crate) fn description(file: &Path) -> Option<String> {
    String::from_utf8(read_regular(file, DESCRIPTION_BYTES).ok()?).ok()
}

/// Returns a text in one line: a path and the messages of a tool may have line breaks and other control characters.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// The error with advice.
pub(crate) fn advise(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => "give the path of a file that exists",
        io::ErrorKind::PermissionDenied => "let this process read it",
        _ => "give a file that can be read",
    };
    format!("{error}; {advice}")
}

// === impl FoundSource ===

impl FoundSource {
    /// Returns the source of a path that a command line names.
    pub(crate) fn named(path: &Path) -> Self {
        let source = if path.as_os_str() == "-" {
            ManifestSource::Stdin
        } else {
            ManifestSource::File(path.to_owned())
        };
        Self { source, origin: SourceOrigin::Named }
    }

    /// Returns the source of a file that was found in a directory.
    pub(crate) fn in_directory(directory: &Path, file: PathBuf) -> Self {
        Self { source: ManifestSource::File(file), origin: SourceOrigin::Directory(directory.to_owned()) }
    }

    /// Returns where the file is, if it is one.
    pub fn place(&self) -> Option<FilePlace> {
        let ManifestSource::File(file) = &self.source else { return None };
        let (directory, below) = match &self.origin {
            SourceOrigin::Directory(directory) => (directory.as_path(), file.strip_prefix(directory).ok()?),
            SourceOrigin::Named => (file.parent()?, Path::new(file.file_name()?)),
        };
        Some(FilePlace { directory: directory.to_owned(), below: below.to_owned() })
    }

    /// Reads the whole text; `None` if the source is a file of a directory without a Kubernetes object, as far as a search
    /// tells.
    ///
    /// # Errors
    ///
    /// As [`ManifestSource::read`].
    pub fn read(&self) -> Result<Option<String>, SourceError> {
        if self.origin == SourceOrigin::Named {
            return self.source.read().map(Some);
        }
        match String::from_utf8(self.source.read_bytes(open_regular)?) {
            Ok(text) => Ok(Some(text).filter(|text| TextContent::without_reading(text).is_none())),
            Err(error) if is_signed(&approximation(error.as_bytes())) => Err(self.source.not_text(&error)),
            Err(_) => Ok(None),
        }
    }

    /// Returns what a text of this source contains, given what was read of it. A source that is named itself counts as
    /// [`TextContent::Objects`].
    pub fn content(&self, text: &str, found: &ReadObjects) -> TextContent {
        match self.origin {
            SourceOrigin::Named => TextContent::Objects,
            SourceOrigin::Directory(_) => TextContent::of(text, found),
        }
    }
}

// === impl ManifestSource ===

impl ManifestSource {
    /// Returns the name for messages: the path of the file or the directory, or `-` for stdin.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Rendered { directory, .. } => directory.path.display().to_string(),
        }
    }

    /// Reads the whole text, or renders it.
    ///
    /// # Errors
    ///
    /// If the source cannot be opened, read or rendered, is a device or a directory, is larger than 256 MiB (rendered:
    /// [`RENDERED_BYTES`]), or is not UTF-8.
    ///
    /// [`RENDERED_BYTES`]: crate::RENDERED_BYTES
    pub fn read(&self) -> Result<String, SourceError> {
        String::from_utf8(self.read_bytes(open_regular_or_pipe)?).map_err(|error| self.not_text(&error))
    }

    fn read_bytes(&self, open: fn(&Path) -> io::Result<File>) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::with_capacity(self.capacity());
        let mut limited = |source: &mut dyn Read| source.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes);
        let read = match self {
            Self::Stdin => limited(&mut io::stdin().lock()),
            Self::File(path) => open(path).and_then(|mut file| limited(&mut file)),
            Self::Rendered { directory, time } => {
                return render(directory, *time).map_err(|error| self.error(one_line(&error.to_string())));
            }
        };
        match read {
            Err(error) => Err(self.error(advise(&error))),
            Ok(length) if length > FILE_BYTES => {
                Err(self.error(format!("is larger than {FILE_BYTES} bytes; is it the right file?")))
            }
            Ok(_) => Ok(bytes),
        }
    }

    /// The capacity for the text: reserved at once, because a growing vector takes up to twice the size.
    fn capacity(&self) -> usize {
        let Self::File(path) = self else { return 0 };
        let size = path.metadata().map_or(0, |data| data.len());
        usize::try_from(size).unwrap_or(FILE_BYTES).min(FILE_BYTES) + 1
    }

    fn not_text(&self, error: &std::string::FromUtf8Error) -> SourceError {
        let bytes = error.as_bytes();
        if utf_16(bytes).is_some() {
            return self.error("is UTF-16; save it as UTF-8".to_owned());
        }
        let valid = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let valid = String::from_utf8_lossy(valid);
        let (before, line) = valid
            .rsplit_once('\n')
            .map_or((0, &*valid), |(before, line)| (before.matches('\n').count() as u64 + 1, line));
        SourceError {
            line: before + 1,
            column: line.chars().count() as u64 + 1,
            ..self.error("is not UTF-8 text; is it the right file?".to_owned())
        }
    }

    pub(crate) fn error(&self, message: String) -> SourceError {
        SourceError { source_name: self.name(), line: 1, column: 1, message }
    }
}

/// Returns the text that bytes in another encoding probably mean.
fn approximation(bytes: &[u8]) -> Cow<'_, str> {
    utf_16(bytes).map_or_else(|| String::from_utf8_lossy(bytes), Cow::Owned)
}

/// Returns the text of bytes that begin with the mark of UTF-16.
fn utf_16(bytes: &[u8]) -> Option<String> {
    let (mark, rest) = bytes.split_first_chunk()?;
    let unit: fn([u8; 2]) -> u16 = match mark {
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = rest.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(named: &Path) -> Vec<String> {
        let relative = |source: Result<FoundSource, SourceError>| match source {
            Ok(found) => found.source.name().replace(&format!("{}/", named.display()), ""),
            Err(error) => format!("{error}"),
        };
        sources(&[named.to_owned()]).into_iter().map(relative).collect()
    }

    #[test]
    fn a_directory_yields_its_manifests_and_those_below_sorted_by_name() {
        let directory = tempfile::tempdir().expect("a directory");
        for file in ["b.yml", "a.yaml", "notes.txt", ".hidden.yaml", "z/c.json", "z/.git/d.yaml", "c.YAML"] {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, "").expect("written");
        }
        assert_eq!(names(directory.path()), ["a.yaml", "b.yml", "z/c.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn follows_links_but_not_in_a_circle() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("sub")).expect("created");
        fs::write(at("sub/a.yaml"), "").expect("written");
        symlink(directory.path(), at("sub/up")).expect("linked");
        symlink(at("sub/a.yaml"), at("b.yaml")).expect("linked");
        symlink(at("nowhere"), at("gone.yaml")).expect("linked");
        symlink(at("nowhere"), at("gone")).expect("linked");
        symlink("self.yaml", at("self.yaml")).expect("linked");
        let found = names(directory.path());
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!((&*found[0], &*found[3]), ("b.yaml", "sub/a.yaml"));
        assert!(found[1].starts_with("No such file") && found[2].contains("symbolic link"), "{found:?}");
    }

    #[test]
    fn an_error_names_the_first_byte_that_is_not_text() {
        let directory = tempfile::tempdir().expect("a directory");
        let read = |bytes: &[u8]| {
            let file = directory.path().join("a.yaml");
            fs::write(&file, bytes).expect("written");
            ManifestSource::File(file).read().map_err(|error| (error.line, error.column, error.message))
        };
        let (line, column, message) = read(b"a: 1\n\xc3\xa9 \xff").expect_err("no text");
        assert_eq!((line, column, &*message), (2, 3, "is not UTF-8 text; is it the right file?"));
        assert!(read(b"\xff\xfea\0").is_err_and(|(.., message)| message.contains("UTF-16")));
        assert_eq!(read(b"a: 1"), Ok("a: 1".to_owned()));
        let gone = ManifestSource::File(directory.path().join("gone.yaml")).read();
        assert!(gone.is_err_and(|error| error.message.starts_with("No such file")));
    }

    #[test]
    fn a_file_of_a_directory_in_another_encoding_is_an_error_only_if_it_has_an_object() {
        let directory = tempfile::tempdir().expect("a directory");
        let read = |bytes: &[u8]| {
            let file = directory.path().join("a.yaml");
            fs::write(&file, bytes).expect("written");
            FoundSource::in_directory(directory.path(), file).read().map_err(|error| error.message)
        };
        assert_eq!(read(b"name: \xe9\n"), Ok(None));
        assert!(read(b"apiVersion: v1\nkind: Pod # \xe9\n").is_err_and(|error| error.contains("not UTF-8")));
        let utf_16 = |text: &str| -> Vec<u8> {
            [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        };
        assert_eq!(read(&utf_16("name: a\n")), Ok(None));
        assert!(read(&utf_16("apiVersion: v1\nkind: Pod\n")).is_err_and(|error| error.contains("UTF-16")));
    }
}
