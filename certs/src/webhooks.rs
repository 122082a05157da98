//! Webhook configurations: the trust bundles, paths and failure policies that they have, and those that they should have.

use crate::bundle::Bundle;
use crate::path_token::{PathToken, without_token};
use crate::store::WriteOutcome;
use std::error::Error;
use std::fmt;

/// The fields of a webhook configuration that are read or written here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfiguration {
    /// Mutating or validating.
    pub kind: ConfigurationKind,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.resourceVersion`, which makes a write conditional.
    pub version: String,
    /// The webhooks, in the order of the object.
    pub webhooks: Vec<Webhook>,
}

/// The kind of a webhook configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigurationKind {
    /// `MutatingWebhookConfiguration`.
    Mutating,
    /// `ValidatingWebhookConfiguration`.
    Validating,
}

/// One webhook of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The name, unique within its configuration.
    pub name: String,
    /// The host name that the API server verifies, or `None` if the configuration has neither a Service nor a valid URL.
    pub host: Option<String>,
    /// The URL, or `None` for a Service.
    pub url: Option<String>,
    /// The path of the Service or of the URL; `None` if it is empty.
    pub path: Option<String>,
    /// The path to use if there is none, without a token.
    pub default_path: Option<String>,
    /// `caBundle`, as PEM.
    pub bundle: Vec<u8>,
    /// What the API server does if the webhook does not answer: `Fail` or `Ignore`.
    pub failure_policy: String,
    /// The failure policy to set once a replica is ready, or `None` to leave the field alone.
    pub intended_policy: Option<String>,
}

/// The webhook configurations of a cluster, as far as one writer maintains them.
pub trait ConfigurationStore: Send + Sync {
    /// The error of a failed read or write.
    type Error: Error + Send + Sync + 'static;

    /// Reads all configurations that exist. The result is never older than a write that has completed.
    fn read(&self) -> impl Future<Output = Result<Vec<WebhookConfiguration>, Self::Error>> + Send;

    /// Sets the bundles and failure policies of a configuration's webhooks if the configuration still has this version.
    fn apply(
        &self,
        wanted: &WebhookConfiguration,
    ) -> impl Future<Output = Result<WriteOutcome, Self::Error>> + Send;
}

/// What the webhooks of a configuration should have.
#[derive(Clone, Copy, Debug)]
pub struct WantedFields<'a> {
    /// The CAs to trust.
    pub bundle: &'a Bundle,
    /// The token of their paths, or `None` for paths without a token.
    pub token: Option<&'a PathToken>,
    /// Whether the intended failure policies may be set.
    pub readiness: WebhookReadiness,
}

/// Whether a replica answers the webhooks, so that the intended failure policies may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookReadiness {
    /// At least one replica answers.
    Ready,
    /// No replica is known to answer.
    NotReady,
}

// === impl WebhookConfiguration ===

impl WebhookConfiguration {
    /// Returns the configuration as it should be, or `None` if it already is.
    ///
    /// Sets the intended failure policies only when a replica is ready, so that an installation blocks no requests.
    pub fn wanted(&self, fields: &WantedFields<'_>) -> Option<Self> {
        let pem = fields.bundle.pem().into_bytes();
        let webhook = |webhook: &Webhook| Webhook {
            bundle: pem.clone(),
            path: webhook.wanted_path(fields.token),
            failure_policy: webhook.wanted_policy(fields.readiness).to_owned(),
            ..webhook.clone()
        };
        let wanted = Self { webhooks: self.webhooks.iter().map(webhook).collect(), ..self.clone() };
        (wanted != *self).then_some(wanted)
    }
}

// === impl Webhook ===

impl Webhook {
    /// Returns the path with this token in place of another one, or `None` if the path is not known.
    fn wanted_path(&self, token: Option<&PathToken>) -> Option<String> {
        let path = without_token(self.path.as_ref().or(self.default_path.as_ref())?);
        Some(token.map_or_else(|| path.to_owned(), |token| token.before(path)))
    }

    fn wanted_policy(&self, readiness: WebhookReadiness) -> &str {
        let intended = self.intended_policy.as_ref().filter(|_| readiness == WebhookReadiness::Ready);
        intended.unwrap_or(&self.failure_policy)
    }
}

impl fmt::Display for WebhookConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

// === impl ConfigurationKind ===

impl ConfigurationKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Mutating, Self::Validating];

    /// Returns the `kind` of the API object.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }
}
