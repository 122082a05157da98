//! Every relative link on a page of the documentation leads to a file, and to a heading if it names one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A link of a page: the page, the path that the link names (empty for the page itself), and the heading's anchor.
type Link = (PathBuf, String, Option<String>);

#[test]
fn relative_links_lead_to_files_and_headings() {
    let links: Vec<Link> = pages().iter().flat_map(|page| links(page)).collect();
    assert!(links.len() > 30, "only {} links were found", links.len());
    let broken: Vec<&Link> = links.iter().filter(|link| !leads_somewhere(link)).collect();
    assert_eq!(broken, [] as [&Link; 0]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages at the root and in `docs/`.
fn pages() -> Vec<PathBuf> {
    let files = |folder: &str| fs::read_dir(root().join(folder)).expect("the folder can be read");
    let files = files(".").chain(files("docs")).map(|entry| entry.expect("an entry").path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The lines of a page outside of fenced blocks.
fn prose(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("the page can be read");
    let mut is_code = false;
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    };
    text.lines().filter(is_prose).map(str::to_owned).collect()
}

/// The relative links of a page.
fn links(page: &Path) -> Vec<Link> {
    let text = prose(page).join("\n");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let relative = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    relative
        .map(|target| match target.split_once('#') {
            Some((path, anchor)) => (page.to_path_buf(), path.to_owned(), Some(anchor.to_owned())),
            None => (page.to_path_buf(), target.to_owned(), None),
        })
        .collect()
}

fn leads_somewhere((page, path, anchor): &Link) -> bool {
    let folder = page.parent().expect("a page is in a folder");
    let target = if path.is_empty() { page.clone() } else { folder.join(path) };
    match anchor {
        Some(anchor) => target.is_file() && anchors(&target).contains(anchor),
        None => target.exists(),
    }
}

/// The anchors that GitHub gives the headings of a page.
fn anchors(page: &Path) -> BTreeSet<String> {
    let lines = prose(page);
    let headings = lines.iter().filter(|line| line.starts_with('#'));
    headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn an_anchor_is_made_as_github_makes_it() {
    assert_eq!(anchor("How a request flows: `server`, step 1"), "how-a-request-flows-server-step-1");
}
