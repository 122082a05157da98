//! A CA and its leaf certificate in a directory, for a server that reads files: issued, renewed and rotated on request.
//!
//! What clients trust can't be observed here, so the caller states it. Each change replaces all files at once and
//! conditionally on the files it was decided on, so that key, certificate and bundle are always of one generation.

mod error;
mod state;
mod store;

pub use error::DirectoryError;
pub use state::{ClientTrust, DirectoryChange, DirectoryOutcome, IssueOptions, SigningReason};
pub use store::DirectoryStore;

use crate::record::{CA_CRT, Record, SecretData, TLS_CRT, TLS_KEY};
use crate::rotation::{StepDecision, StepPolicy};
use crate::store::{StoreVersion, WriteOutcome};
use crate::watched_files::{DATA_LINK, UnreadableFile, read_file};
use state::{DirectoryState, normalized};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How often a change is tried again if another process wrote the directory meanwhile.
const ATTEMPTS: usize = 5;

/// A directory with a CA and its leaf certificate.
#[derive(Clone, Debug)]
pub struct CertificateDirectory(DirectoryStore);

// === impl CertificateDirectory ===

impl CertificateDirectory {
    /// Returns a directory, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self(DirectoryStore::new(path))
    }

    /// Reads the files of a CA and its leaf certificate, also those that another program put there, e.g. a mounted Secret.
    ///
    /// # Errors
    ///
    /// If the directory or a file can't be read.
    pub fn read(&self) -> Result<SecretData, DirectoryError> {
        let path = self.0.directory();
        std::fs::read_dir(path).map_err(|source| UnreadableFile::new(path, source))?;
        let stored = self.0.read().map_err(|source| self.io(source))?;
        if stored.version != StoreVersion::Absent {
            return Ok(stored.data);
        }
        let mut data = SecretData::new();
        for name in file_names() {
            let path = self.0.path(name);
            if path.exists() {
                let bytes = read_file(&path).map_err(|source| UnreadableFile::new(&path, source))?;
                data.insert(name.to_owned(), bytes);
            }
        }
        Ok(data)
    }

    /// Returns whether the directory already has a CA.
    ///
    /// # Errors
    ///
    /// If the files can't be read.
    pub fn has_authority(&self) -> Result<bool, DirectoryError> {
        self.refuse_foreign_files()?;
        let stored = self.0.read().map_err(|source| self.io(source))?;
        Ok(Record::ENTRIES.iter().any(|name| stored.data.contains_key(*name)))
    }

    /// Makes what is missing and renews what is due. `wait` is for how long clients may use a replaced bundle.
    ///
    /// # Errors
    ///
    /// If the options, the stored files or the directory are unusable; the directory is unchanged.
    pub fn issue(
        &self,
        options: &IssueOptions,
        wait: Duration,
        now: SystemTime,
    ) -> Result<DirectoryOutcome<Vec<DirectoryChange>>, DirectoryError> {
        self.change(|directory, data| {
            let (mut state, mut changes) = match directory.state(data, options, wait)? {
                Some(state) => (state, Vec::new()),
                None => {
                    let state = DirectoryState::create(options, wait, now)?;
                    (state, vec![DirectoryChange::CreatedAuthority])
                }
            };
            changes.extend(state.take_due_steps(now)?.into_iter().map(DirectoryChange::TookStep));
            changes.extend(state.renew_leaf(now)?.map(DirectoryChange::SignedLeaf));
            let is_complete = state.data() == *data && directory.0.is_complete(data);
            if changes.is_empty() && !is_complete {
                changes.push(DirectoryChange::RestoredFiles);
            }
            let is_changed = !changes.is_empty();
            Ok((state, changes, is_changed))
        })
    }

    /// Takes the next step of the rotation, or returns why it is not safe yet.
    ///
    /// # Errors
    ///
    /// If the stored files or the directory are unusable; the directory is unchanged.
    pub fn rotate(
        &self,
        trust: &ClientTrust,
        policy: StepPolicy,
        wait: Duration,
        now: SystemTime,
    ) -> Result<DirectoryOutcome<StepDecision>, DirectoryError> {
        self.change(|directory, data| {
            let state = directory.state(data, &IssueOptions::default(), wait)?;
            let mut state =
                state.ok_or_else(|| DirectoryError::NoAuthority(directory.0.directory().to_owned()))?;
            let decision = state.take_next_step(trust, policy, now)?;
            let is_changed = matches!(decision, StepDecision::Take(..));
            if is_changed {
                state.renew_leaf(now)?;
            }
            Ok((state, decision, is_changed))
        })
    }

    /// Reads the files, calls `decide`, and writes its result if the files have not changed meanwhile.
    fn change<T>(
        &self,
        mut decide: impl FnMut(&Self, &SecretData) -> Result<(DirectoryState, T, bool), DirectoryError>,
    ) -> Result<DirectoryOutcome<T>, DirectoryError> {
        for _ in 0..ATTEMPTS {
            self.refuse_foreign_files()?;
            let stored = self.0.read().map_err(|source| self.io(source))?;
            let (state, result, is_changed) = decide(self, &stored.data)?;
            let written = match is_changed {
                true => self.0.write(&state.data(), &stored.version).map_err(|source| self.io(source))?,
                false => WriteOutcome::Done,
            };
            if written == WriteOutcome::Done {
                return Ok(state.outcome(result));
            }
        }
        Err(DirectoryError::Contended(self.0.directory().to_owned()))
    }

    /// Refuses foreign files: a write would leave them in place, beside links to other files of the same generation.
    fn refuse_foreign_files(&self) -> Result<(), DirectoryError> {
        let foreign = [DATA_LINK].into_iter().chain(file_names()).find(|name| self.0.has_foreign_file(name));
        foreign.map_or(Ok(()), |name| Err(DirectoryError::ForeignFile(self.0.path(name))))
    }

    /// Parses the stored files, or returns `None` if there is no CA yet.
    fn state(
        &self,
        data: &SecretData,
        options: &IssueOptions,
        wait: Duration,
    ) -> Result<Option<DirectoryState>, DirectoryError> {
        let path = || self.0.directory().to_owned();
        let invalid = |problem| DirectoryError::InvalidRecord { path: path(), problem };
        let Some(record) = Record::read_any(data).map_err(invalid)? else {
            let foreign = data.keys().next().map(|name| DirectoryError::ForeignFile(self.0.path(name)));
            return foreign.map_or(Ok(None), Err);
        };
        let (own, wanted) = (record.names(), normalized(&options.names));
        if !wanted.is_empty() && !has_same_names(&own, &wanted) {
            let (own, wanted) = (own.join(", "), wanted.join(", "));
            return Err(DirectoryError::OtherNames { path: path(), own, wanted });
        }
        DirectoryState::new(record, data, options, wait).map(Some)
    }

    fn io(&self, source: io::Error) -> DirectoryError {
        DirectoryError::Io { path: self.0.directory().to_owned(), source }
    }
}

/// Returns the names of all files of a CA and its leaf certificate.
fn file_names() -> impl Iterator<Item = &'static str> {
    [TLS_CRT, TLS_KEY, CA_CRT].into_iter().chain(Record::ENTRIES)
}

/// Compares names regardless of their order.
fn has_same_names(own: &[String], wanted: &[String]) -> bool {
    wanted.len() == own.len() && wanted.iter().all(|name| own.contains(name))
}
