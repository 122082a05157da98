//! The rotation of a self-managed CA as a pure state machine: it decides one step at a time and does no I/O.
//!
//! ```text
//! STEADY   bundle = {current}
//! PUBLISH  `next` is stored; bundle = {previous?, current, next}
//! CONFIRM  every webhook configuration has that bundle
//! WAIT     until no client can use the former bundle; restarts if a configuration loses the bundle meanwhile
//! SWITCH   previous = current, current = next: replicas sign new leaf certificates, the bundle stays
//! DRAIN    until the last leaf certificate of `previous` has expired
//! SHRINK   bundle = {current}
//! ```

mod manual;
mod phase;
mod schedule;
mod state_machine;

pub use manual::{StepDecision, StepPolicy};
pub use phase::{RotationPhase, RotationStep};
pub use schedule::Schedule;
pub use state_machine::{ObservedState, Rotation, RotationError};
