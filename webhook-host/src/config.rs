//! The configuration of `ordinance serve`, from the command line to a checked value.
//!
//! [`ServeArgs`] are the parsed flags and environment variables. [`Layers`] merge them with the file and the defaults, and
//! keep the source of each value. [`ServeConfig`] is the checked result: every file is read, no socket is bound.

mod args;
mod audit;
mod cluster;
mod file;
mod input_error;
mod layers;
mod policy;
mod read;
mod recording;
mod selfmanaged;
mod serve;
mod source;
mod state;

pub(crate) use args::named;
pub use args::{PolicyArgs, PolicyComponentArgs, ServeArgs, WasiArgs};
pub use audit::AuditFile;
pub use cluster::{kubeconfig, kubeconfig_of, kubeconfig_problem};
pub use file::{
    CertificateSource, ClusterSource, ConfigFile, LogFile, LogFormat, LogLevel, PolicyFile, schema,
};
pub use input_error::InputError;
pub use layers::Layers;
pub use policy::{PolicyConfig, SettingsFile, settings};
pub use recording::{RecordingConfig, RecordingFile};
pub use selfmanaged::{SelfManaged, SelfManagedFile};
pub use serve::{Certificate, ServeConfig, Sockets};
pub use source::ConfigSource;
pub use state::{NAMESPACE, NO_OBJECT, State, is_different, is_empty_list, namespace, title};

use std::path::Path;

/// Reads the self-managed CA's part of a configuration file.
///
/// # Errors
///
/// The file can't be read, or is not a configuration.
pub fn self_managed(path: &Path) -> Result<SelfManagedFile, InputError> {
    Ok(Layers::of_file(path, &read::text(path)?)?.config()?.certificate.self_managed)
}
