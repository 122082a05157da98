//! The corpus of whole manifests: all builds of the policy must review it like `ordinance check`.
//!
//! The tests of the command line write the expected answers: see `corpus/README.md`.

use libtest_mimic::{Arguments, Trial};
use ordinance_case::corpus::{CorpusManifest, corpus_manifests};
use ordinance_tests::{Named, builds};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let builds: Arc<Vec<Named>> = Arc::new(builds().expect("every build can be run"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/corpus");
    let trials = corpus_manifests(&folder).expect("the corpus can be read").into_iter();
    let trials = trials.map(|manifest| trial(manifest, Arc::clone(&builds))).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(manifest: CorpusManifest, builds: Arc<Vec<Named>>) -> Trial {
    let name = manifest.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Trial::test(name, move || {
        for (name, build) in builds.iter() {
            let result = manifest
                .check(&ordinance_policy::describe(), &|state, request| build.verdict("", state, request));
            result.map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    })
}
