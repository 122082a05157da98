//! `cargo xtask papers`: runs every command that README and docs show, so that none of them can be wrong.
//!
//! A fenced block of the language `sh` is one script, run by bash at the root of the checkout with `ordinance` on the
//! PATH; it must end by itself and succeed. Blocks that call this project's own long commands (`cargo xtask …`) are
//! left to the continuous integration, which calls those itself. The drawing that the README shows must be current, too.

use crate::build::{self, Profile};
use crate::drawing;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// A script of a page.
struct Block {
    page: PathBuf,
    line: usize,
    script: String,
}

/// Runs every command of the pages.
pub fn run() -> Result<ExitCode> {
    build::wasm_target()?;
    let ordinance = build::binary("ordinance", Profile::Dev)?;
    drawing::check(&ordinance)?;
    let path = search_path(&ordinance)?;
    let blocks = blocks()?;
    for block in &blocks {
        block.run(&path)?;
    }
    anstream::println!("{} passed, 0 failed", blocks.len());
    Ok(ExitCode::SUCCESS)
}

/// The PATH with the directory of `ordinance` in front.
fn search_path(ordinance: &Path) -> Result<OsString> {
    let first = ordinance.parent().map(Path::to_path_buf);
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(first.into_iter().chain(std::env::split_paths(&inherited)))?)
}

/// All scripts of README and docs.
fn blocks() -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for page in pages()? {
        let text =
            std::fs::read_to_string(&page).with_context(|| format!("can't read {}", page.display()))?;
        blocks.extend(scripts(&text).into_iter().map(|(line, script)| Block {
            page: page.clone(),
            line,
            script,
        }));
    }
    blocks.retain(|block| !block.script.contains("cargo xtask"));
    Ok(blocks)
}

fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = vec![crate::root().join("README.md"), crate::root().join("CONTRIBUTING.md")];
    for entry in std::fs::read_dir(crate::root().join("docs"))? {
        pages.push(entry?.path());
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    Ok(pages)
}

/// The fenced blocks of the language `sh`, each with the line where it begins.
fn scripts(text: &str) -> Vec<(usize, String)> {
    let mut scripts = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim() == "```sh" {
            let script = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            scripts.push((number + 1, script.collect::<Vec<_>>().join("\n")));
        }
    }
    scripts
}

impl Block {
    fn run(&self, path: &OsString) -> Result<()> {
        anstream::println!("{}:{}", self.page.display(), self.line);
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &self.script]);
        bash.env("PATH", path).current_dir(crate::root()).stdin(Stdio::null());
        let status = bash.status().context("can't start bash")?;
        if !status.success() {
            bail!("{}:{}: the commands failed: {status}", self.page.display(), self.line);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::scripts;

    #[test]
    fn finds_the_blocks_of_a_page() {
        let page = "a\n```sh\none\ntwo\n```\n```rust\nfn f() {}\n```\n```sh\nthree\n```\n";
        assert_eq!(scripts(page), [(2, "one\ntwo".to_owned()), (9, "three".to_owned())]);
    }
}
