//! The configuration of `ordinance serve`: arguments first plain, then checked, then used.
//!
//! [`ServeArgs`] are what was typed. [`Layers`] put flags over the environment over the file over the defaults and
//! remember which of them counted. [`ServeConfig`] is the outcome, checked: every file read, nothing bound yet.

mod args;
mod cluster;
mod file;
mod layers;
mod policy;
mod read;
mod selfmanaged;
mod serve;
mod state;

pub(crate) use args::named;
pub use args::{PolicyArgs, ServeArgs};
pub use cluster::kubeconfig;
pub use file::{
    CertificateSource, ClusterSource, ConfigFile, LogFile, LogFormat, LogLevel, PolicyFile, schema,
};
pub use layers::{Layers, Source};
pub use policy::{PolicyConfig, settings};
pub use selfmanaged::{SelfManaged, SelfManagedFile, self_managed};
pub use serve::{Certificate, ServeConfig, Sockets};
pub use state::{NAMESPACE, existing};

use std::fmt;
use std::path::Path;

/// What is wrong with something that was given, and the way out: one line that begins with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Fault {
    place: String,
    message: String,
}

// === impl Fault ===

impl Fault {
    /// A fault at a flag, a field of a file, or a file.
    pub fn new(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { place: place.to_string(), message }
    }

    /// A fault of a file.
    pub fn of_file(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(path.display(), message)
    }

    /// The same fault, found on the way that this place began.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { place: format!("{place}: {}", self.place), ..self }
    }
}
