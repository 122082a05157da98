//! Calls of Helm, as an operator makes them.

use crate::client_command::{ClientCommand, CommandOutput, client_command};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Folders of Helm's cache, configuration and data. They are set so that Helm ignores those of the user.
const HOMES: [&str; 3] = ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"];

/// The Helm program, with the kubeconfig that it uses.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// Sets Helm's folders for a call of Helm, or of a program that calls it.
pub(crate) fn homes(command: ClientCommand, kubeconfig: &Path) -> ClientCommand {
    let home = kubeconfig.with_extension("helm");
    HOMES.into_iter().fold(command, |command, name| command.env(name, &home))
}

// === impl Helm ===

impl Helm {
    /// Returns Helm for one cluster.
    #[must_use]
    pub fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_path_buf(), kubeconfig: kubeconfig.to_path_buf() }
    }

    /// Runs Helm and returns its output, whether or not it fails.
    ///
    /// # Errors
    ///
    /// Returns an error if Helm can't be started, or does not end within two minutes.
    pub async fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<CommandOutput> {
        homes(client_command(&self.program, &self.kubeconfig), &self.kubeconfig).run(arguments, "").await
    }

    /// Runs Helm with arguments that are separated by spaces, and returns its standard output.
    ///
    /// # Errors
    ///
    /// Returns an error with Helm's output if it failed.
    pub async fn ok(&self, line: &str) -> Result<String> {
        self.run(line.split_whitespace()).await?.ok().with_context(|| format!("helm {line}"))
    }
}
