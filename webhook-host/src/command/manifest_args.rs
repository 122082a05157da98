//! The arguments of `check` and `map`: manifests, existing objects, and the policy.

use super::policies::{self, ServedPolicy};
use crate::config::{NAMESPACE, PolicyArgs, State};
use crate::limits::Limits;
use anyhow::Result;
use clap::Args;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// The manifests to read, and the policy that checks them.
#[derive(Debug, Args)]
pub(super) struct ManifestArgs {
    /// Files, directories, or `-` for stdin, which is the default
    #[arg(value_name = "FILE|DIR")]
    pub(super) paths: Vec<PathBuf>,
    /// Namespace of objects that name none
    #[arg(
        long,
        value_name = "NAME",
        default_value = NAMESPACE,
        env = "ORDINANCE_NAMESPACE",
        hide_env = true
    )]
    pub(super) namespace: String,
    #[command(flatten)]
    policy: PolicyArgs,
}

// === impl ManifestArgs ===

impl ManifestArgs {
    /// Returns why the manifests can't be read: stdin is a terminal, or is named twice.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        if self.paths.is_empty() && io::stdin().is_terminal() {
            return Some("nothing to read; give files or directories, or - for stdin");
        }
        let twice = self.reads_stdin() && self.policy.state.iter().any(|path| is_stdin(path));
        twice.then_some("stdin can be read once: as manifests, or as --state")
    }

    /// Returns whether manifests come from stdin.
    pub(super) fn reads_stdin(&self) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|path| is_stdin(path))
    }

    /// Returns whether `--state` is given.
    pub(super) fn has_state(&self) -> bool {
        !self.policy.state.is_empty()
    }

    /// Reads the existing objects and returns them, and the policy with them in its index.
    pub(super) fn load(&self) -> Result<(State, ServedPolicy)> {
        let state = State::read(&self.policy.state, &self.namespace);
        let policy = policies::with_existing(&self.policy, &Limits::default(), &state.objects)?;
        Ok((state, policy))
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}
