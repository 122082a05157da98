//! Builds a policy in JavaScript, by the componentize-js of the policy's own packages.

use crate::program::Program;
use crate::sources::{BuildError, BuildOutput};
use ordinance_contract::WIT;
use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};

const NODE: Program =
    Program { name: "node", remedy: "install Node 20 or newer from https://nodejs.org; it brings npm along" };

const NPM: Program =
    Program { name: "npm", remedy: "install it with Node 20 or newer from https://nodejs.org" };

/// The program within a folder `node_modules`.
const COMPONENTIZE: &str = "node_modules/.bin/componentize-js";

/// The contract within the policy's folder.
pub(crate) const CONTRACT: &str = "policy.wit";

/// The component within the policy's folder.
const COMPONENT: &str = "build/policy.wasm";

/// The parts of JavaScript's library that import WASI. Without them a component imports nothing: `console.log` prints nothing, and
/// `Date.now()` and `Math.random()` return what they returned when the component was made.
const WASI_FEATURES: [&str; 5] = ["stdio", "random", "clocks", "http", "fetch-event"];

/// Makes a component of `policy.js` and what it imports, and returns it.
pub(crate) fn component(directory: &Path, output: BuildOutput) -> Result<Vec<u8>, BuildError> {
    let directory = absolute(directory).map_err(BuildError::at(directory))?;
    load(&directory)?;
    let program = match componentize_js(&directory) {
        Some(program) => program,
        None => installed(&directory, output)?,
    };
    write_missing_contract(&directory)?;
    let build = directory.join("build");
    fs::create_dir_all(&build).map_err(BuildError::at(&build))?;
    let mut node = Command::new("node");
    node.arg(program).args(["policy.js", "--wit", CONTRACT, "--world-name", "policy", "--out", COMPONENT]);
    node.arg("--disable").args(WASI_FEATURES).current_dir(&directory);
    output.announce("componentize-js makes the component; that and the check take about a minute", &node);
    if !succeeds(&mut node, NODE)? {
        return Err(BuildError::Failed("componentize-js"));
    }
    let component = directory.join(COMPONENT);
    fs::read(&component).map_err(BuildError::at(&component))
}

/// Returns the program, installed for the policy or for a workspace of npm that it belongs to.
fn componentize_js(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().map(|folder| folder.join(COMPONENTIZE)).find(|program| program.is_file())
}

/// Installs the packages of the policy, and returns the program.
fn installed(directory: &Path, output: BuildOutput) -> Result<PathBuf, BuildError> {
    // `ci` installs what the lock says, and fails if that does not fit package.json.
    let locked = directory.join("package-lock.json").is_file();
    let mut npm = Command::new("npm");
    // componentize-js needs no script of a package, so that none runs.
    npm.arg(if locked { "ci" } else { "install" }).args(["--ignore-scripts", "--no-audit", "--no-fund"]);
    match output {
        BuildOutput::Quiet => drop(npm.args(["--loglevel", "warn"])),
        BuildOutput::Progress => {}
        BuildOutput::Verbose => drop(npm.arg("--verbose")),
    }
    npm.current_dir(directory);
    output.announce("npm installs the packages of package.json in node_modules", &npm);
    if !succeeds(&mut npm, NPM)? {
        return Err(BuildError::NotInstalled);
    }
    componentize_js(directory).ok_or_else(|| BuildError::NoComponentizeJs(directory.join("package.json")))
}

/// Fails if Node can't load the policy. Node names the file and the line of a mistake, which componentize-js does not.
fn load(directory: &Path) -> Result<(), BuildError> {
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", "import './policy.js';"]).current_dir(directory);
    match succeeds(&mut node, NODE)? {
        true => Ok(()),
        false => Err(BuildError::NotLoaded(directory.join("policy.js"))),
    }
}

/// Writes the contract of this program, unless the policy has one: it may have been written for an earlier version.
fn write_missing_contract(directory: &Path) -> Result<(), BuildError> {
    let path = directory.join(CONTRACT);
    if path.exists() {
        return Ok(());
    }
    fs::write(&path, WIT).map_err(BuildError::at(&path))
}

fn succeeds(command: &mut Command, program: Program) -> Result<bool, BuildError> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.map(|status| status.success()).map_err(|error| program.error(error))
}

// === impl BuildOutput ===

impl BuildOutput {
    /// Says on stderr what begins, or which command.
    fn announce(self, step: &str, command: &Command) {
        match self {
            Self::Quiet => {}
            Self::Progress => eprintln!("{step}"),
            Self::Verbose => eprintln!("{step}: {command:?}"),
        }
    }
}
