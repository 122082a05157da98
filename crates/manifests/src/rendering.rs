//! Directories that a tool renders to manifests: Helm charts and kustomizations.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A directory that has to be rendered before its objects can be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenderedDirectory {
    /// The directory, as it was found.
    pub path: PathBuf,
    /// The tool that renders it.
    pub tool: RenderTool,
}

/// A tool that renders a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RenderTool {
    /// `helm template`.
    Helm {
        /// The name of the release.
        release: String,
    },
    /// `kubectl kustomize`.
    Kustomize,
}

// === impl RenderTool ===

impl RenderTool {
    /// Returns what the directory is, e.g. `a Helm chart`.
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Helm { .. } => "a Helm chart",
            Self::Kustomize => "a kustomization",
        }
    }

    /// Returns the name of the program.
    pub(crate) const fn program(&self) -> &'static str {
        match self {
            Self::Helm { .. } => "helm",
            Self::Kustomize => "kubectl",
        }
    }

    /// Returns how to install the program.
    pub(crate) const fn installation(&self) -> &'static str {
        match self {
            Self::Helm { .. } => "install Helm (https://helm.sh/docs/intro/install)",
            Self::Kustomize => "install kubectl (https://kubernetes.io/docs/tasks/tools)",
        }
    }
}

// === impl RenderedDirectory ===

impl RenderedDirectory {
    /// Returns the arguments of the program.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = match &self.tool {
            RenderTool::Helm { release } => vec!["template".into(), release.into()],
            RenderTool::Kustomize => vec!["kustomize".into()],
        };
        words.push(local(&self.path).into());
        words
    }

    /// Returns the command as a line for a shell. Bytes of the path that are not text are replaced.
    pub fn command_line(&self) -> String {
        let arguments = self.arguments();
        let arguments = arguments.iter().map(|word| word.to_string_lossy());
        let words: Vec<Cow<'_, str>> = [self.tool.program().into()].into_iter().chain(arguments).collect();
        // A path has no zero byte, the only one that can't be quoted.
        shlex::try_join(words.iter().map(|word| &**word)).unwrap_or_default()
    }
}

/// Returns a path that no tool takes for an option or for the address of a repository. Kustomize would clone
/// `github.com/a/b`, even if there is such a directory (`NewLoader` in `api/internal/loader/loader.go`).
fn local(path: &Path) -> PathBuf {
    if path.is_absolute() || path.starts_with(".") || path.starts_with("..") {
        return path.to_owned();
    }
    Path::new(".").join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kustomization(path: &str) -> RenderedDirectory {
        RenderedDirectory { path: path.into(), tool: RenderTool::Kustomize }
    }

    #[test]
    fn a_command_line_is_quoted_for_a_shell() {
        let release = "web".to_owned();
        let chart = RenderedDirectory { path: "./my chart".into(), tool: RenderTool::Helm { release } };
        assert_eq!(chart.command_line(), "helm template web './my chart'");
        assert_eq!(kustomization("/srv/live").command_line(), "kubectl kustomize /srv/live");
    }

    #[test]
    fn a_path_is_neither_an_option_nor_the_address_of_a_repository() {
        for (path, argument) in [
            ("-o", "./-o"),
            ("github.com/a/b", "./github.com/a/b"),
            (".", "."),
            ("./a", "./a"),
            ("../a", "../a"),
            ("..a", "./..a"),
        ] {
            assert_eq!(kustomization(path).arguments().last(), Some(&argument.into()));
        }
    }
}
