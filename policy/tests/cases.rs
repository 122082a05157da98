//! Every case of `tests/data/cases`, and every recorded review, answered by the policy as a plain library. The cases run as
//! `ordinance test` runs them, with all its checks and with every order of a race.
//!
//! `CASE=part-of-a-path` runs some of them; `BLESS=1` writes the answers into the files.

#![expect(clippy::disallowed_methods, reason = "the policy reads no environment, its test does")]

use libtest_mimic::{Arguments, Trial};
use ordinance_case::{Bless, Indexed, check_recorded, files, recording_directories};
use ordinance_suite::{CaseResult, LibraryPolicy, RunOptions, SuiteTextStyle, case_text, run_file};
use ordinance_testkit::Native;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");

fn main() -> ExitCode {
    let cases: PathBuf = Path::new(TESTS).join("cases");
    let chosen = env::var("CASE").unwrap_or_default();
    let files = files(&cases).expect("tests/data/cases can be read");
    let mut trials: Vec<Trial> = files
        .into_iter()
        .map(|file| (name(&cases, &file), file))
        .map(|(name, file)| trial(name.clone(), move || run_case(&file, &name)))
        .collect();
    for reviews in
        recording_directories(&Path::new(TESTS).join("reviews")).expect("tests/data/reviews can be read")
    {
        let name = name(Path::new(TESTS), &reviews);
        trials.push(trial(name, move || check_recorded(&reviews, &Indexed(Native), blessing())));
    }
    let table = cases.clone();
    trials.push(trial("README.md".to_owned(), move || check_table(&table, blessing())));
    trials.retain(|trial| trial.name().contains(&chosen));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run_case(file: &Path, name: &str) -> Result<(), String> {
    let policy = LibraryPolicy::new(ordinance_policy::describe(), Native);
    // A library counts no fuel.
    let options = RunOptions { bless: blessing() == Bless::Yes, fuel: u64::MAX, recorded: None };
    let report = run_file(&policy, file, name, options);
    match &report.result {
        CaseResult::Passed | CaseResult::Blessed => Ok(()),
        CaseResult::Skipped(_) | CaseResult::Failed(_) => {
            Err(case_text(&report, SuiteTextStyle { color: false, command: None }))
        }
    }
}

/// Compares the number of cases in each row of the table of folders with the folder, or corrects the rows.
fn check_table(cases: &Path, blessing: Bless) -> Result<(), String> {
    let readme = cases.join("README.md");
    let text = fs::read_to_string(&readme).map_err(|error| error.to_string())?;
    let folder = |line: &str| {
        let (name, _) = line.strip_prefix("| [`")?.split_once('`')?;
        Some((name.to_owned(), cases.join(name)))
    };
    let counted = |line: &str| match folder(line) {
        None => Ok(line.to_owned()),
        Some((name, path)) => {
            let count = files(&path).map_err(|error| format!("{}: {error}", path.display()))?.len();
            let title = line.rsplit(" | ").next().unwrap_or_default();
            Ok(format!("| [`{name}`]({name}) | {count} | {title}"))
        }
    };
    let lines = text.lines().map(counted).collect::<Result<Vec<String>, String>>()?;
    let rows: Vec<PathBuf> = text.lines().filter_map(folder).map(|(_, path)| path).collect();
    for entry in fs::read_dir(cases).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() && !rows.contains(&path) {
            return Err(format!("the table has no row for {}", path.display()));
        }
    }
    let counted = lines.join("\n") + "\n";
    match blessing {
        _ if counted == text => Ok(()),
        Bless::Yes => fs::write(&readme, counted).map_err(|error| error.to_string()),
        Bless::No => {
            Err("the table has other numbers of cases than the folders: BLESS=1 corrects it".to_owned())
        }
    }
}

fn name(directory: &Path, file: &Path) -> String {
    file.strip_prefix(directory).unwrap_or(file).display().to_string()
}

fn trial(name: String, check: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || check().map_err(Into::into))
}

fn blessing() -> Bless {
    if env::var_os("BLESS").is_some_and(|value| value == "1") { Bless::Yes } else { Bless::No }
}
