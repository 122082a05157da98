//! Programs from packages of Debian and its derivatives: the packages are downloaded and unpacked, never installed.

use crate::error::Error;
use crate::recipe::Tool;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The folders of a package that may contain the program.
const FOLDERS: [&str; 4] = ["usr/sbin", "usr/bin", "sbin", "bin"];

/// Downloads a package and copies its program into a file. `cache` is a folder for apt's package lists.
pub(crate) fn program(package: &'static str, tool: Tool, cache: &Path, output: &Path) -> Result<(), Error> {
    let failed = |output| Error::Package { tool: tool.name(), package, output };
    let folder = TempDir::new_in(cache).map_err(|error| failed(error.to_string()))?;
    fetch(package, folder.path(), cache).map_err(failed)?;
    unpack(tool, folder.path(), output).map_err(failed)
}

/// Downloads a package with the machine's package lists, or with lists in the cache if that fails.
fn fetch(package: &str, folder: &Path, cache: &Path) -> Result<(), String> {
    let with_own_lists = |_| {
        let lists = own_lists(cache).map_err(|error| error.to_string())?;
        run(apt(folder).args(&lists).arg("update"))?;
        run(apt(folder).args(&lists).args(["download", package]))
    };
    run(apt(folder).args(["download", package])).or_else(with_own_lists)
}

/// Returns options that make apt use package lists in the cache, and leave those of the machine alone.
fn own_lists(cache: &Path) -> std::io::Result<[String; 2]> {
    for folder in ["lists/partial", "apt/archives/partial"] {
        std::fs::create_dir_all(cache.join(folder))?;
    }
    let option = |name, folder| format!("--option={name}={}", cache.join(folder).display());
    Ok([option("Dir::State::Lists", "lists"), option("Dir::Cache", "apt")])
}

fn apt(folder: &Path) -> Command {
    let mut apt = Command::new("apt-get");
    // As root, apt downloads as another user, which may not write here.
    apt.current_dir(folder).args(["--quiet", "--option=APT::Sandbox::User=root"]);
    apt
}

/// Copies the program out of the only package in a folder.
fn unpack(tool: Tool, folder: &Path, output: &Path) -> Result<(), String> {
    let mut entries = folder.read_dir().map_err(|error| error.to_string())?.flatten();
    let package = entries.find(|entry| entry.path().extension().is_some_and(|extension| extension == "deb"));
    let package = package.ok_or("apt-get fetched nothing")?.path();
    let tree = folder.join("tree");
    run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&tree))?;
    let mut paths = FOLDERS.iter().map(|folder| tree.join(folder).join(tool.name()));
    let program = paths.find(|path| path.is_file()).ok_or("the package has no such program")?;
    std::fs::copy(program, output).map(|_| ()).map_err(|error| error.to_string())
}

/// Runs a command, and returns the last line of its standard error if it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(stderr.lines().last().unwrap_or(&program).to_owned())
}
