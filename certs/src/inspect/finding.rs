//! A finding: a place, what is wrong there, and the remedy.

use std::fmt;
use std::time::{Duration, SystemTime};

/// The time that an inspection refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InspectionTime {
    /// The time to check dates against.
    pub at: SystemTime,
    /// A certificate that expires within this time after `at` is a finding, too.
    pub within: Duration,
}

/// Something that is wrong with a certificate, a key or a trust bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFinding {
    /// The file, the entry of a Secret, the webhook or the address.
    pub place: String,
    /// What is wrong, and the remedy if it is the same for every caller.
    pub problem: String,
    /// The remedy, if it depends on the caller.
    pub remedy: Option<Remedy>,
}

/// A remedy that a caller has its own words for, e.g. a command line with flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Issue a first certificate into the place.
    IssueCertificate,
    /// Renew the leaf certificate.
    RenewLeaf,
    /// Rotate to another CA.
    RotateAuthority,
    /// Include the certificate's CA in the inspection.
    GiveAuthority,
    /// Issue a certificate for this name, too.
    IssueForName(String),
}

// === impl CertificateFinding ===

impl CertificateFinding {
    pub(super) fn new(place: &str, problem: impl Into<String>) -> Self {
        Self { place: place.to_owned(), problem: problem.into(), remedy: None }
    }

    pub(super) fn with_remedy(self, remedy: Remedy) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// Returns the problem and its remedy, in the words of `describe`.
    pub fn message(&self, describe: impl FnOnce(&Remedy) -> String) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; {}", self.problem, describe(remedy)),
            None => self.problem.clone(),
        }
    }
}

impl fmt::Display for CertificateFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message(Remedy::to_string))
    }
}

// === impl Remedy ===

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssueCertificate => f.write_str("issue one"),
            Self::RenewLeaf => f.write_str("renew it"),
            Self::RotateAuthority => f.write_str("rotate to another CA"),
            Self::GiveAuthority => f.write_str("give the certificate of its CA"),
            Self::IssueForName(name) => write!(f, "issue one for {name}"),
        }
    }
}
