//! A cache of compiled components, since compiling a large one takes many seconds.
//!
//! An artefact is machine code. So the cache is a directory to which only its user can write, and so is each file in it; anything else is
//! left alone, and the component is compiled. A file begins with a digest of its name and the artefact. The name is that of the component's
//! digest and the compiler, so that neither a damaged file is run nor one of another component.

use ordinance_files::{Directory, PRIVATE, TemporaryFile, is_own_file, read_up_to};
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::SystemTime;

/// The artefacts that are kept; the oldest ones are removed.
pub const CACHED_ARTEFACTS: usize = 64;

/// The largest artefact that is kept, in bytes.
pub const ARTEFACT_BYTES: usize = 512 * 1024 * 1024;

/// The ending of the files.
const ENDING: &str = ".cwasm";

/// The permissions of a new directory.
const DIRECTORY_MODE: u32 = 0o700;

/// The length of a digest.
const DIGEST_BYTES: usize = 32;

/// An open cache.
#[derive(Debug)]
pub struct ArtefactCache(Directory);

// === impl ArtefactCache ===

impl ArtefactCache {
    /// Opens the cache in a directory, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// It can't be created or opened, or others can write to it.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
        let directory = Directory::open(path)?;
        if directory.is_own()? {
            Ok(Self(directory))
        } else {
            let problem =
                "others can write to it, or it belongs to another user, so no machine code is read from it";
            Err(io::Error::new(ErrorKind::PermissionDenied, problem))
        }
    }

    /// Returns the artefact of a component, or makes and keeps it. `compiler` stands for the compiler with all its settings.
    ///
    /// # Errors
    ///
    /// The error of `compile`. An error of the cache is none.
    pub(crate) fn artefact<E>(
        &self,
        component: &[u8],
        compiler: u64,
        compile: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let name = OsString::from(format!("{:x}-{compiler:016x}{ENDING}", Sha256::digest(component)));
        if let Some(artefact) = self.read(&name) {
            return Ok(artefact);
        }
        let artefact = compile()?;
        // What could not be written is compiled again by the next command.
        let _ = self.write(&name, &artefact);
        Ok(artefact)
    }

    /// Returns an intact artefact.
    fn read(&self, name: &OsStr) -> Option<Vec<u8>> {
        let file = self.0.file(name).ok()?;
        if !is_own_file(&file).ok()? {
            return None;
        }
        let mut content = read_up_to(file, DIGEST_BYTES + ARTEFACT_BYTES).ok()?;
        if content.len() < DIGEST_BYTES {
            return None;
        }
        let artefact = content.split_off(DIGEST_BYTES);
        (seal(name, &artefact) == content[..]).then_some(artefact)
    }

    /// Writes a file as a whole, by a rename.
    fn write(&self, name: &OsStr, artefact: &[u8]) -> io::Result<()> {
        if artefact.len() > ARTEFACT_BYTES {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.make_room()?;
        let mut file = TemporaryFile::new(&self.0, PRIVATE, &seal(name, artefact))?;
        file.write_all(artefact)?;
        file.rename(name)
    }

    /// Removes the oldest artefacts beyond the limit, and no other file.
    fn make_room(&self) -> io::Result<()> {
        let mut names = self.0.names()?;
        names.retain(|name| is_artefact(name));
        let age = |name: &OsString| -> SystemTime {
            let file = self.0.file(name).and_then(|file| file.metadata()?.modified());
            file.unwrap_or(SystemTime::UNIX_EPOCH)
        };
        let surplus = (names.len() + 1).saturating_sub(CACHED_ARTEFACTS);
        let mut names: Vec<(SystemTime, OsString)> =
            names.into_iter().map(|name| (age(&name), name)).collect();
        names.sort();
        names.iter().take(surplus).try_for_each(|(_, name)| self.0.remove(name))
    }
}

/// Returns whether a file is named as the cache names artefacts.
fn is_artefact(name: &OsStr) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.split_once('-'));
    parts.is_some_and(|(component, compiler)| digits(component, 64) && digits(compiler, 16))
}

/// Returns the digest of an artefact and its name.
fn seal(name: &OsStr, artefact: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::new().chain_update(name.as_bytes()).chain_update(artefact).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    /// Returns a cache in a new directory.
    fn cache() -> (tempfile::TempDir, ArtefactCache) {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = ArtefactCache::open(&directory.path().join("a/components")).expect("a cache");
        (directory, cache)
    }

    /// Returns an artefact, and whether it was compiled.
    fn artefact(cache: &ArtefactCache, component: &[u8], compiler: u64) -> (Vec<u8>, bool) {
        let mut is_compiled = false;
        let compile = || {
            is_compiled = true;
            Ok::<_, ()>([component, b"!"].concat())
        };
        let artefact = cache.artefact(component, compiler, compile).expect("an artefact");
        (artefact, is_compiled)
    }

    fn files(directory: &tempfile::TempDir) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory.path().join("a/components")).expect("a directory");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    #[test]
    fn a_component_is_compiled_once_for_each_compiler() {
        let (_directory, cache) = cache();
        assert_eq!(artefact(&cache, b"a", 1), (b"a!".to_vec(), true));
        assert_eq!(artefact(&cache, b"a", 1), (b"a!".to_vec(), false));
        assert!(artefact(&cache, b"a", 2).1 && artefact(&cache, b"b", 1).1);
    }

    #[test]
    fn a_damaged_file_and_one_that_others_can_write_to_are_not_read() {
        let (directory, cache) = cache();
        artefact(&cache, b"a", 1);
        let file = files(&directory).pop().expect("a file");
        let intact = fs::read(&file).expect("read");
        for damaged in [&intact[..intact.len() - 1], &intact[..10], b""] {
            fs::write(&file, damaged).expect("written");
            assert!(artefact(&cache, b"a", 1).1, "{damaged:?}");
            assert_eq!(fs::read(&file).expect("read"), intact);
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("set");
        assert!(artefact(&cache, b"a", 1).1);
        fs::rename(&file, directory.path().join("elsewhere")).expect("renamed");
        symlink(directory.path().join("elsewhere"), &file).expect("linked");
        assert!(artefact(&cache, b"a", 1).1);
    }

    #[test]
    fn the_file_of_another_component_or_compiler_is_not_read() {
        let (directory, cache) = cache();
        artefact(&cache, b"a", 1);
        let of_a = files(&directory).pop().expect("a file");
        for (component, compiler) in [(&b"b"[..], 1), (b"a", 2)] {
            artefact(&cache, component, compiler);
            let other = files(&directory).into_iter().find(|file| *file != of_a).expect("a file");
            fs::copy(&of_a, &other).expect("copied");
            assert_eq!(artefact(&cache, component, compiler), ([component, b"!"].concat(), true));
            fs::remove_file(other).expect("removed");
        }
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_no_cache() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("set");
        let error = ArtefactCache::open(directory.path()).expect_err("refused");
        assert!(error.to_string().contains("others can write to it"), "{error}");
    }

    #[test]
    fn files_of_others_are_neither_counted_nor_removed() {
        let (directory, cache) = cache();
        for number in 0..2 * CACHED_ARTEFACTS {
            fs::write(directory.path().join(format!("a/components/note{number}.txt")), "").expect("written");
        }
        fs::create_dir(directory.path().join("a/components/folder")).expect("created");
        artefact(&cache, b"a", 1);
        assert!(!artefact(&cache, b"a", 1).1);
        assert_eq!(files(&directory).len(), 2 * CACHED_ARTEFACTS + 2);
    }

    #[test]
    fn the_oldest_files_are_removed() {
        let (directory, cache) = cache();
        for compiler in 0..CACHED_ARTEFACTS as u64 + 3 {
            artefact(&cache, b"a", compiler);
        }
        assert_eq!(files(&directory).len(), CACHED_ARTEFACTS);
        assert!(!artefact(&cache, b"a", CACHED_ARTEFACTS as u64 + 2).1);
    }
}
