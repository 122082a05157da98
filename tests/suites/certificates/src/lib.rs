//! Certificate rotations under load, in compressed time: real handshakes and requests over loopback, replicas that sign
//! their own leaf certificates, and callers that behave like API servers.
//!
//! An [`InjectedFault`] distorts the bundles between the rotation and the callers: each fault has to fail requests.

mod api;
mod caller;
mod fault;
mod load;
mod repair;
mod replica;
mod trial;
mod wait;

pub use fault::InjectedFault;
pub use load::{LoadOutcome, RequestLoad};
pub use repair::{first_start, repairs};
pub use trial::{RotationTrial, TrialResult};
