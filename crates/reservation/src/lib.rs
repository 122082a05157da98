//! The protocol by which replicas of the host reserve keys, so that two objects that exclude each other are never both admitted.
//!
//! A replica that wants to admit an object first writes a [`Reservation`] to a log that all replicas share. The log has one order,
//! and a replica decides on the state at its own entry: an object that an earlier entry excludes is not admitted. `docs/reservations.md`
//! has the protocol and the argument.
//!
//! Everything here is pure. Writes, lists, watches, timers and verdicts are [`Input`]s and [`Output`]s of [`Replica`]; the time and what
//! is stored are inputs of [`Collector`].

mod collector;
mod log;
mod replica;
mod reservation;

pub use collector::{Collector, Retention};
pub use log::{Log, WatchEvent};
pub use replica::{Answer, AttemptId, Creation, Input, Judgement, Output, Replica};
pub use reservation::{Draft, HeldKey, Holder, Reservation};
