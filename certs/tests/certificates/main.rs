//! Issuing, reloading and inspecting certificates, observed by a client over real handshakes.

mod authority;
mod clients;
mod directory;
mod directory_store;
mod handshake;
mod inspect;
mod reload;
mod signer;
mod volume;
