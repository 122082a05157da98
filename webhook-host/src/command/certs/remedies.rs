//! The remedies of the library's findings and errors, worded with the flags of the command line.

use crate::config::InputError;
use ordinance_certs::DirectoryError;
use ordinance_certs::inspect::Remedy;

/// Words the remedy of a finding.
pub(super) fn describe(remedy: &Remedy) -> String {
    match remedy {
        Remedy::IssueCertificate => "`ordinance certs issue` makes one in a directory".to_owned(),
        Remedy::RenewLeaf => "renew it; `ordinance certs issue --dir DIR` renews what it issued".to_owned(),
        Remedy::RotateAuthority => "`ordinance certs rotate` begins a rotation to another CA".to_owned(),
        Remedy::GiveAuthority => "give --ca FILE with the certificate of its CA".to_owned(),
        Remedy::IssueForName(name) => format!("issue one for it, e.g. with --dns-name {name}"),
    }
}

/// Adds the flag of `ordinance certs issue` that an error is about.
pub(super) fn issue_error(error: DirectoryError) -> anyhow::Error {
    let flag = match &error {
        DirectoryError::InvalidName(_) | DirectoryError::NoNames => "--dns-name",
        DirectoryError::LeafLifetime(_) => "--lifetime",
        DirectoryError::AuthorityLifetime(lifetime) => {
            let lifetime = humantime::format_duration(*lifetime);
            let limits = "give at least three times --lifetime, and at most 100 years";
            let message = format!("{lifetime} is too short or too long; {limits}");
            return InputError::new("--authority-lifetime", message).into();
        }
        _ => return error.into(),
    };
    InputError::new(flag, error).into()
}

/// Adds the command that makes a CA to the error that there is none.
pub(super) fn rotate_error(error: DirectoryError) -> anyhow::Error {
    match error {
        DirectoryError::NoAuthority(_) => {
            anyhow::anyhow!("{error}; `ordinance certs issue --dir DIR` makes one")
        }
        error => error.into(),
    }
}
