//! What a client sees over a real handshake, while certificates are made, replaced, broken, and asked for.

mod authority;
mod clients;
mod folder;
mod handshake;
mod inspect;
mod reload;
mod signer;
mod volume;
