//! The texts that a command line names: files, directories with everything below them, and stdin.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// The maximum size of a file. The volumes and sets of a large cluster take a fraction of it.
const FILE_BYTES: usize = 256 * 1024 * 1024;

/// The extensions of manifests in a directory, as in kubectl.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// A text that can be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestSource {
    /// `-` on a command line.
    Stdin,
    /// The path of a file.
    File(PathBuf),
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
/// Links are followed, except back into a directory that is being read. A file that does not exist is an error only
/// when it is read.
pub fn sources(named: &[PathBuf]) -> Vec<Result<ManifestSource, SourceError>> {
    named.iter().flat_map(|path| of_path(path)).collect()
}

fn of_path(path: &Path) -> Vec<Result<ManifestSource, SourceError>> {
    if path.as_os_str() == "-" {
        return vec![Ok(ManifestSource::Stdin)];
    }
    if !path.is_dir() {
        return vec![Ok(ManifestSource::File(path.to_owned()))];
    }
    let entries = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    entries.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry)).filter_map(of_entry).collect()
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// A manifest, an error for a directory or manifest that cannot be opened, or `None` for another file.
fn of_entry(entry: walkdir::Result<DirEntry>) -> Option<Result<ManifestSource, SourceError>> {
    match entry {
        Ok(entry) if entry.file_type().is_file() && is_manifest(entry.path()) => {
            Some(Ok(ManifestSource::File(entry.into_path())))
        }
        Ok(_) => None,
        // A link to a directory above: its files are read once already.
        Err(error) if error.loop_ancestor().is_some() => None,
        Err(error) => {
            let path = error.path().unwrap_or_else(|| Path::new("")).to_owned();
            let is_file = path.symlink_metadata().is_ok_and(|data| data.is_symlink() || data.is_file());
            let message =
                error.into_io_error().map_or_else(|| "can't be read".to_owned(), |error| advise(&error));
            let source = ManifestSource::File(path);
            (!is_file || source.is_manifest()).then(|| Err(source.error(message)))
        }
    }
}

fn is_manifest(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| EXTENSIONS.contains(&ending))
}

/// The error with advice.
fn advise(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => "give the path of a file that exists",
        io::ErrorKind::PermissionDenied => "let this process read it",
        _ => "give a file that can be read",
    };
    format!("{error}; {advice}")
}

// === impl ManifestSource ===

impl ManifestSource {
    /// Returns the name for messages: the path, or `-` for stdin.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Reads the whole text.
    ///
    /// # Errors
    ///
    /// If the source cannot be opened or read, is larger than 256 MiB, or is not UTF-8.
    pub fn read(&self) -> Result<String, SourceError> {
        let mut bytes = Vec::with_capacity(self.capacity());
        let mut limited = |source: &mut dyn Read| source.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes);
        let read = match self {
            Self::Stdin => limited(&mut io::stdin().lock()),
            Self::File(path) => File::open(path).and_then(|mut file| limited(&mut file)),
        };
        match read {
            Err(error) => Err(self.error(advise(&error))),
            Ok(bytes) if bytes > FILE_BYTES => {
                Err(self.error(format!("is larger than {FILE_BYTES} bytes; is it the right file?")))
            }
            Ok(_) => String::from_utf8(bytes).map_err(|error| self.not_text(&error)),
        }
    }

    /// The capacity for the text: reserved at once, because a growing vector takes up to twice the size.
    fn capacity(&self) -> usize {
        let Self::File(path) = self else { return 0 };
        let size = path.metadata().map_or(0, |data| data.len());
        usize::try_from(size).unwrap_or(FILE_BYTES).min(FILE_BYTES) + 1
    }

    fn is_manifest(&self) -> bool {
        matches!(self, Self::File(path) if is_manifest(path))
    }

    fn not_text(&self, error: &std::string::FromUtf8Error) -> SourceError {
        let bytes = error.as_bytes();
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
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

    fn error(&self, message: String) -> SourceError {
        SourceError { source_name: self.name(), line: 1, column: 1, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(named: &Path) -> Vec<String> {
        let relative = |source: Result<ManifestSource, SourceError>| match source {
            Ok(source) => source.name().replace(&format!("{}/", named.display()), ""),
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
}
