//! The rotation of a self-managed authority, decided one step at a time; nothing here does anything.
//!
//! ```text
//! STEADY   bundle = {current}
//! PUBLISH  `next` is stored; bundle = {previous?, current, next}
//! CONFIRM  every webhook configuration shows that bundle
//! WAIT     for as long as a client may still have the former one; a shrink seen meanwhile starts it again
//! SWITCH   previous = current, current = next: replicas sign anew, the bundle stays
//! DRAIN    until the last leaf of `previous` has expired
//! SHRINK   bundle = {current}
//! ```

mod asked;

pub use asked::{Asked, Haste, Step};

use crate::authority::{Authority, AuthorityError, BACKDATED, Issued, Lifetime};
use crate::bundle::Bundle;
use crate::pair::Validity;
use crate::record::{Coming, Record, Retired, Unusable};
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// Certificates of others that are trusted on, at most, when a record begins.
const FOREIGN: usize = 8;

/// How long what takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How long a CA counts; it is replaced after two thirds.
    pub authority: Lifetime,
    /// How long a leaf counts; it is replaced after about two thirds.
    pub leaf: Lifetime,
    /// How long a client may go on with a bundle that was replaced.
    pub wait: Duration,
    /// How far clocks of replicas may be off.
    pub skew: Duration,
    /// How often every replica looks.
    pub look: Duration,
}

/// What one looks at.
#[derive(Debug)]
pub struct Sight<'a> {
    /// The time.
    pub now: SystemTime,
    /// What is stored.
    pub stored: Result<Option<&'a Record>, &'a Unusable>,
    /// What each webhook configuration that exists trusts, looked at before the store was.
    pub shown: &'a [Bundle],
}

/// Where a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// Nothing is to be done before the CA is due.
    Steady,
    /// `next` is there, and not everybody is known to trust it.
    Confirm,
    /// Everybody is to trust it for some time before it signs.
    Wait,
    /// Leaves of `previous` may still be served.
    Drain,
}

/// One issuer's memory: it looks, and says what is to be stored.
#[derive(Debug)]
pub struct Rotation {
    names: Vec<String>,
    schedule: Schedule,
    known: Option<Record>,
    trusted: Option<Trusted>,
}

/// Since when this issuer itself sees everybody trust a `next`. Another issuer's clock may be ahead of its own.
#[derive(Debug)]
struct Trusted {
    next: Issued,
    since: SystemTime,
}

/// Why nothing could be decided.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// What is stored can't be used, and nobody remembers what it was.
    #[error("{0}; put back what was there, or remove everything: then a new CA is made")]
    Unusable(Unusable),
    /// No CA could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

// === impl Schedule ===

impl Default for Schedule {
    fn default() -> Self {
        Self {
            authority: Lifetime::days(365),
            leaf: Lifetime::days(7),
            wait: Duration::from_secs(5 * 60),
            skew: Duration::from_secs(5 * 60),
            look: Duration::from_secs(5),
        }
    }
}

impl Schedule {
    /// The same where CAs count for as long as the one of a record does, as they were configured to.
    #[must_use]
    pub fn like(self, record: &Record) -> Self {
        let validity = record.current.validity();
        let lifetime = validity.map(|Validity { not_before, not_after }| {
            not_after.duration_since(not_before + BACKDATED).unwrap_or_default()
        });
        Self { authority: lifetime.map_or(self.authority, Lifetime), ..self }
    }

    /// When a CA is to be replaced.
    fn due(&self, certificate: Validity) -> SystemTime {
        certificate.not_after - self.authority.0 / 3
    }

    /// When no leaf counts any more that was signed by now, whosever clock said when that was.
    fn drained(&self, now: SystemTime) -> SystemTime {
        now + self.leaf.0 + 2 * self.skew
    }
}

// === impl Record ===

impl Record {
    /// Where its rotation is.
    pub fn phase(&self) -> Phase {
        match (&self.next, &self.previous) {
            (Some(Coming { confirmed_at: None, .. }), _) => Phase::Confirm,
            (Some(_), _) => Phase::Wait,
            (None, Some(_)) => Phase::Drain,
            (None, None) => Phase::Steady,
        }
    }

    /// When the next step is due at the earliest; none while others have to do something first.
    pub fn next_step(&self, schedule: &Schedule) -> Option<SystemTime> {
        let drained = self.previous.as_ref().map(|previous| previous.until);
        match self.phase() {
            Phase::Confirm => None,
            Phase::Wait => {
                let confirmed = self.next.as_ref()?.confirmed_at?;
                Some(
                    drained
                        .map_or(confirmed + schedule.wait, |drained| drained.max(confirmed + schedule.wait)),
                )
            }
            Phase::Drain => drained,
            Phase::Steady => Some(schedule.due(self.current.validity()?)),
        }
    }

    /// Whether clients are known to trust what signs now, so that a replica may begin to serve with it. Where others were
    /// trusted before, their clients get time to learn of it.
    pub fn is_trusted(&self, now: SystemTime, schedule: &Schedule) -> bool {
        let wait = self.previous.as_ref().map_or(Duration::ZERO, |_| schedule.wait);
        self.confirmed_at.is_some_and(|confirmed| confirmed + wait <= now)
    }

    /// The same with a new CA to come, unless there is one already.
    ///
    /// # Errors
    ///
    /// If none can be made.
    pub fn with_next(
        self,
        names: &[String],
        now: SystemTime,
        schedule: &Schedule,
    ) -> Result<Self, AuthorityError> {
        if self.next.is_some() {
            return Ok(self);
        }
        let issued = new_authority(names, now, schedule)?;
        Ok(Self { next: Some(Coming { issued, confirmed_at: None }), ..self }.changed())
    }
}

fn new_authority(names: &[String], now: SystemTime, schedule: &Schedule) -> Result<Issued, AuthorityError> {
    Ok(Authority::new(names, now, schedule.authority)?.issued())
}

// === impl Rotation ===

impl Rotation {
    /// For a service's names. Nothing is remembered yet.
    pub fn new(names: Vec<String>, schedule: Schedule) -> Self {
        Self { names, schedule, known: None, trusted: None }
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How long what takes.
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The newest record that was seen.
    pub const fn known(&self) -> Option<&Record> {
        self.known.as_ref()
    }

    /// Remembers what is stored, if it is usable and no older than what is known.
    pub fn learn(&mut self, stored: &Record) {
        if self.known.as_ref().is_none_or(|known| known.generation <= stored.generation) {
            self.known = Some(stored.clone());
        }
    }

    /// What is to be stored in place of what is; none if nothing is to be changed now.
    ///
    /// # Errors
    ///
    /// If what is stored can't be used and nothing is known, or no CA can be made.
    pub fn step(&mut self, sight: &Sight<'_>) -> Result<Option<Record>, RotationError> {
        let stored = match (sight.stored, &self.known) {
            (Ok(Some(stored)), _) => stored,
            (Ok(None), None) => return self.found(sight).map(Some),
            (Err(unusable), None) => return Err(RotationError::Unusable(unusable.clone())),
            // Somebody removed it, or broke it; leaves of the known one are served.
            (Ok(None) | Err(_), Some(known)) => return Ok(Some(known.clone().changed())),
        };
        if let Some(known) = self.known.as_ref().filter(|known| known.generation > stored.generation) {
            return Ok(Some(known.clone().changed()));
        }
        self.learn(stored);
        self.look(stored, sight);
        Ok(self.advance(stored, sight)?)
    }

    /// The first record. What is trusted already stays so for a while: it may be served until all replicas are replaced.
    fn found(&self, sight: &Sight<'_>) -> Result<Record, RotationError> {
        let mut foreign = Bundle::default();
        sight.shown.iter().for_each(|bundle| foreign.extend(bundle));
        let fits = !foreign.is_empty() && foreign.certificates().len() <= FOREIGN;
        let previous = fits.then(|| Retired { bundle: foreign, until: self.schedule.drained(sight.now) });
        let current = new_authority(&self.names, sight.now, &self.schedule)?;
        Ok(Record { generation: 1, previous, current, confirmed_at: None, next: None })
    }

    /// Keeps in mind since when everybody trusts `next`.
    fn look(&mut self, stored: &Record, sight: &Sight<'_>) {
        let next = stored.next.as_ref().filter(|_| is_shown(&stored.bundle(), sight.shown));
        self.trusted = next.map(|next| match self.trusted.take() {
            Some(trusted) if trusted.next == next.issued => trusted,
            _ => Trusted { next: next.issued.clone(), since: sight.now },
        });
    }

    /// The first change that is due.
    fn advance(&self, stored: &Record, sight: &Sight<'_>) -> Result<Option<Record>, AuthorityError> {
        let (now, current) = (sight.now, stored.current.validity());
        if current.is_some_and(|current| current.not_after <= now) {
            return self.replaced_at_once(stored, now).map(Some);
        }
        let settled = self.shrunk(stored, now).or_else(|| self.confirmed(stored, sight));
        if settled.is_some() {
            return Ok(settled.map(Record::changed));
        }
        match &stored.next {
            Some(next) => Ok(self.switched(stored, next, now).map(Record::changed)),
            None if current.is_some_and(|current| self.schedule.due(current) <= now) => {
                stored.clone().with_next(&self.names, now, &self.schedule).map(Some)
            }
            None => Ok(None),
        }
    }

    /// A CA that has expired protects nobody: a new one takes its place without a wait, as at the first start.
    fn replaced_at_once(&self, stored: &Record, now: SystemTime) -> Result<Record, AuthorityError> {
        let current = new_authority(&self.names, now, &self.schedule)?;
        let generation = stored.generation;
        Ok(Record { generation, previous: None, current, confirmed_at: None, next: None }.changed())
    }

    fn shrunk(&self, stored: &Record, now: SystemTime) -> Option<Record> {
        let previous = stored.previous.as_ref()?;
        (previous.until <= now).then(|| Record { previous: None, ..stored.clone() })
    }

    /// The record with what configurations were seen to trust, if that is news.
    fn confirmed(&self, stored: &Record, sight: &Sight<'_>) -> Option<Record> {
        let mut record = stored.clone();
        if record.confirmed_at.is_none() && is_shown(&stored.signing(), sight.shown) {
            record.confirmed_at = Some(sight.now);
        }
        if let Some(next) = &mut record.next {
            let since = self.trusted.as_ref().map(|trusted| trusted.since);
            // Another issuer may have seen it before; a shrink undoes it for everybody.
            next.confirmed_at = since.map(|since| next.confirmed_at.unwrap_or(since).min(since));
        }
        (record != *stored).then_some(record)
    }

    /// `next` signs, once everybody trusts it for long enough, and nothing older is waited for.
    fn switched(&self, stored: &Record, next: &Coming, now: SystemTime) -> Option<Record> {
        let trusted = self.trusted.as_ref()?;
        if stored.previous.is_some() || now < trusted.since + self.schedule.wait {
            return None;
        }
        Some(self.with_switched(stored, next, now))
    }

    /// The record in which `next` signs, and whatever may have signed before is still trusted.
    fn with_switched(&self, stored: &Record, next: &Coming, now: SystemTime) -> Record {
        let mut bundle = stored.previous.as_ref().map(|previous| previous.bundle.clone()).unwrap_or_default();
        bundle.extend(&stored.signing());
        Record {
            generation: stored.generation,
            previous: Some(Retired { bundle, until: self.schedule.drained(now) }),
            current: next.issued.clone(),
            confirmed_at: next.confirmed_at,
            next: None,
        }
    }
}

/// Whether every configuration that exists trusts a bundle.
fn is_shown(bundle: &Bundle, shown: &[Bundle]) -> bool {
    shown.iter().all(|shown| shown.contains(bundle))
}
