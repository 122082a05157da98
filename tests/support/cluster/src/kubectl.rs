//! kubectl, as a person calls it.

use crate::client_command::{CommandOutput, client_command};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The program, and the cluster that it talks to.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

// === impl Kubectl ===

impl Kubectl {
    /// A program that talks to one cluster.
    #[must_use]
    pub fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_path_buf(), kubeconfig: kubeconfig.to_path_buf() }
    }

    /// Calls it, and returns what it said, whether it failed or not.
    ///
    /// # Errors
    ///
    /// That it can't be started, or did not end within two minutes.
    pub async fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<CommandOutput> {
        self.run_with_input(arguments, "").await
    }

    /// Calls it with something on its standard input.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<CommandOutput> {
        client_command(&self.program, &self.kubeconfig).run(arguments, input).await
    }

    /// Calls it with arguments in one line, and returns what it printed.
    ///
    /// # Errors
    ///
    /// That it failed, and what it said.
    pub async fn ok(&self, line: &str) -> Result<String> {
        self.run(line.split_whitespace()).await?.ok().with_context(|| format!("kubectl {line}"))
    }

    /// `kubectl apply` of manifests.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn apply(&self, manifests: &str) -> Result<CommandOutput> {
        self.run_with_input(["apply", "--filename=-"], manifests).await
    }
}
