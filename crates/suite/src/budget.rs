//! The fuel of each case as it was recorded, so that a policy does not get dearer unnoticed.

use crate::problem::CaseProblem;
use crate::run::CaseReport;
use ordinance_case::CheckName;
use ordinance_files::{OutputFile, read_regular};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The file in the folder of a suite.
pub const FUEL_FILE: &str = "fuel.json";

/// The largest such file, in bytes.
const FUEL_FILE_BYTES: usize = 16 * 1024 * 1024;

/// The fuel of the cases of a suite, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedFuel {
    cases: BTreeMap<String, u64>,
    /// The permille by which a case may exceed it.
    tolerance: u64,
}

// === impl RecordedFuel ===

impl RecordedFuel {
    /// Reads the file of a suite; `None` if there is none. A case may exceed its fuel by `tolerance` permille.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is no object of numbers.
    pub fn read(directory: &Path, tolerance: u64) -> Result<Option<Self>, String> {
        let bytes = match read_regular(&directory.join(FUEL_FILE), FUEL_FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{FUEL_FILE}: {error}")),
        };
        let cases = serde_json::from_slice(&bytes);
        let cases = cases.map_err(|error| {
            format!("{FUEL_FILE}: {error}; remove it, and record the fuel by --record-fuel")
        })?;
        Ok(Some(Self { cases, tolerance }))
    }

    /// Writes the fuel of the cases of a run.
    ///
    /// # Errors
    ///
    /// The file can't be written, or there is one of other content.
    pub fn write(directory: &Path, reports: &[CaseReport]) -> Result<usize, String> {
        Self::read(directory, 0)?;
        let fuel = reports.iter().filter_map(|report| Some((report.name.clone(), Value::from(report.fuel?))));
        let cases: Map<String, Value> = fuel.collect();
        let count = cases.len();
        let text = format!("{:#}\n", Value::Object(cases));
        let file = directory.join(FUEL_FILE);
        let written = OutputFile::new(&file, |head| head.starts_with(b"{")).write(text.as_bytes());
        written.map_err(|error| format!("{FUEL_FILE}: {error}"))?;
        Ok(count)
    }

    /// Returns the names of recorded cases that a suite does not have.
    pub fn without_case(&self, reports: &[CaseReport]) -> Vec<&str> {
        let is_there = |name: &str| reports.iter().any(|report| report.name == name);
        self.cases.keys().map(String::as_str).filter(|name| !is_there(name)).collect()
    }

    /// Returns the problem of a case that burns more than it did, beyond the tolerance.
    pub(crate) fn compare(&self, name: &str, fuel: u64) -> Option<CaseProblem> {
        let recorded = *self.cases.get(name)?;
        let limit = u128::from(recorded) * u128::from(1000 + self.tolerance) / 1000;
        (u128::from(fuel) > limit).then(|| {
            let growth = (fuel - recorded) as f64 * 100.0 / recorded.max(1) as f64;
            let message = format!(
                "a review burns {fuel} fuel, {growth:.1} % more than the recorded {recorded}; --record-fuel accepts it"
            );
            CaseProblem::check(CheckName::Fuel, message)
        })
    }
}
