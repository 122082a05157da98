//! Serving certificates: self-managed and rotated, made in memory, or read from files that may be replaced at any time.
//!
//! Wherever a [`Pair`] comes from, it is served by one [`Served`], which swaps it as a whole. Nothing here reads a clock
//! or waits: the time is an argument, and whoever owns a [`Keeper`], a [`Signing`], a [`Files`] or a [`ClientCa`] asks it
//! to look when it likes.

mod authority;
mod bundle;
mod clients;
#[cfg(feature = "cluster")]
pub mod cluster;
mod directory;
mod files;
mod folder;
pub mod inspect;
mod keeper;
mod leaf;
mod pair;
mod record;
mod rotation;
mod served;
mod store;
mod trust;
mod watched;
mod webhooks;

pub use authority::{Authority, AuthorityError, Issued, Lifetime, NoAuthority};
pub use bundle::Bundle;
pub use clients::{ClientCa, ClientError, Clients, NameNotAllowed};
pub use directory::Directory;
pub use files::{Files, FilesError};
pub use folder::{Done, Folder, FolderError, Outcome, Reason, Trusting, Wish};
pub use keeper::{Change, Keeper, KeeperError, ask, shown};
pub use leaf::{Reading, Renewal, Signing};
pub use pair::{Chain, ChainError, Key, KeyError, Mismatch, Moment, Pair, Validity};
pub use record::{Coming, Data, Record, Retired, Unusable};
pub use rotation::{Asked, Haste, Phase, Rotation, RotationError, Schedule, Sight, Step};
pub use served::{Served, server_config};
pub use store::{Store, Stored, Version, Written};
pub use watched::{Reload, Unreadable};
pub use webhooks::{Configuration, Kind, Readiness, Webhook, Webhooks};

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The cryptography of all certificates and handshakes: one provider, named here and nowhere else.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
