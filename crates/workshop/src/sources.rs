//! The sources of a policy: finds out their language, and builds them.

use crate::component::{ComponentError, component, with_contract};
use crate::{c, js, rust};
use std::io;
use std::path::{Path, PathBuf};

/// The folder of a policy, in a known language.
#[derive(Clone, Debug)]
pub enum Sources {
    /// A package of cargo.
    Rust(PathBuf),
    /// Files of C, one of them `policy.c`.
    C(PathBuf),
    /// A package of npm with `policy.js`.
    JavaScript(PathBuf),
}

/// What the tools that build a policy print to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildOutput {
    /// Errors and warnings.
    Quiet,
    /// Progress, too.
    Progress,
    /// Every command, too.
    Verbose,
}

/// Why a policy can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder has no sources.
    #[error(
        "{}: there is no policy to build: it has neither Cargo.toml nor policy.c, nor package.json with policy.js; name the folder of a policy, or make one by `ordinance new NAME`",
        .0.display()
    )]
    NoSources(PathBuf),
    /// A tool is not installed.
    #[error("{tool} is not installed: {remedy}")]
    NoTool {
        /// The tool.
        tool: &'static str,
        /// How to install it.
        remedy: &'static str,
    },
    /// A tool can't be run.
    #[error("{tool} can't be run: {error}")]
    Tool {
        /// The tool.
        tool: &'static str,
        /// The reason.
        error: io::Error,
    },
    /// A tool failed, and its messages are on stderr.
    #[error("{0} did not build the policy; its messages are above")]
    Failed(&'static str),
    /// Node can't load the module, and its messages are on stderr.
    #[error("{}: node can't load the policy; its messages are above", .0.display())]
    NotLoaded(PathBuf),
    /// npm failed, and its messages are on stderr.
    #[error("npm did not install the packages of the policy; its messages are above")]
    NotInstalled,
    /// Cargo made no module.
    #[error(
        "{}: cargo made no WebAssembly module; write crate-type = [\"cdylib\", \"rlib\"] in the section [lib] of Cargo.toml",
        .0.display()
    )]
    NoModule(PathBuf),
    /// The packages of a policy in JavaScript do not contain what builds it.
    #[error(
        "{}: the packages do not include componentize-js; run `npm install --save-dev --save-exact @bytecodealliance/componentize-js`",
        .0.display()
    )]
    NoComponentizeJs(PathBuf),
    /// A file can't be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The module is no component.
    #[error(transparent)]
    Component(#[from] ComponentError),
}

// === impl BuildError ===

impl BuildError {
    /// Returns what makes an error of a file.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

// === impl Sources ===

impl Sources {
    /// Finds out the language of the policy in a folder.
    ///
    /// # Errors
    ///
    /// The folder has no sources of a policy.
    pub fn of(directory: &Path) -> Result<Self, BuildError> {
        if directory.join("Cargo.toml").is_file() {
            return Ok(Self::Rust(directory.to_owned()));
        }
        if directory.join("policy.c").is_file() {
            return Ok(Self::C(directory.to_owned()));
        }
        if ["package.json", "policy.js"].iter().all(|file| directory.join(file).is_file()) {
            return Ok(Self::JavaScript(directory.to_owned()));
        }
        Err(BuildError::NoSources(directory.to_owned()))
    }

    /// Builds the policy, and returns the component. The tools print to stderr.
    ///
    /// # Errors
    ///
    /// A tool is missing or fails, or the module has imports.
    pub fn build(&self, output: BuildOutput) -> Result<Vec<u8>, BuildError> {
        let module = match self {
            Self::Rust(directory) => rust::module(directory, output)?,
            Self::C(directory) => with_contract(c::module(directory, output)?)?,
            Self::JavaScript(directory) => return js::component(directory, output),
        };
        Ok(component(&module)?)
    }
}
