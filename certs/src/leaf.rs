//! The leaf that a replica signs for itself, and when it signs another one.
//!
//! A leaf counts from the moment at which the replica last read which CA signs, not from that of its signature: so who is
//! cut off from the store never serves a leaf for longer than others wait for it.

use crate::authority::{Authority, AuthorityError, random};
use crate::pair::{Pair, Validity};
use crate::record::Record;
use crate::rotation::Schedule;
use crate::served::Served;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How much earlier or later than after two thirds of its life a leaf is replaced at most, in parts of that.
const SPREAD: f64 = 0.1;

/// Signs for one replica, which serves what was signed last.
#[derive(Debug)]
pub struct Signing {
    schedule: Schedule,
    served: Arc<Served>,
    leaf: Option<Leaf>,
}

/// What is served.
#[derive(Debug)]
struct Leaf {
    /// The CA that signed it, PEM.
    issuer: String,
    validity: Validity,
    due: SystemTime,
}

/// When a record was read, and what it was.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// What was read.
    pub record: &'a Record,
    /// By the clock of whoever signs.
    pub at: SystemTime,
}

/// What a look at a leaf led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It goes on.
    Unchanged,
    /// Another one is served from now on.
    Signed,
}

// === impl Signing ===

impl Signing {
    /// Serves nothing before the first look.
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule, served: Arc::new(Served::empty()), leaf: None }
    }

    /// What is served.
    pub fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served)
    }

    /// Looks at what was read last; signs and serves another leaf if it is time for one.
    ///
    /// # Errors
    ///
    /// If none can be signed: the old one goes on being served.
    pub fn look(&mut self, reading: Reading<'_>, now: SystemTime) -> Result<Renewal, AuthorityError> {
        let until = reading.at + self.schedule.leaf.0;
        if !self.is_due(&reading.record.current.certificate, until, now) {
            return Ok(Renewal::Unchanged);
        }
        let issuer = reading.record.current.certificate.clone();
        let pair = sign(reading.record, until, now)?;
        let validity = pair.validity();
        self.leaf = Some(Leaf { issuer, validity, due: due(validity.left(now), now)? });
        self.served.publish(pair);
        Ok(Renewal::Signed)
    }

    /// Whether another one is to be signed, and would count for longer or be another CA's.
    fn is_due(&self, issuer: &str, until: SystemTime, now: SystemTime) -> bool {
        let Some(leaf) = &self.leaf else { return true };
        leaf.issuer != issuer || leaf.due <= now && leaf.validity.not_after + Duration::from_secs(1) < until
    }
}

fn sign(record: &Record, until: SystemTime, now: SystemTime) -> Result<Pair, AuthorityError> {
    let authority = Authority::from_pem(&record.current)?;
    authority.sign(now, until)?.pair(now)
}

/// Replicas that began together shall not all sign at the same moment for ever.
fn due(left: Duration, now: SystemTime) -> Result<SystemTime, AuthorityError> {
    let random = f64::from(u32::from_be_bytes(random()?)) / f64::from(u32::MAX);
    let part = (1.0 + SPREAD * (2.0 * random - 1.0)) * 2.0 / 3.0;
    Ok(now + left.mul_f64(part))
}
