//! One replica: a keeper, a leaf, and a clock that may be off.

use crate::world::{Door, LAG, MINUTE, SCHEDULE, World, names};
use ordinance_certs::{Bundle, Keeper, Pair, Readiness, Reading, Renewal, Rotation, Signing};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::prelude::{FromDer, X509Certificate};

pub struct Replica {
    pub door: Door,
    world: World,
    pub keeper: Keeper<Door, Door>,
    signing: Signing,
    /// By how much its clock is ahead, in seconds.
    ahead: i64,
    read_at: Option<SystemTime>,
    is_ready: bool,
    pub signed: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Leads,
    Follows,
    /// It reaches neither the store nor the configurations.
    IsCutOff,
}

impl Replica {
    pub fn new(world: &World, ahead: i64) -> Self {
        let door = world.door();
        let keeper = Keeper::new(door.clone(), door.clone(), Rotation::new(names(), SCHEDULE));
        Self {
            door,
            world: world.clone(),
            keeper,
            signing: Signing::new(SCHEDULE),
            ahead,
            read_at: None,
            is_ready: false,
            signed: 0,
        }
    }

    pub fn clock(&self) -> SystemTime {
        let now = self.world.now();
        if self.ahead < 0 { now - self.off() } else { now + self.off() }
    }

    fn off(&self) -> Duration {
        Duration::from_secs(self.ahead.unsigned_abs())
    }

    /// One look, as every replica takes one from time to time.
    pub async fn look(&mut self, role: Role) {
        let now = self.clock();
        if role != Role::IsCutOff {
            let readiness = if self.is_ready { Readiness::Ready } else { Readiness::NotYet };
            let led = match role {
                Role::Leads => self.keeper.lead(now, readiness).await.map(drop),
                _ => self.keeper.follow().await,
            };
            if led.is_ok() {
                self.read_at = Some(now);
            }
        }
        self.sign(now);
    }

    fn sign(&mut self, now: SystemTime) {
        let (Some(record), Some(at)) = (self.keeper.record(), self.read_at) else { return };
        self.is_ready = self.is_ready || record.is_trusted(now, &SCHEDULE);
        let issuer = Bundle::read(record.current.certificate.as_bytes());
        // Who is cut off for too long has nothing left to sign with.
        if self.signing.look(Reading { record, at }, now).is_ok_and(|renewal| renewal == Renewal::Signed) {
            self.signed += 1;
            is_within(&self.served().unwrap(), &issuer);
        }
    }

    /// What is served to whoever asks, if anybody is sent here.
    pub fn served(&self) -> Option<Arc<Pair>> {
        self.signing.served().current()
    }

    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// C1 and C2: whoever is sent here trusts what is served, however late he learns of bundles.
    pub fn is_trusted_by_everybody(&self) {
        let Some(pair) = self.served().filter(|_| self.is_ready) else { return };
        let now = self.world.now();
        if pair.validity().not_after < now {
            return;
        }
        let issuer = names_of(&pair.certificates()[0]).0;
        for late in 0..=LAG {
            for bundle in self.world.seen(late * MINUTE).iter().filter(|bundle| !bundle.is_empty()) {
                let subjects: Vec<String> =
                    bundle.certificates().iter().map(|certificate| names_of(certificate).1).collect();
                assert!(subjects.contains(&issuer), "{late} min late: {issuer} is none of {subjects:?}");
            }
        }
    }

    /// C5: a client whose clock is off either way takes the leaf.
    pub fn is_in_date_for_everybody(&self) {
        let Some(pair) = self.served().filter(|_| self.is_ready) else { return };
        let (now, validity) = (self.world.now(), pair.validity());
        assert!(validity.not_before <= now - SCHEDULE.skew, "{validity:?}");
        assert!(validity.not_after >= now + SCHEDULE.skew, "{validity:?} at {now:?}");
    }
}

/// C5: a leaf counts no longer than its CA.
fn is_within(pair: &Pair, issuer: &Bundle) {
    let (leaf, ca) = (pair.validity(), issuer.certificates());
    let (_, ca) = X509Certificate::from_der(&ca[0]).unwrap();
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!(ca.validity().not_before.timestamp() as u64 <= seconds(leaf.not_before));
    assert!(ca.validity().not_after.timestamp() as u64 >= seconds(leaf.not_after));
}

/// Who signed a certificate, and whose it is.
pub fn names_of(der: &[u8]) -> (String, String) {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    (certificate.issuer().to_string(), certificate.subject().to_string())
}
