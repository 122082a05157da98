//! The cryptography provider of all certificates and handshakes, chosen only here.

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
