//! The workshop of policy authors: [`NewPolicy`] writes a policy from templates, [`Sources`] makes a component of it,
//! and [`newer_source`] tells when that has to be made again.

mod c;
mod component;
mod js;
mod language;
mod new_policy;
mod program;
mod rust;
mod sources;
mod stale;
mod templates;

pub use component::ComponentError;
pub use language::{Language, PolicyKind};
pub use new_policy::{NewPolicy, NewPolicyError};
pub use sources::{BuildError, BuildOutput, Sources};
pub use stale::newer_source;
