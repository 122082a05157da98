//! The leaf certificate that a replica signs for itself, and its renewal.
//!
//! A leaf certificate is valid from the time at which the replica last read which CA signs, not from the time of signing.
//! A replica that can't reach the store therefore never serves a leaf certificate for longer than the rotation waits.

use crate::authority::{Authority, AuthorityError, random};
use crate::certificate::{ServingCertificate, Validity};
use crate::record::Record;
use crate::resolver::CertificateResolver;
use crate::rotation::Schedule;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The largest deviation from a renewal after two thirds of the life, as a fraction of these two thirds.
const SPREAD: f64 = 0.1;

/// Signs leaf certificates for one replica and serves the latest.
#[derive(Debug)]
pub struct LeafSigner {
    schedule: Schedule,
    resolver: Arc<CertificateResolver>,
    leaf: Option<ServedLeaf>,
}

/// The leaf certificate in use.
#[derive(Debug)]
struct ServedLeaf {
    /// The CA that signed it, PEM.
    issuer: String,
    validity: Validity,
    due: SystemTime,
}

/// A record, and when it was read.
#[derive(Clone, Copy, Debug)]
pub struct RecordReading<'a> {
    /// The newest record.
    pub record: &'a Record,
    /// When it was read, by the replica's own clock.
    pub at: SystemTime,
}

/// The result of a renewal check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The leaf certificate in use stays.
    Unchanged,
    /// A new leaf certificate is in use from now on.
    Signed,
}

// === impl LeafSigner ===

impl LeafSigner {
    /// Returns a signer that serves nothing until [`LeafSigner::renew`] is called.
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule, resolver: Arc::new(CertificateResolver::empty()), leaf: None }
    }

    /// Returns the resolver, which serves the latest leaf certificate.
    pub fn served(&self) -> Arc<CertificateResolver> {
        Arc::clone(&self.resolver)
    }

    /// Signs and serves a new leaf certificate if the CA has changed or the old one is due.
    ///
    /// # Errors
    ///
    /// If signing fails; the old leaf certificate stays in use.
    pub fn renew(&mut self, reading: RecordReading<'_>, now: SystemTime) -> Result<Renewal, AuthorityError> {
        let until = reading.at + self.schedule.leaf.0;
        if !self.is_due(&reading.record.current.certificate, until, now) {
            return Ok(Renewal::Unchanged);
        }
        let issuer = reading.record.current.certificate.clone();
        let certificate = sign(reading.record, until, now)?;
        let validity = certificate.validity();
        self.leaf = Some(ServedLeaf { issuer, validity, due: due(validity.left(now), now)? });
        self.resolver.publish(certificate);
        Ok(Renewal::Signed)
    }

    /// Returns whether a new leaf certificate is due, and would be of another CA or valid for longer.
    fn is_due(&self, issuer: &str, until: SystemTime, now: SystemTime) -> bool {
        let Some(leaf) = &self.leaf else { return true };
        leaf.issuer != issuer || leaf.due <= now && leaf.validity.not_after + Duration::from_secs(1) < until
    }
}

fn sign(record: &Record, until: SystemTime, now: SystemTime) -> Result<ServingCertificate, AuthorityError> {
    let authority = Authority::from_pem(&record.current)?;
    authority.sign(now, until)?.serving(now)
}

/// Spreads the renewals at random, so that replicas that started together do not always sign at the same time.
fn due(left: Duration, now: SystemTime) -> Result<SystemTime, AuthorityError> {
    let random = f64::from(u32::from_be_bytes(random()?)) / f64::from(u32::MAX);
    let part = (1.0 + SPREAD * (2.0 * random - 1.0)) * 2.0 / 3.0;
    Ok(now + left.mul_f64(part))
}
