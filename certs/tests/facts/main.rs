//! What a client sees over a real handshake, while certificates are made, replaced, broken, and asked for.

mod authority;
mod clients;
mod handshake;
mod reload;
mod signer;
mod volume;
