//! Every case and every recorded review: all builds of the policy must give the expected answers.
//!
//! `CASE=part-of-a-path` selects some of them. `cargo test -p ordinance-policy` writes the expected answers: see
//! `tests/data/cases/README.md`.

use libtest_mimic::{Arguments, Trial};
use ordinance_case::{Bless, Build, check_file, check_recorded, files, recording_directories};
use ordinance_tests::builds;
use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

type Builds = Arc<Vec<(&'static str, Box<dyn Build + Send + Sync>)>>;

fn main() -> ExitCode {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let cases = data.join("cases");
    let builds: Builds = Arc::new(builds().expect("every build can be run"));
    let chosen = env::var("CASE").unwrap_or_default();
    let files = files(&cases).expect("tests/data/cases can be read");
    let mut trials: Vec<Trial> = files
        .into_iter()
        .map(|file| (name(&cases, &file), file))
        .map(|(name, file)| trial(&builds, name, move |build| check_file(&file, build, Bless::No)))
        .collect();
    for reviews in recording_directories(&data.join("reviews")).expect("tests/data/reviews can be read") {
        let name = name(&data, &reviews);
        trials.push(trial(&builds, name, move |build| check_recorded(&reviews, build, Bless::No)));
    }
    trials.retain(|trial| trial.name().contains(&chosen));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn name(directory: &Path, file: &Path) -> String {
    file.strip_prefix(directory).unwrap_or(file).display().to_string()
}

/// Returns a trial that runs one check with all builds.
fn trial(
    builds: &Builds,
    name: String,
    check: impl Fn(&dyn Build) -> Result<(), String> + Send + 'static,
) -> Trial {
    let builds = Arc::clone(builds);
    Trial::test(name, move || {
        for (name, build) in builds.iter() {
            check(build.as_ref()).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    })
}
