//! Every case of `tests/data/cases`, and every recorded review, answered by the policy as a plain library.
//!
//! `CASE=part-of-a-path` runs some of them; `BLESS=1` writes the answers into the files.

#![expect(clippy::disallowed_methods, reason = "the policy reads no environment, its test does")]

use libtest_mimic::{Arguments, Trial};
use ordinance_case::{Bless, Indexed, check_file, check_recorded, files, recording_directories};
use ordinance_testkit::Native;
use std::env;
use std::path::Path;
use std::process::ExitCode;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");

fn main() -> ExitCode {
    let cases = Path::new(TESTS).join("cases");
    let chosen = env::var("CASE").unwrap_or_default();
    let files = files(&cases).expect("tests/data/cases can be read");
    let mut trials: Vec<Trial> = files
        .into_iter()
        .map(|file| (name(&cases, &file), file))
        .map(|(name, file)| trial(name, move || check_file(&file, &Indexed(Native), blessing())))
        .collect();
    for reviews in
        recording_directories(&Path::new(TESTS).join("reviews")).expect("tests/data/reviews can be read")
    {
        let name = name(Path::new(TESTS), &reviews);
        trials.push(trial(name, move || check_recorded(&reviews, &Indexed(Native), blessing())));
    }
    trials.retain(|trial| trial.name().contains(&chosen));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
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
