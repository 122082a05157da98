//! Fills the memory of a running server in each way that a caller or a tenant can, and measures its peak beside the limit.

mod cgroup;
mod client;
mod load;

pub use cgroup::Cgroup;
pub use load::{MemoryFigures, MemoryLoad};
