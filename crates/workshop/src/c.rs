//! Builds a policy in C, by clang and its linker for WebAssembly.

use crate::program::Program;
use crate::sources::{BuildError, BuildOutput};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CLANG: Program =
    Program { name: "clang", remedy: "install clang and wasm-ld, e.g. by `apt-get install clang lld`" };

/// The flags of the compiler: there is no C library but what the policy brings along.
const COMPILE: [&str; 10] = [
    "--target=wasm32",
    "-std=c11",
    "-O2",
    "-Wall",
    "-nostdlib",
    "-ffreestanding",
    "-fno-builtin",
    "-I.",
    "-isystem",
    "include",
];

/// The flags of the linker, with a memory that a review need not let grow.
const LINK: [&str; 3] = ["-Wl,--no-entry", "-Wl,--initial-memory=1048576", "-Wl,-z,stack-size=131072"];

/// The module within the policy's folder.
const MODULE: &str = "build/policy.wasm";

/// Compiles and links the files of a folder, and returns the module.
pub(crate) fn module(directory: &Path, output: BuildOutput) -> Result<Vec<u8>, BuildError> {
    let sources = sources(directory)?;
    let build = directory.join("build");
    fs::create_dir_all(&build).map_err(BuildError::at(&build))?;
    let mut clang = Command::new("clang");
    clang.current_dir(directory).args(COMPILE).args(LINK).args(["-o", MODULE]).args(sources);
    if output == BuildOutput::Verbose {
        clang.arg("-v");
    }
    let status = clang.stdout(Stdio::null()).status().map_err(|error| CLANG.error(error))?;
    if !status.success() {
        return Err(BuildError::Failed("clang"));
    }
    let module = directory.join(MODULE);
    fs::read(&module).map_err(BuildError::at(&module))
}

/// Returns the files to compile, relative to the policy's folder.
fn sources(directory: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut sources = Vec::new();
    for folder in ["", "contract"] {
        let path = directory.join(folder);
        if !path.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&path).map_err(BuildError::at(&path))? {
            let name = entry.map_err(BuildError::at(&path))?.file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "c") {
                sources.push(Path::new(".").join(folder).join(name));
            }
        }
    }
    sources.sort();
    Ok(sources)
}
