//! Certificates that rotate under load, in compressed time: real handshakes and requests over loopback, replicas that sign
//! for themselves, and callers that behave as API servers do.
//!
//! A [`Fault`] makes the rotation wrong on purpose, between what is decided and what callers see: each must cost requests.

mod api;
mod caller;
mod clobber;
mod fault;
mod load;
mod replica;
mod trial;

pub use clobber::{first_start, repairs};
pub use fault::Fault;
pub use load::{Load, Outcome};
pub use trial::{Rotated, Trial};
