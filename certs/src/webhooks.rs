//! What webhook configurations trust, and what they are to trust.

use crate::bundle::Bundle;
use crate::store::Written;
use std::error::Error;
use std::fmt;

/// One webhook configuration, as far as it is written here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Which of the two kinds it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The state that a change goes over.
    pub version: String,
    /// Its webhooks.
    pub webhooks: Vec<Webhook>,
}

/// The kind of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `MutatingWebhookConfiguration`.
    Mutating,
    /// `ValidatingWebhookConfiguration`.
    Validating,
}

/// One webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// The name by which it is called; none if there is none to see.
    pub host: Option<String>,
    /// `caBundle`, PEM.
    pub bundle: Vec<u8>,
    /// What becomes of a request that nobody answers: `Fail` or `Ignore`.
    pub failure_policy: String,
    /// What is meant to become of it, once somebody answers; none if that is not to be touched.
    pub intended_policy: Option<String>,
}

/// Webhook configurations that one writer keeps trusting.
pub trait Webhooks: Send + Sync {
    /// What can go wrong.
    type Error: Error + Send + Sync + 'static;

    /// All that exist now: none of them older than a change that was done before.
    fn read(&self) -> impl Future<Output = Result<Vec<Configuration>, Self::Error>> + Send;

    /// Makes the bundles and failure policies of a configuration's webhooks these, if it is still of that version.
    fn apply(&self, wanted: &Configuration) -> impl Future<Output = Result<Written, Self::Error>> + Send;
}

/// Whether requests may be refused for want of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Somebody answers.
    Ready,
    /// Nobody is known to.
    NotYet,
}

// === impl Configuration ===

impl Configuration {
    /// The same as it should be; none if it is.
    ///
    /// Failure policies become what is meant only when somebody answers, so that an installation blocks nobody.
    pub fn wanted(&self, bundle: &Bundle, readiness: Readiness) -> Option<Self> {
        let pem = bundle.pem().into_bytes();
        let webhook = |webhook: &Webhook| {
            let intended = webhook.intended_policy.as_ref().filter(|_| readiness == Readiness::Ready);
            let failure_policy = intended.unwrap_or(&webhook.failure_policy).clone();
            Webhook { bundle: pem.clone(), failure_policy, ..webhook.clone() }
        };
        let wanted = Self { webhooks: self.webhooks.iter().map(webhook).collect(), ..self.clone() };
        (wanted != *self).then_some(wanted)
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

// === impl Kind ===

impl Kind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Mutating, Self::Validating];

    /// As the API server calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }
}
