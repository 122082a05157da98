//! The manifests of a repository: what is read of its directories, what has to be rendered, and what is neither.

use crate::chart::{self, Chart};
use crate::globs::{DirectoryGlobs, PathGlobs};
use crate::kustomization::{Kustomization, is_kustomization_file, normalized};
use crate::rendering::{RenderTool, RenderedDirectory};
use crate::sources::{FoundSource, ManifestSource, SourceError, SourceOrigin, directory};
use crate::walk::{WalkScope, WalkedEntry, walk};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What paths name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FoundSources {
    /// The sources to read, in order.
    pub sources: Vec<Result<FoundSource, SourceError>>,
    /// The charts and kustomizations that are not rendered, except those that others render with them.
    pub unrendered: Vec<RenderedDirectory>,
    /// Files that are no objects, whatever they contain: descriptions of charts, kustomizations, and what these list
    /// as patches, configurations and data.
    pub passed_over: Vec<PathBuf>,
    /// Links to directories that are read already.
    pub repeated: Vec<PathBuf>,
}

/// Whether charts and kustomizations are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rendering {
    /// They are only listed. What a kustomization lists is read as it is.
    List,
    /// They are sources, instead of the files that they list. The tool of each may take this time.
    Render(Duration),
}

/// The kustomizations of all directories.
struct Kustomizations {
    /// By their normalised directories.
    all: BTreeMap<PathBuf, Kustomization>,
    /// Directories that others list.
    listed: BTreeSet<PathBuf>,
    /// Files that are no objects.
    others: BTreeSet<PathBuf>,
    /// The files that are rendered.
    rendered: BTreeSet<PathBuf>,
}

/// Returns what paths name, in their order. `-` is stdin; a directory is its manifests and those in the directories below
/// it, sorted by name, without hidden ones, those that `.gitignore` names, and those that the globs leave out.
///
/// A file that is named itself is always read. One that does not exist is an error only when it is read. Links are
/// followed, but each directory is walked once.
pub fn search(named: &[PathBuf], globs: &PathGlobs, rendering: Rendering) -> FoundSources {
    let walked: Vec<Vec<WalkedEntry>> = named.iter().map(|path| of_path(path, globs)).collect();
    let mut kustomizations = Kustomizations::of(walked.iter().flatten());
    if let Rendering::Render(_) = rendering {
        kustomizations.rendered = kustomizations.objects_of_outermost();
    }
    let mut found = FoundSources::default();
    for (path, entries) in named.iter().zip(walked) {
        if directory(path).is_none() {
            found.sources.push(Ok(FoundSource::named(path)));
        }
        entries.into_iter().for_each(|entry| found.add(entry, &kustomizations, rendering));
    }
    found
}

fn of_path(path: &Path, globs: &PathGlobs) -> Vec<WalkedEntry> {
    let Some(directory) = directory(path) else { return Vec::new() };
    walk(directory, WalkScope::Repository(Box::new(DirectoryGlobs::new(globs, directory))))
}

// === impl FoundSources ===

impl FoundSources {
    fn add(&mut self, entry: WalkedEntry, kustomizations: &Kustomizations, rendering: Rendering) {
        match entry {
            WalkedEntry::File(path) if is_other_file(&path, kustomizations) => self.passed_over.push(path),
            WalkedEntry::File(path) if kustomizations.rendered.contains(&normalized(&path)) => {}
            WalkedEntry::File(path) => {
                self.sources.push(Ok(FoundSource::in_directory(ManifestSource::File(path))));
            }
            WalkedEntry::Directory(path) => self.add_directory(path, kustomizations, rendering),
            WalkedEntry::RepeatedDirectory(link) => self.repeated.push(link),
            WalkedEntry::Error(error) => self.sources.push(Err(error)),
        }
    }

    fn add_directory(&mut self, path: PathBuf, kustomizations: &Kustomizations, rendering: Rendering) {
        let Some(tool) = rendered_by(&path, kustomizations) else { return };
        let directory = RenderedDirectory { path, tool };
        match rendering {
            Rendering::List => self.unrendered.push(directory),
            Rendering::Render(time) => {
                let source = ManifestSource::Rendered { directory, time };
                self.sources.push(Ok(FoundSource { source, origin: SourceOrigin::Named }));
            }
        }
    }
}

fn is_other_file(file: &Path, kustomizations: &Kustomizations) -> bool {
    let is_in_kustomization =
        || file.parent().is_some_and(|parent| kustomizations.all.contains_key(&normalized(parent)));
    chart::is_description(file)
        || is_kustomization_file(file) && is_in_kustomization()
        || kustomizations.others.contains(&normalized(file))
}

/// Returns the tool that renders a directory by itself, if one does.
fn rendered_by(directory: &Path, kustomizations: &Kustomizations) -> Option<RenderTool> {
    if chart::is_chart(directory) {
        let chart = Chart::read(directory);
        return (!chart.is_library()).then(|| RenderTool::Helm { release: chart.release().to_owned() });
    }
    kustomizations.is_outermost(directory).then_some(RenderTool::Kustomize)
}

// === impl Kustomizations ===

impl Kustomizations {
    fn of<'e>(entries: impl Iterator<Item = &'e WalkedEntry>) -> Self {
        let directories = entries.filter_map(|entry| match entry {
            WalkedEntry::Directory(path) => Some(path),
            _ => None,
        });
        let found = directories.filter_map(|path| Kustomization::read(path));
        let all: BTreeMap<PathBuf, Kustomization> =
            found.map(|found| (normalized(&found.directory), found)).collect();
        let objects: BTreeSet<PathBuf> = all.values().flat_map(|found| found.objects.clone()).collect();
        let others = all.values().flat_map(|found| found.others.clone());
        let others = others.filter(|file| !objects.contains(file)).collect();
        Self { all, listed: objects, others, rendered: BTreeSet::new() }
    }

    /// Returns the objects of the outermost kustomizations, and of those that they list.
    fn objects_of_outermost(&self) -> BTreeSet<PathBuf> {
        let mut objects = BTreeSet::new();
        let outermost = self.all.values().filter(|found| self.is_outermost(&found.directory));
        let mut open: Vec<&Kustomization> = outermost.collect();
        while let Some(next) = open.pop() {
            for path in &next.objects {
                // A circle of kustomizations ends here.
                if objects.insert(path.clone()) {
                    open.extend(self.all.get(path));
                }
            }
        }
        objects
    }

    /// Returns whether a directory is a kustomization that no other one lists, and no component.
    fn is_outermost(&self, directory: &Path) -> bool {
        let directory = normalized(directory);
        let found = self.all.get(&directory);
        found.is_some_and(|found| !found.is_component) && !self.listed.contains(&directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const RENDER: Rendering = Rendering::Render(Duration::from_secs(60));

    /// Returns the sources, the directories that are not rendered, and the files that are passed over.
    fn found(files: &[(&str, &str)], rendering: Rendering) -> (Vec<String>, Vec<String>, Vec<String>) {
        let directory = tempfile::tempdir().expect("a directory");
        for (file, text) in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, text).expect("written");
        }
        let found = search(&[directory.path().to_owned()], &PathGlobs::default(), rendering);
        let relative =
            |path: &Path| path.strip_prefix(directory.path()).expect("below").display().to_string();
        let sources = found.sources.iter().map(|source| match source {
            Ok(FoundSource { source: ManifestSource::File(path), .. }) => relative(path),
            Ok(FoundSource { source: ManifestSource::Rendered { directory, .. }, .. }) => {
                format!("rendered {}", relative(&directory.path))
            }
            other => format!("{other:?}"),
        });
        let unrendered = found.unrendered.iter().map(|found| relative(&found.path));
        let passed_over = found.passed_over.iter().map(|path| relative(path));
        (sources.collect(), unrendered.collect(), passed_over.collect())
    }

    #[test]
    fn a_chart_is_found_once_with_its_templates_and_dependencies() {
        let files = [
            ("Chart.yaml", "name: outer\n"),
            ("values.yaml", ""),
            ("templates/set.yaml", ""),
            ("charts/inner/Chart.yaml", "name: inner\n"),
            ("charts/inner/templates/set.yaml", ""),
            ("examples/pv.yaml", ""),
            ("library/Chart.yaml", "name: library\ntype: library\n"),
            ("templates-of-mine/templates/pv.yaml", ""),
        ];
        let (sources, unrendered, passed_over) = found(&files, Rendering::List);
        assert_eq!(sources, ["examples/pv.yaml", "templates-of-mine/templates/pv.yaml", "values.yaml"]);
        assert_eq!(unrendered, [""]);
        assert_eq!(passed_over, ["Chart.yaml", "library/Chart.yaml"]);
        let (sources, unrendered, _) = found(&files, RENDER);
        assert_eq!((&*sources[0], unrendered.len()), ("rendered ", 0));
    }

    #[test]
    fn the_outermost_kustomizations_are_found_and_their_patches_are_no_objects() {
        let files = [
            ("base/kustomization.yaml", "resources: [pv.yaml]\n"),
            ("base/pv.yaml", ""),
            ("component/kustomization.yaml", "kind: Component\npatches: [{path: c.yaml}]\n"),
            ("component/c.yaml", ""),
            (
                "live/kustomization.yaml",
                "resources: [../base, own.yaml]\npatches: [{path: ../patches/p.yaml}, {path: own.yaml}]\n",
            ),
            ("live/own.yaml", ""),
            ("patches/p.yaml", ""),
            ("circle/a/kustomization.yaml", "resources: [../b]\n"),
            ("circle/b/kustomization.yaml", "resources: [../a]\n"),
        ];
        let (sources, unrendered, passed_over) = found(&files, Rendering::List);
        assert_eq!(sources, ["base/pv.yaml", "live/own.yaml"]);
        assert_eq!(unrendered, ["live"]);
        assert_eq!(
            passed_over,
            [
                "base/kustomization.yaml",
                "circle/a/kustomization.yaml",
                "circle/b/kustomization.yaml",
                "component/c.yaml",
                "component/kustomization.yaml",
                "live/kustomization.yaml",
                "patches/p.yaml"
            ]
        );
        assert_eq!(found(&files, RENDER).0, ["rendered live"]);
    }
}
