//! From what a command line names to texts: files, directories with all below them, and stdin.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// A file's size; a cluster's volumes and sets fit many times over.
pub const FILE_BYTES: usize = 256 * 1024 * 1024;

/// Endings of the files of a directory that are read, as kubectl does.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Something that can be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// What is piped in.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Why a source could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unopened {
    /// The source.
    pub source_name: String,
    /// The line of the first byte that can't be read, from 1.
    pub line: u64,
    /// Its column, from 1.
    pub column: u64,
    /// One line.
    pub message: String,
}

/// What these name, in their order: `-` is stdin, a directory its manifests and those of the directories below it, by
/// name, without what is hidden.
///
/// Links are followed, though not back into a directory that is being read. A file that vanishes meanwhile is an error
/// only when it is read.
pub fn sources(named: &[PathBuf]) -> Vec<Result<Source, Unopened>> {
    named.iter().flat_map(|path| of_path(path)).collect()
}

fn of_path(path: &Path) -> Vec<Result<Source, Unopened>> {
    if path.as_os_str() == "-" {
        return vec![Ok(Source::Stdin)];
    }
    if !path.is_dir() {
        return vec![Ok(Source::File(path.to_owned()))];
    }
    let entries = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    entries.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry)).filter_map(of_entry).collect()
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// A manifest is a source, and what can't be looked into is said; everything else is nothing to us.
fn of_entry(entry: walkdir::Result<DirEntry>) -> Option<Result<Source, Unopened>> {
    match entry {
        Ok(entry) if entry.file_type().is_file() && is_manifest(entry.path()) => {
            Some(Ok(Source::File(entry.into_path())))
        }
        Ok(_) => None,
        // A link back up: all that is there is read once already.
        Err(error) if error.loop_ancestor().is_some() => None,
        Err(error) => {
            let path = error.path().unwrap_or_else(|| Path::new("")).to_owned();
            let is_file = path.symlink_metadata().is_ok_and(|data| data.is_symlink() || data.is_file());
            let reason =
                error.into_io_error().map_or_else(|| "can't be read".to_owned(), |error| reason(&error));
            let source = Source::File(path);
            (!is_file || source.is_manifest()).then(|| Err(source.unopened(reason)))
        }
    }
}

fn is_manifest(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// What is wrong and what to do.
fn reason(error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::NotFound => "give the path of a file that exists",
        io::ErrorKind::PermissionDenied => "let this process read it",
        _ => "give a file that can be read",
    };
    format!("{error}; {way_out}")
}

// === impl Source ===

impl Source {
    /// Its name for people: `-` for stdin.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The whole text.
    ///
    /// # Errors
    ///
    /// It can't be opened or read, is larger than [`FILE_BYTES`], or is not UTF-8.
    pub fn read(&self) -> Result<String, Unopened> {
        let mut bytes = Vec::with_capacity(self.size());
        let mut limited = |source: &mut dyn Read| source.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes);
        let read = match self {
            Self::Stdin => limited(&mut io::stdin().lock()),
            Self::File(path) => File::open(path).and_then(|mut file| limited(&mut file)),
        };
        match read {
            Err(error) => Err(self.unopened(reason(&error))),
            Ok(bytes) if bytes > FILE_BYTES => {
                Err(self.unopened(format!("is larger than {FILE_BYTES} bytes; is it the right file?")))
            }
            Ok(_) => String::from_utf8(bytes).map_err(|error| self.not_text(&error)),
        }
    }

    /// How large it is, or will seem to be: room for that much is taken at once, and not twice as much bit by bit.
    fn size(&self) -> usize {
        let Self::File(path) = self else { return 0 };
        let size = path.metadata().map_or(0, |data| data.len());
        usize::try_from(size).unwrap_or(FILE_BYTES).min(FILE_BYTES) + 1
    }

    fn is_manifest(&self) -> bool {
        matches!(self, Self::File(path) if is_manifest(path))
    }

    fn not_text(&self, error: &std::string::FromUtf8Error) -> Unopened {
        let bytes = error.as_bytes();
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return self.unopened("is UTF-16; save it as UTF-8".to_owned());
        }
        let valid = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let valid = String::from_utf8_lossy(valid);
        let (before, line) = valid
            .rsplit_once('\n')
            .map_or((0, &*valid), |(before, line)| (before.matches('\n').count() as u64 + 1, line));
        Unopened {
            line: before + 1,
            column: line.chars().count() as u64 + 1,
            ..self.unopened("is not UTF-8 text; is it the right file?".to_owned())
        }
    }

    fn unopened(&self, message: String) -> Unopened {
        Unopened { source_name: self.name(), line: 1, column: 1, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(named: &Path) -> Vec<String> {
        let relative = |source: Result<Source, Unopened>| match source {
            Ok(source) => source.name().replace(&format!("{}/", named.display()), ""),
            Err(error) => format!("{error}"),
        };
        sources(&[named.to_owned()]).into_iter().map(relative).collect()
    }

    #[test]
    fn a_directory_is_its_manifests_and_those_below_by_name() {
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
    fn links_are_followed_but_never_in_a_circle() {
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
    fn a_file_that_is_not_text_says_where() {
        let directory = tempfile::tempdir().expect("a directory");
        let read = |bytes: &[u8]| {
            let file = directory.path().join("a.yaml");
            fs::write(&file, bytes).expect("written");
            Source::File(file).read().map_err(|error| (error.line, error.column, error.message))
        };
        let (line, column, message) = read(b"a: 1\n\xc3\xa9 \xff").expect_err("no text");
        assert_eq!((line, column, &*message), (2, 3, "is not UTF-8 text; is it the right file?"));
        assert!(read(b"\xff\xfea\0").is_err_and(|(.., message)| message.contains("UTF-16")));
        assert_eq!(read(b"a: 1"), Ok("a: 1".to_owned()));
        let gone = Source::File(directory.path().join("gone.yaml")).read();
        assert!(gone.is_err_and(|error| error.message.starts_with("No such file")));
    }
}
