//! The npm package, in a Node process that runs `node/driver.mjs`.

use ordinance_contract::{Holding, Key, Outcome, Request, Scope};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use std::{fs, io};

const SUITE: &str = env!("CARGO_MANIFEST_DIR");

/// A Node process with the package. It answers one question at a time.
pub struct NodeBuild {
    node: Child,
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

/// A line of the driver's output.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Reply {
    Ok(Value),
    Error(String),
}

/// Returns the directory of the package that `cargo xtask npm` builds.
///
/// # Errors
///
/// Returns an error if the package is missing, or older than the policy.
pub fn package() -> Result<PathBuf, String> {
    let policy = Path::new(SUITE).join("../../../policy");
    let package = policy.join("js/pkg");
    let built = modified(&package.join("node/ordinance_policy_bg.wasm"))
        .map_err(|_| "the npm package is not built; run: cargo xtask npm".to_owned())?;
    let [model, json] =
        ["storage/src", "json/src"].map(|part| Path::new(SUITE).join("../../../crates").join(part));
    let directories = [policy.join("src"), policy.join("rules"), policy.join("js/src"), model, json];
    let sources = directories.iter().map(|directory| newest(directory));
    match sources.collect::<io::Result<Vec<_>>>().map(|times| times.into_iter().max().unwrap_or(built)) {
        Ok(written) if written <= built => Ok(package),
        Ok(_) => Err("the npm package is older than the policy; run: cargo xtask npm".to_owned()),
        Err(error) => Err(format!("{}: {error}", policy.display())),
    }
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// Returns the time of the last change below a directory.
fn newest(directory: &Path) -> io::Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        newest = newest.max(if path.is_dir() { self::newest(&path)? } else { modified(&path)? });
    }
    Ok(newest)
}

// === impl NodeBuild ===

impl NodeBuild {
    /// Starts a Node process. Dropping the value stops it.
    ///
    /// # Errors
    ///
    /// Returns an error if Node or the package is missing.
    pub fn start() -> Result<Self, String> {
        let mut command = Command::new("node");
        command.arg(Path::new(SUITE).join("node/driver.mjs")).arg(package()?);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut node = spawned.map_err(|error| format!("node can't be started: {error}"))?;
        let pipes = node.stdin.take().zip(node.stdout.take().map(BufReader::new));
        Ok(Self { node, pipes: Mutex::new(pipes) })
    }

    fn ask<A: DeserializeOwned>(&self, question: &Value) -> Result<A, String> {
        match serde_json::from_str(&self.exchange(question)?).map_err(|error| format!("node: {error}"))? {
            Reply::Ok(answer) => serde_json::from_value(answer).map_err(|error| format!("node: {error}")),
            Reply::Error(error) => Err(error),
        }
    }

    fn exchange(&self, question: &Value) -> Result<String, String> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = pipes.as_mut().ok_or("node has no pipes")?;
        let mut line = String::new();
        writeln!(input, "{question}")
            .and_then(|()| output.read_line(&mut line))
            .map_err(|error| format!("node: {error}"))?;
        Ok(line)
    }
}

impl ordinance_case::PolicyFunctions for NodeBuild {
    fn keys(&self, scope: &Scope<'_>, object: &str, settings: &str) -> Result<Vec<Key>, String> {
        self.ask(&json!({"keys": [scope, object, parsed(settings)?]}))
    }

    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String> {
        self.ask(&json!({"review": [request, parsed(settings)?, holdings]}))
    }
}

impl Drop for NodeBuild {
    fn drop(&mut self) {
        // The driver ends with its standard input.
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(self.node.wait());
    }
}

/// Parses settings; null stands for the defaults.
fn parsed(settings: &str) -> Result<Value, String> {
    if settings.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(settings).map_err(|error| format!("settings: {error}"))
}
