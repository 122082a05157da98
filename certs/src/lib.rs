//! Serving certificates: issued by a CA that is rotated automatically, self-signed in memory, or read from files.
//!
//! Every [`ServingCertificate`] is served through one [`CertificateResolver`], which swaps it as a whole. No code here
//! reads a clock or sleeps: the time is an argument, and the owner of a [`Reconciler`], a [`LeafSigner`], a [`Files`] or
//! a [`ClientCa`] decides when to poll it.

mod authority;
mod bundle;
mod certificate;
mod clients;
#[cfg(feature = "cluster")]
pub mod cluster;
mod crypto;
mod directory;
mod files;
pub mod inspect;
mod leaf;
mod path_token;
mod reconciler;
mod record;
mod resolver;
mod rotation;
mod store;
mod time;
mod verification;
mod watched_files;
mod webhooks;

pub use authority::{Authority, AuthorityError, InvalidAuthority, Lifetime, PemPair};
pub use bundle::Bundle;
pub use certificate::{
    CertificateChain, ChainError, KeyMismatch, PrivateKey, PrivateKeyError, ServingCertificate, Validity,
};
pub use clients::{ClientCa, ClientCaError, ClientVerifier, NameNotAllowed};
pub use directory::{
    CertificateDirectory, ClientTrust, DirectoryChange, DirectoryError, DirectoryOutcome, DirectoryStore,
    IssueOptions, SigningReason,
};
pub use files::{Files, FilesError};
pub use leaf::{LeafSigner, RecordReading, Renewal};
pub use path_token::{AcceptedPath, AcceptedPaths, PathToken};
pub use reconciler::{ReconcileChange, ReconcileError, Reconciler, take_next_step, trusted_bundles};
pub use record::{CA_CRT, NextAuthority, Record, RecordError, RetiredBundle, SecretData, TLS_CRT, TLS_KEY};
pub use resolver::{CertificateResolver, server_config};
pub use rotation::{
    ObservedState, Rotation, RotationError, RotationPhase, RotationStep, Schedule, StepDecision, StepPolicy,
};
pub use store::{Store, StoreVersion, StoredEntries, WriteOutcome};
pub use time::{Timestamp, rough_duration};
pub use watched_files::{Reload, UnreadableFile};
pub use webhooks::{
    ConfigurationKind, ConfigurationStore, WantedFields, Webhook, WebhookConfiguration, WebhookReadiness,
};
