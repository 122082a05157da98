//! The manifests of a repository: what is read of its directories, what has to be rendered, and what is neither.

use crate::chart::{self, Chart};
use crate::globs::{DirectoryGlobs, PathGlobs};
use crate::kustomization::{Kustomization, is_kustomization_file, normalized};
use crate::rendering::{RenderTool, RenderedDirectory};
use crate::sources::{FoundSource, ManifestSource, SourceError, SourceOrigin, directory};
use crate::walk::{LinkRoots, WalkScope, WalkedEntry, walk};
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
    /// Links out of the directories, which are not followed.
    pub outward: Vec<PathBuf>,
}

/// Whether charts and kustomizations are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rendering {
    /// They are only listed. What a kustomization lists is read as it is.
    List,
    /// They are sources, instead of the files that they list. The tool of each may take this time.
    Render(Duration),
}

/// What a path names: the entries of a directory, or none.
struct WalkedPath {
    entries: Vec<WalkedEntry>,
    globs: DirectoryGlobs,
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
/// it, sorted by name, without hidden ones, those that `.gitignore` names, and those that the globs leave out. A chart or a
/// kustomization is left out if the globs leave out the file that describes it.
///
/// A file that is named itself is always read. One that does not exist is an error only when it is read. Links within the
/// directories are followed, but each directory is walked once.
pub fn search(named: &[PathBuf], globs: &PathGlobs, rendering: Rendering) -> FoundSources {
    let roots = LinkRoots::of(named);
    let walked: Vec<WalkedPath> = named.iter().map(|path| WalkedPath::of(path, globs, &roots)).collect();
    let mut kustomizations = Kustomizations::of(&walked);
    if let Rendering::Render(_) = rendering {
        kustomizations.rendered = kustomizations.objects_of_outermost();
    }
    let mut found = FoundSources::default();
    for (path, WalkedPath { entries, globs }) in named.iter().zip(walked) {
        if directory(path).is_none() {
            found.sources.push(Ok(FoundSource::named(path)));
        }
        for entry in entries {
            found.add(path, entry, &kustomizations, &globs, rendering);
        }
    }
    found
}

// === impl FoundSources ===

impl FoundSources {
    fn add(
        &mut self,
        named: &Path,
        entry: WalkedEntry,
        kustomizations: &Kustomizations,
        globs: &DirectoryGlobs,
        rendering: Rendering,
    ) {
        match entry {
            WalkedEntry::File(path) if is_other_file(&path, kustomizations) => self.passed_over.push(path),
            WalkedEntry::File(path) if kustomizations.rendered.contains(&normalized(&path)) => {}
            WalkedEntry::File(path) => {
                self.sources.push(Ok(FoundSource::in_directory(named, path)));
            }
            WalkedEntry::Directory(path) => {
                let described = rendered_by(&path, kustomizations);
                if let Some((_, tool)) = described.filter(|(file, _)| globs.allows_file(file)) {
                    self.add_directory(RenderedDirectory { path, tool }, rendering);
                }
            }
            WalkedEntry::RepeatedDirectory(link) => self.repeated.push(link),
            WalkedEntry::OutwardLink(link) => self.outward.push(link),
            WalkedEntry::Error(error) => self.sources.push(Err(error)),
        }
    }

    fn add_directory(&mut self, directory: RenderedDirectory, rendering: Rendering) {
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

/// Returns the tool that renders a directory by itself, and the file that describes the directory.
fn rendered_by(directory: &Path, kustomizations: &Kustomizations) -> Option<(PathBuf, RenderTool)> {
    if let Some(file) = chart::description_in(directory) {
        let chart = Chart::read(&file);
        return (!chart.is_library())
            .then(|| (file, RenderTool::Helm { release: chart.release().to_owned() }));
    }
    kustomizations.outermost(directory).map(|found| (found.file.clone(), RenderTool::Kustomize))
}

// === impl WalkedPath ===

impl WalkedPath {
    fn of(path: &Path, globs: &PathGlobs, roots: &LinkRoots) -> Self {
        let globs = DirectoryGlobs::new(globs, path);
        let walked = |directory| walk(directory, WalkScope::Repository(Box::new(globs.clone())), roots);
        Self { entries: directory(path).map(walked).unwrap_or_default(), globs }
    }

    /// Returns the kustomizations whose files the globs choose.
    fn kustomizations(&self) -> impl Iterator<Item = Kustomization> {
        let directories = self.entries.iter().filter_map(|entry| match entry {
            WalkedEntry::Directory(path) => Some(path),
            _ => None,
        });
        let found = directories.filter_map(|path| Kustomization::read(path));
        found.filter(|found| self.globs.allows_file(&found.file))
    }
}

// === impl Kustomizations ===

impl Kustomizations {
    fn of(walked: &[WalkedPath]) -> Self {
        let found = walked.iter().flat_map(WalkedPath::kustomizations);
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
        let outermost = self.all.values().filter_map(|found| self.outermost(&found.directory));
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

    /// Returns the kustomization of a directory, unless another one lists it or it is a component.
    fn outermost(&self, directory: &Path) -> Option<&Kustomization> {
        let directory = normalized(directory);
        let found = self.all.get(&directory)?;
        (!found.is_component && !self.listed.contains(&directory)).then_some(found)
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
