//! Helm's client, as an operator calls it.

use crate::client_command::{ClientCommand, CommandOutput, client_command};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Where Helm keeps what it knows of charts and plugins: nothing of the caller's.
const HOMES: [&str; 3] = ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"];

/// The program, and the cluster that it talks to.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// A call of Helm's client, or of what calls it.
pub(crate) fn homes(command: ClientCommand, kubeconfig: &Path) -> ClientCommand {
    let home = kubeconfig.with_extension("helm");
    HOMES.into_iter().fold(command, |command, name| command.env(name, &home))
}

// === impl Helm ===

impl Helm {
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
        homes(client_command(&self.program, &self.kubeconfig), &self.kubeconfig).run(arguments, "").await
    }

    /// Calls it with arguments in one line, and returns what it printed.
    ///
    /// # Errors
    ///
    /// That it failed, and what it said.
    pub async fn ok(&self, line: &str) -> Result<String> {
        self.run(line.split_whitespace()).await?.ok().with_context(|| format!("helm {line}"))
    }
}
