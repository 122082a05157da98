//! A program that talks to a cluster, called as a person calls it.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// No call takes longer: those that wait for something have limits of their own.
const LIMIT: Duration = Duration::from_secs(120);

/// What a call did.
#[derive(Clone, Debug)]
pub struct CommandOutput {
    /// Whether it exited with 0.
    pub success: bool,
    /// What it printed.
    pub stdout: String,
    /// Its errors and warnings.
    pub stderr: String,
}

/// A call that is about to be made.
pub(crate) struct ClientCommand(Command);

/// A call of a program, which reads a kubeconfig and keeps what it learns beside it.
pub(crate) fn client_command(program: &Path, kubeconfig: &Path) -> ClientCommand {
    let mut command = Command::new(program);
    command.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", kubeconfig.with_extension("cache"));
    ClientCommand(command)
}

// === impl ClientCommand ===

impl ClientCommand {
    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Makes it in a folder.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Makes it, with something on its standard input, and returns what it said, whether it failed or not.
    ///
    /// # Errors
    ///
    /// That it can't be started, or did not end within two minutes.
    pub async fn run<A: AsRef<OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<CommandOutput> {
        let program = self.0.as_std().get_program().to_string_lossy().into_owned();
        self.0.args(arguments).kill_on_drop(true);
        self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.0.spawn().with_context(|| format!("can't start {program}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A call that does not read its input closes it.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let ended = timeout(LIMIT, child.wait_with_output()).await;
        let output =
            ended.with_context(|| format!("{program} did not end within {} s", LIMIT.as_secs()))??;
        Ok(CommandOutput {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

// === impl CommandOutput ===

impl CommandOutput {
    /// What it printed.
    ///
    /// # Errors
    ///
    /// That it failed, and what it said.
    pub fn ok(self) -> Result<String> {
        if !self.success {
            bail!("failed: {}{}", self.stderr, self.stdout);
        }
        Ok(self.stdout)
    }

    /// What it said of its failure.
    ///
    /// # Errors
    ///
    /// That it did not fail, and what it printed.
    pub fn refusal(self) -> Result<String> {
        if self.success {
            bail!("was expected to fail, and did not: {}{}", self.stdout, self.stderr);
        }
        Ok(self.stderr)
    }
}
