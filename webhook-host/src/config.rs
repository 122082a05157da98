//! The configuration of `ordinance serve`, from the command line to a checked value.
//!
//! [`ServeArgs`] are the parsed flags and environment variables. [`Layers`] merge them with the file and the defaults, and
//! keep the source of each value. [`ServeConfig`] is the checked result: every file is read, no socket is bound.

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
pub use args::{PolicyArgs, PolicyComponentArgs, ServeArgs};
pub use cluster::kubeconfig;
pub use file::{
    CertificateSource, ClusterSource, ConfigFile, LogFile, LogFormat, LogLevel, PolicyFile, schema,
};
pub use layers::{ConfigSource, Layers};
pub use policy::{PolicyConfig, settings};
pub use selfmanaged::{SelfManaged, SelfManagedFile, self_managed};
pub use serve::{Certificate, ServeConfig, Sockets};
pub use state::{NAMESPACE, existing};

use std::fmt;
use std::path::Path;

/// An error in the configuration, in one line: the place, the problem, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct InputError {
    place: String,
    message: String,
}

// === impl InputError ===

impl InputError {
    /// Returns a fault at a flag, an environment variable, a field of a file, or a file.
    pub fn new(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { place: place.to_string(), message }
    }

    /// Returns a fault of a whole file.
    pub fn of_file(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(path.display(), message)
    }

    /// Returns the fault with the place that led to it in front, such as the flag that names the faulty file.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { place: format!("{place}: {}", self.place), ..self }
    }
}
