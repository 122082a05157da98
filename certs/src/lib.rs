//! Serving certificates: made in memory, or read from files that may be replaced at any time.
//!
//! Wherever a [`Pair`] comes from, it is served by one [`Served`], which swaps it as a whole. Nothing here reads a clock
//! or waits: the time is an argument, and whoever owns a [`Files`] or a [`ClientCa`] calls `poll` when it likes.

mod authority;
mod clients;
mod files;
mod pair;
mod served;
mod watched;

pub use authority::{Authority, AuthorityError, Lifetime};
pub use clients::{ClientCa, ClientError, Clients, NameNotAllowed};
pub use files::{Files, FilesError};
pub use pair::{Chain, ChainError, Key, KeyError, Mismatch, Moment, Pair, Validity};
pub use served::{Served, server_config};
pub use watched::{Reload, Unreadable};

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The cryptography of all certificates and handshakes: one provider, named here and nowhere else.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
