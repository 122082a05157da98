//! `cargo xtask javascript`: a policy in JavaScript, from an empty folder to a denial.
//!
//! This is no test of `cargo test`: the component has an interpreter of 12 MiB in it, and the Cranelift of a development build,
//! which is hardly optimised, takes minutes for it. The end-to-end scenarios need a release build anyway, which takes half a
//! minute. The other templates run in `cargo test`, and so do the functions and cases of all policies in JavaScript, in Node.

use crate::e2e;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// How to try the policy.
#[derive(clap::Args)]
pub struct Arguments {
    /// The program to run; by default it is built from this checkout, in release mode.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_BINARY")]
    binary: Option<PathBuf>,
}

/// A policy of the kind `unique` in a new folder: it has settings, keys, holdings and findings.
struct NewPolicyFolder {
    ordinance: PathBuf,
    folder: TempDir,
}

/// Creates the policy, builds it, runs its cases, and lets it review a request.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let policy = NewPolicyFolder {
        ordinance: e2e::binary(arguments.binary.as_deref())?,
        folder: tempfile::tempdir()?,
    };
    policy.ordinance(&["new", "hosts", "--lang", "js", "--kind", "unique", "."], 0)?;
    policy.ordinance(&["build"], 0)?;
    let inspected = policy.ordinance(&["inspect", "hosts.wasm"], 0)?;
    ensure!(inspected.lines().any(|line| line.split_whitespace().eq(["imports", "none"])), "{inspected}");
    let tested = policy.ordinance(&["test"], 0)?;
    ensure!(tested.contains("4 cases: 4 passed"), "{tested}");

    let review = ["review", "--policy", "hosts.wasm", "--phase", "validate", "review.json"];
    policy.ordinance(&review, 0)?;
    let denied = policy.ordinance(&[&review[..], &["--state", "cluster.yaml"]].concat(), 1)?;
    ensure!(denied.contains("[shared-host]"), "{denied}");
    policy.write("settings.yaml", "sharedHosts: [shop.example.com]\n")?;
    let exempt = ["--state", "cluster.yaml", "--settings", "settings.yaml"];
    policy.ordinance(&[&review[..], &exempt].concat(), 0)?;
    policy.write("settings.yaml", "sharedHosts: [1]\n")?;
    policy.ordinance(&[&review[..], &exempt].concat(), 2)?;
    Ok(ExitCode::SUCCESS)
}

// === impl NewPolicyFolder ===

impl NewPolicyFolder {
    /// Runs `ordinance` in the folder, prints the time, and returns the standard output. Fails if the exit code is another.
    fn ordinance(&self, arguments: &[&str], exit_code: i32) -> Result<String> {
        let start = Instant::now();
        let mut ordinance = Command::new(&self.ordinance);
        ordinance.args(arguments).current_dir(self.path()).stdin(Stdio::null()).stderr(Stdio::inherit());
        // What is compiled is kept for this policy only, and removed with it.
        let output = ordinance.env("ORDINANCE_CACHE_DIR", self.path().join("cache")).output()?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let command = arguments.join(" ");
        ensure!(
            output.status.code() == Some(exit_code),
            "`ordinance {command}` ended with {} instead of exit code {exit_code}:\n{printed}",
            output.status
        );
        anstream::println!("{:5.1} s  ordinance {command}", start.elapsed().as_secs_f64());
        Ok(printed)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.path().join(name), text)?)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}
