//! Requests to try things on: those of the cases and the recorded ones.

use ordinance_case::{Case, files, recorded, recordings};
use ordinance_contract::Request;
use ordinance_manifests::Manifest;
use std::fs;
use std::path::Path;

/// A request in its surroundings.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The case's path, or the review's name.
    pub name: String,
    /// The policy's settings as JSON; empty for the defaults.
    pub settings: String,
    /// What exists already.
    pub state: Vec<Manifest>,
    /// The request.
    pub request: Request<'static>,
}

/// Texts to begin with, for whatever takes bytes: each object with its old one, settings, whole cases
/// and whole reviews.
///
/// # Errors
///
/// As [`samples`].
pub fn seeds() -> Result<Vec<Vec<u8>>, String> {
    let cases = files(&Path::new(TESTS).join("cases")).map_err(|error| error.to_string())?;
    let reviews = files(&Path::new(TESTS).join("reviews")).map_err(|error| error.to_string())?;
    let mut seeds: Vec<Vec<u8>> = cases.iter().chain(&reviews).flat_map(fs::read).collect();
    for sample in samples()? {
        let objects = [sample.request.object, sample.request.old_object];
        seeds.push(objects.into_iter().flatten().collect::<Vec<_>>().join("\u{1e}").into_bytes());
        seeds.push(sample.settings.into_bytes());
    }
    seeds.sort();
    seeds.dedup();
    Ok(seeds)
}

/// The directory of the tests.
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data");

/// The requests of all cases and all recorded reviews.
///
/// # Errors
///
/// A file that can't be read, or is no case or review.
pub fn samples() -> Result<Vec<Sample>, String> {
    let directory = Path::new(TESTS).join("cases");
    let files = files(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut samples = files.iter().map(|file| sample(file)).collect::<Result<Vec<_>, _>>()?;
    for reviews in recordings(&Path::new(TESTS).join("reviews"))? {
        samples.extend(recorded(&reviews)?.into_iter().map(|review| Sample {
            name: review.name,
            settings: String::new(),
            state: review.state,
            request: review.request,
        }));
    }
    Ok(samples)
}

fn sample(file: &Path) -> Result<Sample, String> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let case = Case::parse(&text).map_err(|error| format!("{name}: {error}"))?;
    Ok(Sample { name, settings: case.settings, state: case.state, request: case.request })
}
