//! All builds of the policy: a plain library, the component in the host's engine, the npm package in Node, and the
//! component behind the host's own index.
//!
//! Each build answers cases on its own, and all must answer alike. [`input`] has the functions that fuzz targets of the
//! host call. Tests of the host over real sockets are in the host's own package.

mod component;
mod host;
pub mod input;
mod node;

pub use component::ComponentBuild;
pub use host::HostBuild;
pub use node::{NodeBuild, package};

use ordinance_case::{Build, Indexed};
use ordinance_testkit::Native;

/// A build with its name.
pub type Named = (&'static str, Box<dyn Build + Send + Sync>);

/// Returns all builds.
///
/// # Errors
///
/// Returns an error if a build can't run, e.g. without Node.
pub fn builds() -> Result<Vec<Named>, String> {
    Ok(vec![
        ("library", Box::new(Indexed(Native))),
        ("component", Box::new(Indexed(ComponentBuild::new()?))),
        ("host", Box::new(HostBuild::new()?)),
        ("npm", Box::new(Indexed(NodeBuild::start()?))),
    ])
}
