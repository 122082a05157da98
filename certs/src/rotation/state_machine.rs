//! The steps that are due by themselves.

use super::schedule::Schedule;
use crate::authority::{Authority, AuthorityError, PemPair};
use crate::bundle::Bundle;
use crate::path_token::{AcceptedPaths, PathToken};
use crate::record::{NextAuthority, Record, RecordError, RetiredBundle};
use std::time::SystemTime;

/// The largest number of certificates that the first record takes over from existing configurations.
const MAX_FOREIGN: usize = 8;

/// The observed state that a decision is based on.
#[derive(Debug)]
pub struct ObservedState<'a> {
    /// The current time.
    pub now: SystemTime,
    /// The stored record.
    pub stored: Result<Option<&'a Record>, &'a RecordError>,
    /// The bundle of each webhook, read *before* the store.
    pub bundles: &'a [Bundle],
}

/// The rotation as one replica drives it: compares observed with remembered state and returns the record to store.
#[derive(Debug)]
pub struct Rotation {
    pub(super) names: Vec<String>,
    pub(super) schedule: Schedule,
    has_tokens: bool,
    known: Option<Record>,
    trusted: Option<TrustedSince>,
}

/// Since when this replica itself has seen every configuration trust a `next`. A time that another replica stored is not
/// enough, because that replica's clock may be ahead.
#[derive(Debug)]
struct TrustedSince {
    next: PemPair,
    since: SystemTime,
}

/// Why a rotation can't decide on a step.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The stored record is invalid, and this replica remembers no valid one.
    #[error("{0}; put back what was there, or remove everything: then a new CA is made")]
    Record(RecordError),
    /// No CA could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

fn new_authority(names: &[String], now: SystemTime, schedule: &Schedule) -> Result<PemPair, AuthorityError> {
    Ok(Authority::new(names, now, schedule.authority)?.pem_pair())
}

// === impl Rotation ===

impl Rotation {
    /// Returns a rotation for a service's names, which remembers no record yet.
    pub fn new(names: Vec<String>, schedule: Schedule) -> Self {
        Self { names, schedule, has_tokens: false, known: None, trusted: None }
    }

    /// Gives each new CA a new token for the paths of the webhooks.
    #[must_use]
    pub fn with_path_tokens(self) -> Self {
        Self { has_tokens: true, ..self }
    }

    fn new_token(&self) -> Result<Option<PathToken>, AuthorityError> {
        self.has_tokens.then(PathToken::random).transpose()
    }

    /// Returns the record with a new next CA, unless it has one already.
    ///
    /// # Errors
    ///
    /// If no CA can be made.
    pub fn with_next(&self, stored: &Record, now: SystemTime) -> Result<Record, AuthorityError> {
        if stored.next.is_some() {
            return Ok(stored.clone());
        }
        let pair = new_authority(&self.names, now, &self.schedule)?;
        let next = Some(NextAuthority { pair, confirmed_at: None });
        let next_token =
            stored.next_token.clone().map_or_else(|| self.new_token(), |known| Ok(Some(known)))?;
        Ok(Record { next, next_token, ..stored.clone() }.next_generation())
    }

    /// Returns the service's names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the lifetimes and waits.
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Returns the newest valid record that was observed or written.
    pub const fn known(&self) -> Option<&Record> {
        self.known.as_ref()
    }

    /// Remembers a record, unless a newer one is known.
    pub fn learn(&mut self, stored: &Record) {
        if self.known.as_ref().is_none_or(|known| known.generation <= stored.generation) {
            self.known = Some(stored.clone());
        }
    }

    /// Returns the record to store, or `None` if no step is due.
    ///
    /// # Errors
    ///
    /// If the stored record is invalid and no other is known, or no CA can be made.
    pub fn step(&mut self, observed: &ObservedState<'_>) -> Result<Option<Record>, RotationError> {
        let stored = match (observed.stored, &self.known) {
            (Ok(Some(stored)), _) => stored,
            (Ok(None), None) => return Ok(Some(self.first_record(observed)?)),
            (Err(invalid), None) => return Err(RotationError::Record(invalid.clone())),
            // The record was deleted or damaged, but leaf certificates of the known one are being served.
            (Ok(None) | Err(_), Some(known)) => return Ok(Some(known.clone().next_generation())),
        };
        if let Some(known) = self.known.as_ref().filter(|known| known.generation > stored.generation) {
            return Ok(Some(known.clone().next_generation()));
        }
        self.learn(stored);
        self.track_trust(stored, observed);
        Ok(self.advance(stored, observed)?)
    }

    /// Makes the first record. CAs that configurations trust already stay trusted for a while: other replicas may serve
    /// certificates of them until all replicas are replaced.
    fn first_record(&self, observed: &ObservedState<'_>) -> Result<Record, AuthorityError> {
        let mut foreign = Bundle::default();
        observed.bundles.iter().for_each(|bundle| foreign.extend(bundle));
        let keep = !foreign.is_empty() && foreign.certificates().len() <= MAX_FOREIGN;
        let until = self.schedule.drained(observed.now);
        let previous = keep.then(|| RetiredBundle { bundle: foreign, until, paths: AcceptedPaths::anyone() });
        let current = new_authority(&self.names, observed.now, &self.schedule)?;
        let (token, next_token) = (self.new_token()?, self.new_token()?);
        Ok(Record { generation: 1, previous, current, token, next_token, confirmed_at: None, next: None })
    }

    /// Tracks since when every configuration trusts `next`.
    fn track_trust(&mut self, stored: &Record, observed: &ObservedState<'_>) {
        let is_trusted = trusted_by_all(&stored.bundle(), observed.bundles);
        let next = stored.next.as_ref().filter(|_| is_trusted);
        self.trusted = next.map(|next| match self.trusted.take() {
            Some(trusted) if trusted.next == next.pair => trusted,
            _ => TrustedSince { next: next.pair.clone(), since: observed.now },
        });
    }

    /// Returns the record after the first step that is due.
    fn advance(
        &self,
        stored: &Record,
        observed: &ObservedState<'_>,
    ) -> Result<Option<Record>, AuthorityError> {
        let (now, current) = (observed.now, stored.current.validity());
        if current.is_some_and(|current| current.not_after <= now) {
            return self.replaced(stored, now).map(Some);
        }
        let settled = self.shrunk(stored, now).or_else(|| self.confirmed(stored, observed));
        if settled.is_some() {
            return Ok(settled.map(Record::next_generation));
        }
        match &stored.next {
            Some(next) => Ok(self.switched_when_safe(stored, next, now)?.map(Record::next_generation)),
            None if current.is_some_and(|current| self.schedule.due(current) <= now) => {
                self.with_next(stored, now).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Returns the record with a new CA in place of an expired one. No wait is needed: no client accepts certificates of
    /// an expired CA.
    pub(super) fn replaced(&self, stored: &Record, now: SystemTime) -> Result<Record, AuthorityError> {
        let first = ObservedState { now, stored: Ok(None), bundles: &[] };
        Ok(Record { generation: stored.generation, ..self.first_record(&first)? }.next_generation())
    }

    fn shrunk(&self, stored: &Record, now: SystemTime) -> Option<Record> {
        let previous = stored.previous.as_ref()?;
        (previous.until <= now).then(|| Record { previous: None, ..stored.clone() })
    }

    /// Returns the record with updated confirmation times, or `None` if they have not changed.
    fn confirmed(&self, stored: &Record, observed: &ObservedState<'_>) -> Option<Record> {
        let mut record = stored.clone();
        if record.confirmed_at.is_none() && trusted_by_all(&stored.signing(), observed.bundles) {
            record.confirmed_at = Some(observed.now);
        }
        if let Some(next) = &mut record.next {
            let since = self.trusted.as_ref().map(|trusted| trusted.since);
            // Another replica may have confirmed it earlier; a configuration that lost the bundle resets it for all.
            next.confirmed_at = since.map(|since| next.confirmed_at.unwrap_or(since).min(since));
        }
        (record != *stored).then_some(record)
    }

    /// Lets `next` sign once every configuration has trusted it for the wait and `previous` is drained.
    fn switched_when_safe(
        &self,
        stored: &Record,
        next: &NextAuthority,
        now: SystemTime,
    ) -> Result<Option<Record>, AuthorityError> {
        let is_safe = self.trusted.as_ref().is_some_and(|trusted| trusted.since + self.schedule.wait <= now);
        let is_due = is_safe && stored.previous.is_none();
        is_due.then(|| self.switched(stored, next, now)).transpose()
    }

    /// Returns the record in which `next` signs, and every CA that may have signed before stays trusted.
    pub(super) fn switched(
        &self,
        stored: &Record,
        next: &NextAuthority,
        now: SystemTime,
    ) -> Result<Record, AuthorityError> {
        let former =
            stored.previous.as_ref().map(|previous| (previous.bundle.clone(), previous.paths.clone()));
        let (mut bundle, mut paths) = former.unwrap_or_default();
        bundle.extend(&stored.signing());
        paths.add(stored.token.as_ref());
        Ok(Record {
            generation: stored.generation,
            previous: Some(RetiredBundle { bundle, until: self.schedule.drained(now), paths }),
            current: next.pair.clone(),
            token: stored.next_token.clone(),
            next_token: self.new_token()?,
            confirmed_at: next.confirmed_at,
            next: None,
        })
    }
}

/// Returns whether every observed bundle contains `bundle`; true if no configuration exists.
pub(super) fn trusted_by_all(bundle: &Bundle, observed: &[Bundle]) -> bool {
    observed.iter().all(|observed| observed.contains(bundle))
}
