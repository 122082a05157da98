//! Directories that a tool renders to manifests: Helm charts and kustomizations.

use crate::yaml::{Chunk, documents};
use std::borrow::Cow;
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

/// A part of what a tool prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedFile<'t> {
    /// The template, or the directory if the tool does not name one.
    pub path: PathBuf,
    /// The documents of the template.
    pub text: &'t str,
    /// Where they begin.
    offset: usize,
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
    /// Returns the name of the program that renders the directory.
    pub(crate) const fn program(&self) -> &'static str {
        match self.tool {
            RenderTool::Helm { .. } => "helm",
            RenderTool::Kustomize => "kubectl",
        }
    }

    /// Returns the arguments of the program.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = match &self.tool {
            RenderTool::Helm { release } => vec!["template".into(), release.into()],
            RenderTool::Kustomize => vec!["kustomize".into()],
        };
        words.push(self.path.clone().into());
        words
    }

    /// Returns the command as a line for a shell. Bytes of the path that are not text are replaced.
    pub fn command_line(&self) -> String {
        let arguments = self.arguments();
        let arguments = arguments.iter().map(|word| word.to_string_lossy());
        let words: Vec<Cow<'_, str>> = [self.program().into()].into_iter().chain(arguments).collect();
        // A path has no zero byte, the only one that can't be quoted.
        shlex::try_join(words.iter().map(|word| &**word)).unwrap_or_default()
    }

    /// Splits what the tool printed by the file that each document is made of, as Helm's comments name it. Without such a
    /// comment, a document belongs to the directory.
    pub fn files<'t>(&self, text: &'t str) -> Vec<RenderedFile<'t>> {
        let mut files: Vec<RenderedFile<'t>> = Vec::new();
        for Chunk { text: document, offset, .. } in documents(text) {
            let path = template(document).map_or_else(|| self.path.clone(), |path| self.path.join(path));
            let end = offset + document.len();
            match files.last_mut().filter(|last| last.path == path) {
                Some(last) => last.extend(text, document.len()),
                None => {
                    files.push(RenderedFile { path, text: text.get(offset..end).unwrap_or_default(), offset })
                }
            }
        }
        files
    }
}

/// Returns the template of a document within its chart; Helm puts the chart's name before it.
fn template(document: &str) -> Option<&str> {
    let line = document.lines().take(2).find_map(|line| line.strip_prefix("# Source: "))?;
    line.split_once('/').map(|(_, path)| path)
}

// === impl RenderedFile ===

impl<'t> RenderedFile<'t> {
    /// Adds the next document, which has this length.
    fn extend(&mut self, text: &'t str, length: usize) {
        let end = self.offset + self.text.len() + length;
        self.text = text.get(self.offset..end).unwrap_or_default();
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

    #[test]
    fn what_helm_prints_is_split_by_template() {
        let chart =
            RenderedDirectory { path: "c".into(), tool: RenderTool::Helm { release: "web".to_owned() } };
        let text = "---\n# Source: web/templates/a.yaml\na: 1\n---\n# Source: web/templates/a.yaml\na: 2\n\
            ---\n# Source: web/charts/db/templates/a.yaml\na: 3\n---\na: 4\n";
        let files = chart.files(text);
        let shown: Vec<_> = files.iter().map(|file| (file.path.to_str(), file.text.len())).collect();
        assert_eq!(
            shown,
            [(Some("c/templates/a.yaml"), 82), (Some("c/charts/db/templates/a.yaml"), 51), (Some("c"), 9)]
        );
        assert_eq!(files.iter().map(|file| file.text).collect::<String>(), text);
    }
}
