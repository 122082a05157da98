//! The policy in all its builds: a plain library, the component in the host's engine, and the npm package in Node; and
//! the component once more behind the host's own memory.
//!
//! Each answers cases by itself, and all must answer alike. [`input`] has what fuzzers feed to the host. What runs the
//! host over real sockets is beside its own code.

mod component;
mod host;
pub mod input;
mod node;

pub use component::ComponentBuild;
pub use host::HostBuild;
pub use node::{NodeBuild, package};

use ordinance_case::{Build, Indexed};
use ordinance_testkit::Native;

/// A build by its name.
pub type Named = (&'static str, Box<dyn Build + Send + Sync>);

/// All builds.
///
/// # Errors
///
/// What is missing to run one of them.
pub fn builds() -> Result<Vec<Named>, String> {
    Ok(vec![
        ("library", Box::new(Indexed(Native))),
        ("component", Box::new(Indexed(ComponentBuild::new()?))),
        ("host", Box::new(HostBuild::new()?)),
        ("npm", Box::new(Indexed(NodeBuild::start()?))),
    ])
}
