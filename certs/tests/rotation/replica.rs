//! A simulated replica: a reconciler, a leaf signer and a skewed clock.

use crate::simulation::{Connection, LAG, MINUTE, SCHEDULE, Simulation, names};
use ordinance_certs::{
    Bundle, LeafSigner, Reconciler, RecordReading, Renewal, Rotation, ServingCertificate, WebhookReadiness,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::prelude::{FromDer, X509Certificate};

pub struct Replica {
    pub connection: Connection,
    simulation: Simulation,
    pub reconciler: Reconciler<Connection, Connection>,
    signer: LeafSigner,
    /// Seconds by which the clock is ahead; negative if it is behind.
    ahead: i64,
    read_at: Option<SystemTime>,
    is_ready: bool,
    pub signed: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ReplicaRole {
    Leads,
    Follows,
    /// Reaches neither the store nor the configurations.
    CutOff,
}

impl Replica {
    pub fn new(simulation: &Simulation, ahead: i64) -> Self {
        let connection = simulation.connection();
        let rotation = Rotation::new(names(), SCHEDULE).with_path_tokens();
        let reconciler = Reconciler::new(connection.clone(), connection.clone(), rotation);
        Self {
            connection,
            simulation: simulation.clone(),
            reconciler,
            signer: LeafSigner::new(SCHEDULE),
            ahead,
            read_at: None,
            is_ready: false,
            signed: 0,
        }
    }

    pub fn clock(&self) -> SystemTime {
        let now = self.simulation.now();
        if self.ahead < 0 { now - self.skew() } else { now + self.skew() }
    }

    fn skew(&self) -> Duration {
        Duration::from_secs(self.ahead.unsigned_abs())
    }

    /// Polls once, as a replica does at each interval.
    pub async fn poll(&mut self, role: ReplicaRole) {
        let now = self.clock();
        if role != ReplicaRole::CutOff {
            let readiness = if self.is_ready { WebhookReadiness::Ready } else { WebhookReadiness::NotReady };
            let led = match role {
                ReplicaRole::Leads => self.reconciler.lead(now, readiness).await.map(drop),
                _ => self.reconciler.follow().await,
            };
            if led.is_ok() {
                self.read_at = Some(now);
            }
        }
        self.sign(now);
    }

    fn sign(&mut self, now: SystemTime) {
        let (Some(record), Some(at)) = (self.reconciler.record(), self.read_at) else { return };
        self.is_ready = self.is_ready || record.is_trusted(now, &SCHEDULE);
        let issuer = Bundle::read(record.current.certificate.as_bytes());
        // Signing fails once a replica is cut off for longer than a leaf certificate lives.
        if self
            .signer
            .renew(RecordReading { record, at }, now)
            .is_ok_and(|renewal| renewal == Renewal::Signed)
        {
            self.signed += 1;
            check_lifetime(&self.served().unwrap(), &issuer);
        }
    }

    /// Returns the certificate in use.
    pub fn served(&self) -> Option<Arc<ServingCertificate>> {
        self.signer.served().current()
    }

    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// A ready replica accepts the path of every client, however late it gets the configurations.
    fn check_accepts(&self, late: u32) {
        let accepted = self.reconciler.record().unwrap().accepted_paths();
        let webhooks = self.simulation.webhooks_after(late * MINUTE).into_iter();
        for webhook in webhooks.filter(|webhook| !webhook.bundle.is_empty()) {
            let path = webhook.path.unwrap();
            assert_eq!(
                accepted.accept(&path).map(|accepted| accepted.path),
                Some("/validate/storage"),
                "{late} min late: {path}"
            );
        }
    }

    /// Every client that a ready replica serves trusts its certificate, however late it gets bundles.
    pub fn check_trusted_by_clients(&self) {
        let Some(pair) = self.served().filter(|_| self.is_ready) else { return };
        let now = self.simulation.now();
        if pair.validity().not_after < now {
            return;
        }
        let issuer = names_of(&pair.certificates()[0]).0;
        for late in 0..=LAG {
            for bundle in self.simulation.seen_after(late * MINUTE).iter().filter(|bundle| !bundle.is_empty())
            {
                let subjects: Vec<String> =
                    bundle.certificates().iter().map(|certificate| names_of(certificate).1).collect();
                assert!(subjects.contains(&issuer), "{late} min late: {issuer} is not in {subjects:?}");
            }
            self.check_accepts(late);
        }
    }

    /// The certificate is in date for clients with skewed clocks.
    pub fn check_in_date_for_clients(&self) {
        let Some(pair) = self.served().filter(|_| self.is_ready) else { return };
        let (now, validity) = (self.simulation.now(), pair.validity());
        assert!(validity.not_before <= now - SCHEDULE.skew, "{validity:?}");
        assert!(validity.not_after >= now + SCHEDULE.skew, "{validity:?} at {now:?}");
    }
}

/// A leaf certificate does not outlive its CA.
fn check_lifetime(pair: &ServingCertificate, issuer: &Bundle) {
    let (leaf, ca) = (pair.validity(), issuer.certificates());
    let (_, ca) = X509Certificate::from_der(&ca[0]).unwrap();
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!(ca.validity().not_before.timestamp() as u64 <= seconds(leaf.not_before));
    assert!(ca.validity().not_after.timestamp() as u64 >= seconds(leaf.not_after));
}

/// Returns issuer and subject.
pub fn names_of(der: &[u8]) -> (String, String) {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    (certificate.issuer().to_string(), certificate.subject().to_string())
}
