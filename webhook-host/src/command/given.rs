//! What the offline commands are given: manifests, what exists besides, and the policy that is asked.

use super::PolicyArgs;
use super::policies::{self, Judged};
use crate::config::existing;
use crate::limits::Limits;
use anyhow::Result;
use clap::Args;
use ordinance_manifests::Manifest;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// Manifests, and what they are judged by.
#[derive(Debug, Args)]
pub(super) struct GivenArgs {
    /// Files, directories, or `-` for stdin, which is read if nothing is given
    #[arg(value_name = "FILE|DIR")]
    pub(super) paths: Vec<PathBuf>,
    /// Where objects are that name no namespace
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        env = "ORDINANCE_NAMESPACE",
        hide_env = true
    )]
    pub(super) namespace: String,
    #[command(flatten)]
    policy: PolicyArgs,
}

// === impl GivenArgs ===

impl GivenArgs {
    /// Why nothing can be read: stdin is a terminal, or has to be read twice.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        if self.paths.is_empty() && io::stdin().is_terminal() {
            return Some("nothing to read; give files or directories, or - for stdin");
        }
        let twice = self.reads_stdin() && self.policy.state.iter().any(|path| is_stdin(path));
        twice.then_some("stdin can be read once: as what is judged, or as --state")
    }

    /// Whether what is judged comes from stdin.
    pub(super) fn reads_stdin(&self) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|path| is_stdin(path))
    }

    /// What exists, and the policy over it.
    pub(super) fn judged(&self) -> Result<(Vec<Manifest>, Judged)> {
        let state = existing(&self.policy.state, &self.namespace)?;
        let judged = policies::over(&self.policy, &Limits::default(), &state)?;
        Ok((state, judged))
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}
