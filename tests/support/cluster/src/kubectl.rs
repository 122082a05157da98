//! Calls of kubectl, as a user makes them.

use crate::client_command::{CommandOutput, client_command};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The kubectl program, with the kubeconfig that it uses.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

// === impl Kubectl ===

impl Kubectl {
    /// Returns kubectl for one cluster.
    #[must_use]
    pub fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_path_buf(), kubeconfig: kubeconfig.to_path_buf() }
    }

    /// Runs kubectl and returns its output, whether or not it fails.
    ///
    /// # Errors
    ///
    /// Returns an error if kubectl can't be started, or does not end within two minutes.
    pub async fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<CommandOutput> {
        self.run_with_input(arguments, "").await
    }

    /// Runs kubectl with a standard input.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`run`](Self::run).
    pub async fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<CommandOutput> {
        client_command(&self.program, &self.kubeconfig).run(arguments, input).await
    }

    /// Runs kubectl with arguments that are separated by spaces, and returns its standard output.
    ///
    /// # Errors
    ///
    /// Returns an error with kubectl's output if it failed.
    pub async fn ok(&self, line: &str) -> Result<String> {
        self.run(line.split_whitespace()).await?.ok().with_context(|| format!("kubectl {line}"))
    }

    /// Runs `kubectl apply` with manifests.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`run`](Self::run).
    pub async fn apply(&self, manifests: &str) -> Result<CommandOutput> {
        self.run_with_input(["apply", "--filename=-"], manifests).await
    }
}
