//! Mechanics of JSON that know nothing of Kubernetes: how deep a text nests, one value out of a text, a patch applied.

mod depth;
mod patch;
mod seek;

pub use depth::exceeds;
pub use patch::applied;
pub use seek::at;
