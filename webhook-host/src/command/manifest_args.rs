//! The arguments of `check` and `map`: manifests, existing objects, and the policy.

use super::policies::{self, ServedPolicy};
use crate::config::{NAMESPACE, PolicyArgs, State, namespace};
use crate::limits::Limits;
use crate::units::DurationText;
use anyhow::Result;
use clap::Args;
use clap::builder::BoolishValueParser;
use ordinance_manifests::{FoundSources, Manifest, PathGlob, PathGlobs, RENDER_TIME, Rendering, search};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest time that `--render-time` accepts.
const LONGEST_RENDER_TIME: Duration = Duration::from_secs(60 * 60);

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
        value_parser = namespace,
        env = "ORDINANCE_NAMESPACE",
        hide_env = true
    )]
    pub(super) namespace: String,
    /// In directories, read only files that match a glob, as in .gitignore; may be repeated
    #[arg(long, value_name = "GLOB", env = "ORDINANCE_INCLUDE", hide_env = true)]
    #[arg(value_parser = PathGlob::parse)]
    include: Vec<PathGlob>,
    /// In directories, leave out what matches a glob; may be repeated, and wins over --include
    #[arg(long, value_name = "GLOB", env = "ORDINANCE_EXCLUDE", hide_env = true)]
    #[arg(value_parser = PathGlob::parse)]
    exclude: Vec<PathGlob>,
    /// In directories, render charts with helm and kustomizations with kubectl, and read the result
    #[arg(long, env = "ORDINANCE_RENDER", hide_env = true, value_parser = BoolishValueParser::new())]
    render: bool,
    /// How long helm or kubectl may take for a directory, at most 1h [default: 60s]
    #[arg(long, value_name = "TIME", env = "ORDINANCE_RENDER_TIME", hide_env = true)]
    #[arg(value_parser = render_time)]
    render_time: Option<Duration>,
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

    /// Finds the manifests.
    pub(super) fn search(&self) -> FoundSources {
        let globs = PathGlobs { include: self.include.clone(), exclude: self.exclude.clone() };
        let stdin = [PathBuf::from("-")];
        search(if self.paths.is_empty() { &stdin } else { &self.paths }, &globs, self.rendering())
    }

    fn rendering(&self) -> Rendering {
        match self.render {
            true => Rendering::Render(self.render_time.unwrap_or(RENDER_TIME)),
            false => Rendering::List,
        }
    }

    /// Returns whether `--state` is given.
    pub(super) fn has_state(&self) -> bool {
        !self.policy.state.is_empty()
    }

    /// Returns whether the policy is the built-in one.
    pub(super) fn is_built_in(&self) -> bool {
        self.policy.component.policy.is_none()
    }

    /// Reads the existing objects and returns them, and the policy with them in its index.
    pub(super) fn load(&self) -> Result<(State, ServedPolicy)> {
        self.load_by(policies::with_existing)
    }

    /// Reads and returns the same as [`load`](Self::load) does; the policy's reviews count fuel.
    pub(super) fn load_metered(&self) -> Result<(State, ServedPolicy)> {
        self.load_by(policies::metered_with_existing)
    }

    fn load_by(
        &self,
        load: impl FnOnce(&PolicyArgs, &Limits, &[Manifest]) -> Result<ServedPolicy>,
    ) -> Result<(State, ServedPolicy)> {
        let state = State::read(&self.policy.state, &self.namespace);
        let policy = load(&self.policy, &Limits::default(), &state.objects)?;
        Ok((state, policy))
    }
}

/// Parses a value of `--render-time`.
fn render_time(text: &str) -> Result<Duration, String> {
    let time = DurationText::parse(text)?;
    match time.is_zero() || time > LONGEST_RENDER_TIME {
        true => Err(format!("`{text}` is not between 1ms and 1h")),
        false => Ok(time),
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_render_is_up_to_an_hour_and_the_help_names_its_default() {
        assert_eq!(render_time("1h"), Ok(LONGEST_RENDER_TIME));
        assert!(render_time("0ms").is_err() && render_time("61m").is_err());
        assert_eq!(render_time("60s"), Ok(RENDER_TIME));
        let help = ManifestArgs::augment_args(clap::Command::new("a")).render_long_help().to_string();
        assert!(help.contains("[default: 60s]"), "{help}");
    }
}
