//! Sample requests: those of the cases and of the recorded reviews.

use ordinance_case::{Case, files, recorded_reviews, recording_directories};
use ordinance_contract::Request;
use ordinance_manifests::Manifest;
use std::fs;
use std::path::Path;

/// A request with its settings and the existing objects.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The path of the case, or the name of the review.
    pub name: String,
    /// The policy's settings as JSON; empty for the defaults.
    pub settings: String,
    /// The existing objects.
    pub state: Vec<Manifest>,
    /// The admission request.
    pub request: Request<'static>,
}

/// Returns the first inputs for functions of bytes: objects with their old ones, settings, whole cases and whole
/// reviews.
///
/// # Errors
///
/// Returns the same errors as [`samples`].
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

/// The folder of the test data.
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data");

/// Returns the requests of all cases and all recorded reviews.
///
/// # Errors
///
/// Returns an error if a file can't be read, or is no case or review.
pub fn samples() -> Result<Vec<Sample>, String> {
    let directory = Path::new(TESTS).join("cases");
    let files = files(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut samples = files.iter().map(|file| sample(file)).collect::<Result<Vec<_>, _>>()?;
    for reviews in recording_directories(&Path::new(TESTS).join("reviews"))? {
        samples.extend(recorded_reviews(&reviews)?.into_iter().map(|review| Sample {
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
