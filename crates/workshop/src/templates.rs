//! The embedded files: templates, and the sources of the SDK.

use crate::language::{Language, PolicyKind};
use include_dir::{Dir, include_dir};
use std::path::{Path, PathBuf};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../policy/templates");
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../policy/sdk/src");
static CONTRACT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit/src");

/// The files of the SDK that are in no folder, with their paths in [`VENDORED`].
const SDK_FILES: [(&str, &str); 4] = [
    ("policy/sdk/Cargo.toml", include_str!("../../../policy/sdk/Cargo.toml")),
    ("wit/Cargo.toml", include_str!("../../../wit/Cargo.toml")),
    ("wit/policy.wit", include_str!("../../../wit/policy.wit")),
    ("LICENSE", include_str!("../../../LICENSE")),
];

/// The folder of a policy that has the sources of the SDK.
pub(crate) const VENDORED: &str = "vendor/ordinance";

/// A file to write: its path within the policy's folder, and its text.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) path: PathBuf,
    pub(crate) text: &'static str,
}

/// Returns the files of a template.
pub(crate) fn files(language: Language, kind: PolicyKind) -> Vec<NewFile> {
    let (folder, kind) = (language.folder(), kind.word());
    let mut files = within(&format!("{folder}/files"), "");
    files.extend(within(&format!("{folder}/cases/{kind}"), "cases"));
    files.extend(within(&format!("{folder}/tests/{kind}"), ""));
    files.extend(within(&format!("kinds/{kind}"), ""));
    let (path, extension) = language.source();
    let source = TEMPLATES.get_file(format!("{folder}/kinds/{kind}.{extension}"));
    let text = source.and_then(|file| file.contents_utf8()).unwrap_or_default();
    files.push(NewFile { path: path.into(), text });
    files
}

/// Returns the sources of the SDK, as a workspace.
pub(crate) fn sdk() -> Vec<NewFile> {
    let vendored = Path::new(VENDORED);
    let mut files = within("vendor", VENDORED);
    all(&SDK, Path::new(""), &vendored.join("policy/sdk/src"), &mut files);
    all(&CONTRACT, Path::new(""), &vendored.join("wit/src"), &mut files);
    files.extend(SDK_FILES.iter().map(|(path, text)| NewFile { path: vendored.join(path), text }));
    files
}

/// Returns the files of a folder of templates, in a folder of the policy.
fn within(folder: &str, target: &str) -> Vec<NewFile> {
    let mut files = Vec::new();
    if let Some(directory) = TEMPLATES.get_dir(folder) {
        all(directory, Path::new(folder), Path::new(target), &mut files);
    }
    files
}

fn all(directory: &Dir<'static>, root: &Path, target: &Path, files: &mut Vec<NewFile>) {
    for file in directory.files() {
        // Templates are text, which a test checks.
        let (Ok(path), Some(text)) = (file.path().strip_prefix(root), file.contents_utf8()) else { continue };
        files.push(NewFile { path: target.join(path), text });
    }
    for inner in directory.dirs() {
        all(inner, root, target, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_text() {
        let files = |directory: &Dir<'static>| {
            let mut files = Vec::new();
            all(directory, Path::new(""), Path::new(""), &mut files);
            files.len()
        };
        fn count(directory: &Dir<'_>) -> usize {
            directory.files().count() + directory.dirs().map(count).sum::<usize>()
        }
        for directory in [&TEMPLATES, &SDK, &CONTRACT] {
            assert_eq!(files(directory), count(directory));
        }
    }

    #[test]
    fn the_vendored_workspace_has_the_versions_of_this_one() {
        let root = include_str!("../../../Cargo.toml");
        let vendored = TEMPLATES.get_file("vendor/Cargo.toml").and_then(|file| file.contents_utf8());
        let lines = vendored.expect("a template").lines().filter(|line| !line.starts_with('#'));
        let others: Vec<&str> = lines.filter(|line| !root.lines().any(|own| own == *line)).collect();
        assert_eq!(others, Vec::<&str>::new(), "lines that Cargo.toml does not have");
    }
}
