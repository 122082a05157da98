//! Directories that a tool renders to manifests: Helm charts and kustomizations.

use std::ffi::OsString;
use std::path::PathBuf;

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
    /// Returns what the directory is.
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Helm { .. } => "a Helm chart",
            Self::Kustomize => "a kustomization",
        }
    }
}

// === impl RenderedDirectory ===

impl RenderedDirectory {
    /// Returns the program that renders the directory, and its arguments.
    pub fn command(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = match &self.tool {
            RenderTool::Helm { release } => vec!["helm".into(), "template".into(), release.into()],
            RenderTool::Kustomize => vec!["kubectl".into(), "kustomize".into()],
        };
        words.push(self.path.clone().into());
        words
    }

    /// Returns the command as a line for a shell. Bytes of the path that are not text are replaced.
    pub fn command_line(&self) -> String {
        let words = self.command();
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        // A path has no zero byte, the only one that can't be quoted.
        shlex::try_join(words.iter().map(|word| &**word)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_quoted_for_a_shell() {
        let release = "web".to_owned();
        let chart = RenderedDirectory { path: "./my chart".into(), tool: RenderTool::Helm { release } };
        assert_eq!(chart.command_line(), "helm template web './my chart'");
        let kustomization = RenderedDirectory { path: "overlays/live".into(), tool: RenderTool::Kustomize };
        assert_eq!(kustomization.command_line(), "kubectl kustomize overlays/live");
    }
}
