//! Every case of `tests/cases`, answered by the policy as a plain library.
//!
//! `CASE=part-of-a-path` runs some of them; `BLESS=1` writes the answers into the files.

use libtest_mimic::{Arguments, Failed, Trial};
use ordinance_case::{Bless, Indexed, Policy, check_file, files};
use ordinance_contract::{Holding, Key, Outcome, Request, Scope};
use ordinance_policy::{Opened, Settings};
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let files = files(&directory).expect("tests/cases can be read");
    let chosen = env::var("CASE").unwrap_or_default();
    let trials = files
        .into_iter()
        .map(|file| (name(&directory, &file), file))
        .filter(|(name, _)| name.contains(&chosen))
        .map(|(name, file)| Trial::test(name, move || check(&file)))
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn name(directory: &Path, file: &Path) -> String {
    file.strip_prefix(directory).unwrap_or(file).display().to_string()
}

fn check(file: &PathBuf) -> Result<(), Failed> {
    let blessing =
        if env::var_os("BLESS").is_some_and(|value| value == "1") { Bless::Yes } else { Bless::No };
    check_file(file, &Indexed(Native), blessing).map_err(Failed::from)
}

/// The policy as a plain library.
struct Native;

// === impl Native ===

impl Policy for Native {
    fn keys(&self, scope: &Scope<'_>, object: &str, settings: &str) -> Result<Vec<Key>, String> {
        ordinance_policy::keys(scope, object, &parsed(settings)?)
    }

    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String> {
        let settings = parsed(settings)?;
        Ok(match (ordinance_policy::open(request, &settings), holdings) {
            (Opened::Decided(verdict), _) => Outcome::Decided(verdict),
            (Opened::Asks(keys, _), None) => Outcome::Needs(keys),
            (Opened::Asks(_, inquiry), Some(holdings)) => Outcome::Decided(inquiry.verdict(holdings)),
        })
    }
}

fn parsed(settings: &str) -> Result<Settings, String> {
    Settings::parse(settings).map_err(|error| format!("settings: {error}"))
}
