//! `cargo xtask papers`: runs every command that README and docs show, so that none of them can be wrong.
//!
//! A fenced block of the language `sh` is one script. bash runs it in a new folder, with `ordinance` on the PATH and with
//! copies of the files and folders that the block names, so that a reader needs nothing else. A block must end by itself
//! within [`LIMIT`], with exit code 0 or with the one that its info string declares: ` ```sh exit=1 `. Blocks that call
//! `cargo xtask` are left out: `.ci/run` calls those commands itself. The drawing that the README shows must be current,
//! too.

use crate::build::{self, Profile};
use crate::checkout;
use crate::drawing;
use crate::wait::until;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

/// The time that a block may take.
const LIMIT: Duration = Duration::from_secs(300);

/// Folders that are never copied: build output and installed packages.
const GENERATED: [&str; 2] = ["target", "node_modules"];

/// A script on a page.
struct PageScript {
    page: PathBuf,
    script: Script,
}

/// A fenced block of the language `sh`.
#[derive(Debug, PartialEq, Eq)]
struct Script {
    /// The line of the opening fence, counted from 1.
    line: usize,
    /// The exit code that the block must have.
    exit_code: i32,
    text: String,
}

/// Runs every command of the pages.
pub fn run() -> Result<ExitCode> {
    build::wasm_target()?;
    let ordinance = build::binary("ordinance", Profile::Dev)?;
    drawing::check(&ordinance)?;
    let path = search_path(&ordinance)?;
    let blocks = blocks()?;
    for block in &blocks {
        let place = format!("{}:{}", block.page.display(), block.script.line);
        anstream::println!("{place}");
        block.script.run(&path).context(place)?;
    }
    anstream::println!("{} passed, 0 failed", blocks.len());
    Ok(ExitCode::SUCCESS)
}

/// Returns the PATH with the directory of `ordinance` in front.
fn search_path(ordinance: &Path) -> Result<OsString> {
    let first = ordinance.parent().map(Path::to_path_buf);
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(first.into_iter().chain(std::env::split_paths(&inherited)))?)
}

/// Returns the scripts of all pages, without those that call `cargo xtask`.
fn blocks() -> Result<Vec<PageScript>> {
    let mut blocks = Vec::new();
    for page in pages()? {
        let text = fs::read_to_string(&page).with_context(|| format!("can't read {}", page.display()))?;
        let scripts = scripts(&text).with_context(|| page.display().to_string())?;
        blocks.extend(scripts.into_iter().map(|script| PageScript { page: page.clone(), script }));
    }
    blocks.retain(|block| !block.script.text.contains("cargo xtask"));
    Ok(blocks)
}

fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = vec![checkout::root().join("README.md"), checkout::root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/authors"] {
        for entry in fs::read_dir(checkout::root().join(folder))? {
            pages.push(entry?.path());
        }
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    Ok(pages)
}

/// Returns the fenced blocks of the language `sh`.
fn scripts(text: &str) -> Result<Vec<Script>> {
    let mut scripts = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.trim().strip_prefix("```") else { continue };
        let block = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        let text = block.collect::<Vec<_>>().join("\n");
        if let Some(exit_code) = exit_code(info).with_context(|| format!("line {}", number + 1))? {
            scripts.push(Script { line: number + 1, exit_code, text });
        }
    }
    Ok(scripts)
}

/// Returns the exit code that the info string of an `sh` block declares, or `None` for another language.
fn exit_code(info: &str) -> Result<Option<i32>> {
    let mut words = info.split_whitespace();
    if words.next() != Some("sh") {
        return Ok(None);
    }
    match (words.next(), words.next()) {
        (None, _) => Ok(Some(0)),
        (Some(word), None) if word.starts_with("exit=") => Ok(Some(word["exit=".len()..].parse()?)),
        _ => bail!("a block of sh takes `exit=CODE` and nothing else: {info}"),
    }
}

// === impl Script ===

impl Script {
    fn run(&self, path: &OsStr) -> Result<()> {
        let folder = tempfile::tempdir()?;
        for named in named_paths(&self.text, &checkout::root()) {
            let target = folder.path().join(&named);
            fs::create_dir_all(target.parent().unwrap_or(folder.path()))?;
            copy(&checkout::root().join(&named), &target).with_context(|| format!("{}", named.display()))?;
        }
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &self.text]).env("PATH", path).current_dir(folder.path());
        bash.process_group(0).stdin(Stdio::null());
        let status = wait(&mut bash.spawn().context("can't start bash")?, LIMIT)?;
        if status.code() != Some(self.exit_code) {
            bail!("expected exit code {}: the commands ended with {status}", self.exit_code);
        }
        Ok(())
    }
}

/// Waits for the leader of a process group, and kills the whole group if the leader takes too long.
fn wait(leader: &mut Child, limit: Duration) -> Result<ExitStatus> {
    if let Some(status) = until(limit, || Ok(leader.try_wait()?))? {
        return Ok(status);
    }
    kill_process_group(Pid::from_child(leader), Signal::KILL)?;
    leader.wait()?;
    bail!("the commands did not end within {} s", limit.as_secs())
}

/// Returns the paths that a script names and that exist below a folder.
fn named_paths(script: &str, root: &Path) -> BTreeSet<PathBuf> {
    let words = script.split(|c: char| c.is_whitespace() || "\"'`=@;|&()<>$".contains(c));
    let paths = words.filter(|word| !word.is_empty()).map(Path::new);
    paths.filter(|path| is_source(path) && root.join(path).exists()).map(Path::to_path_buf).collect()
}

/// Returns whether a path leads down into the checkout, and to no generated file.
fn is_source(path: &Path) -> bool {
    path.components().all(|part| match part {
        Component::Normal(name) => !GENERATED.iter().any(|generated| name == *generated),
        _ => false,
    })
}

/// Copies a file, or a folder with its content.
fn copy(source: &Path, target: &Path) -> Result<()> {
    if !source.is_dir() {
        fs::copy(source, target)?;
        return Ok(());
    }
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(source)? {
        let name = entry?.file_name();
        if is_source(Path::new(&name)) {
            copy(&source.join(&name), &target.join(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(line: usize, exit_code: i32, text: &str) -> Script {
        Script { line, exit_code, text: text.to_owned() }
    }

    #[test]
    fn finds_the_scripts_of_a_page() -> Result<()> {
        let page = "a\n```sh\none\ntwo\n```\n```rust\n```\n```sh exit=1\nthree\n```\n";
        assert_eq!(scripts(page)?, [script(2, 0, "one\ntwo"), script(8, 1, "three")]);
        Ok(())
    }

    #[test]
    fn refuses_an_unknown_word_in_an_info_string() {
        assert!(scripts("```sh exit=one\n```\n").is_err());
        assert!(scripts("```sh exits=1\n```\n").is_err());
    }

    #[test]
    fn finds_the_paths_that_a_script_names() {
        let text = "cat README.md | tool --data=@docs/limits.md \"LICENSE\" ../wt target README.missing /etc";
        let found = named_paths(text, &checkout::root());
        assert_eq!(found, ["LICENSE", "README.md", "docs/limits.md"].map(PathBuf::from).into());
    }

    #[test]
    fn runs_a_script_beside_the_files_that_it_names_and_no_others() -> Result<()> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        script(1, 0, "[ \"$(find . -type f)\" = ./docs/limits.md ]; cp docs/limits.md copy").run(&path)?;
        script(1, 3, "exit 3").run(&path)?;
        assert!(script(1, 1, "true").run(&path).is_err());
        Ok(())
    }

    #[test]
    fn kills_a_script_that_does_not_end() -> Result<()> {
        let mut bash = Command::new("bash");
        let mut bash = bash.args(["-c", "sleep 1000 & wait"]).process_group(0).spawn()?;
        let error = wait(&mut bash, Duration::from_millis(50)).expect_err("the script never ends");
        assert_eq!(error.to_string(), "the commands did not end within 0 s");
        Ok(())
    }
}
