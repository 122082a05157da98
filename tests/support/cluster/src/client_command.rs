//! Calls of programs that talk to a cluster, such as kubectl, Helm and bash.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// The time that a call may take. Calls that wait for an event have shorter limits of their own.
const LIMIT: Duration = Duration::from_secs(120);

/// The result of a call.
#[derive(Clone, Debug)]
pub struct CommandOutput {
    /// Whether the exit code was 0.
    pub success: bool,
    /// The standard output.
    pub stdout: String,
    /// The standard error: errors and warnings.
    pub stderr: String,
}

/// A call that has not been made yet.
pub(crate) struct ClientCommand(Command);

/// Prepares a call of a program that reads a kubeconfig. Its cache is a folder next to that file.
pub(crate) fn client_command(program: &Path, kubeconfig: &Path) -> ClientCommand {
    let mut command = Command::new(program);
    command.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", kubeconfig.with_extension("cache"));
    ClientCommand(command)
}

// === impl ClientCommand ===

impl ClientCommand {
    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Sets the working folder.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Runs the program with a standard input, and returns its output, whether or not it fails.
    ///
    /// # Errors
    ///
    /// Returns an error if it can't be started, or does not end within two minutes.
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
            // A program that does not read its input closes it.
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
    /// Returns the standard output of a successful call.
    ///
    /// # Errors
    ///
    /// Returns an error with the whole output if the call failed.
    pub fn ok(self) -> Result<String> {
        if !self.success {
            bail!("failed: {}{}", self.stderr, self.stdout);
        }
        Ok(self.stdout)
    }

    /// Returns the standard error of a failed call.
    ///
    /// # Errors
    ///
    /// Returns an error with the whole output if the call succeeded.
    pub fn refusal(self) -> Result<String> {
        if self.success {
            bail!("succeeded unexpectedly: {}{}", self.stdout, self.stderr);
        }
        Ok(self.stderr)
    }
}
