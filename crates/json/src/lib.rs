//! JSON without Kubernetes: the nesting of a text, one value of a text, and the application of a patch.

mod depth;
mod patch;
mod seek;

pub use depth::exceeds;
pub use patch::applied;
pub use seek::at;
