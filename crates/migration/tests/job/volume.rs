//! A directory that stands for a volume, and the Job's script on it.

use crate::tree::{Tree, tree};
use ordinance_migration::{JOB_SCRIPT, JobMode};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The entry of the volume for checksums.
pub const STATE: &str = ".ordinance-migration-shop.web";

/// The arguments of a set of two replicas.
pub const TWO: [&str; 5] = ["source=", "top=web-0", "top=web-1", "copy=web-0", "copy=web-1"];

/// A shell and the programs that it finds.
#[derive(Clone, Debug)]
pub struct Shell {
    programs: PathBuf,
}

/// A volume.
pub struct Volume {
    folder: TempDir,
    shell: Shell,
    /// A folder with programs that replace those of the shell.
    replacements: PathBuf,
}

// === impl Shell ===

impl Shell {
    /// Returns the shell of this machine, whose programs can be replaced. That of busybox may run its own programs,
    /// whatever the PATH says.
    pub fn own() -> Self {
        Self { programs: PathBuf::new() }
    }

    /// Returns the shells of this machine.
    pub fn all() -> Vec<Self> {
        let mut shells = vec![Self::own()];
        if let Some(busybox) = busybox() {
            shells.push(Self { programs: applets(&busybox) });
        }
        shells
    }

    /// Returns the file of a program.
    fn program(&self, name: &str) -> PathBuf {
        let path = self.path();
        let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
        files.find(|file| file.exists()).unwrap_or_else(|| panic!("no {name} in {path}"))
    }

    fn path(&self) -> String {
        let own = std::env::var("PATH").unwrap();
        if self.programs == Path::new("") { own } else { self.programs.display().to_string() }
    }
}

/// Finds busybox: on the PATH, or where `cargo xtask e2e` keeps it.
fn busybox() -> Option<PathBuf> {
    let on_path = std::env::var("PATH").unwrap_or_default();
    let cache = std::env::var("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cache")))
        .unwrap_or_default();
    let folders = std::env::split_paths(&on_path).chain([cache.join("ordinance/tools/packages/bin")]);
    folders.map(|folder| folder.join("busybox")).find(|file| file.is_file())
}

/// Returns a folder with a link for each program of busybox, so that a shell finds no others.
fn applets(busybox: &Path) -> PathBuf {
    let folder = tempfile::tempdir().unwrap().keep();
    let list = Command::new(busybox).arg("--list").output().unwrap();
    for applet in String::from_utf8(list.stdout).unwrap().lines() {
        symlink(busybox, folder.join(applet)).unwrap();
    }
    folder
}

// === impl Volume ===

impl Volume {
    /// Runs a test with an empty volume, in each shell.
    pub fn in_each_shell(test: impl Fn(&Self)) {
        for shell in Shell::all() {
            test(&Self::new(&shell));
        }
    }

    pub fn new(shell: &Shell) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["volume", "replacements"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let replacements = folder.path().join("replacements");
        Self { folder, shell: shell.clone(), replacements }
    }

    /// The root of the volume.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    /// Writes a file, and creates its folder.
    pub fn write(&self, path: &str, content: &str) {
        let file = self.root().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// Replaces a program by a script, in which `$REAL` is the program.
    pub fn replace(&self, program: &str, script: &str) {
        let real = self.shell.program(program);
        let file = self.replacements.join(program);
        fs::write(&file, format!("#!/bin/sh\nREAL={}\n{script}\n", real.display())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Puts the programs of the shell back.
    pub fn restore(&self) {
        fs::remove_dir_all(&self.replacements).unwrap();
        fs::create_dir(&self.replacements).unwrap();
    }

    /// Runs the script in a process group of its own.
    pub fn run(&self, mode: JobMode, arguments: &[&str]) -> Output {
        let scratch = self.folder.path().join("scratch");
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir(&scratch).unwrap();
        let path = format!("{}:{}", self.replacements.display(), self.shell.path());
        let mut command = Command::new(self.shell.program("sh"));
        command.args(["-c", JOB_SCRIPT, "migrate", mode.name()]).arg(self.root()).arg(scratch).arg(STATE);
        command.args(arguments).env_clear().env("PATH", path).env("FOLDER", self.folder.path());
        command.process_group(0).output().unwrap()
    }

    /// Runs the script, and expects it to succeed. Returns what it printed.
    pub fn ok(&self, mode: JobMode, arguments: &[&str]) -> String {
        let output = self.run(mode, arguments);
        assert!(output.status.success(), "{:?}: {}", self.shell, text(&output));
        text(&output)
    }

    /// Runs the script, and expects it to fail with this message.
    pub fn refused(&self, mode: JobMode, arguments: &[&str], message: &str) {
        let output = self.run(mode, arguments);
        assert_eq!(output.status.code(), Some(1), "{:?}: {}", self.shell, text(&output));
        assert!(
            text(&output).contains(message),
            "{:?}: {message:?} is not in: {}",
            self.shell,
            text(&output)
        );
    }

    /// What the volume has besides the directories of ordinals and of the migration.
    pub fn originals(&self) -> Tree {
        tree(&self.root(), &["web-0", "web-1", "web-2", STATE])
    }

    /// What a directory of the volume has.
    pub fn below(&self, directory: &str) -> Tree {
        tree(&self.root().join(directory), &[])
    }

    /// Whether the volume has this entry.
    pub fn has(&self, path: &str) -> bool {
        self.root().join(path).symlink_metadata().is_ok()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("chmod").args(["-R", "u+rwX"]).arg(self.folder.path()).output();
    }
}

/// Returns everything that a script printed.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
