//! The interface of a policy with parsed objects, and with settings of a type of its own.

mod object;
mod patch;
mod policy;
mod review;
mod settings;
#[cfg(test)]
mod tests;
mod verdict_builder;

pub use object::{Object, ObjectError};
pub use patch::Patch;
pub use policy::{PendingTypedReview, Policy, review};
pub use review::Review;
pub use verdict_builder::VerdictBuilder;
