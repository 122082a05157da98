//! The report of a ready server: a log line, and a file for scripts that is written atomically by a rename.

use crate::config::InputError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ordinance_files::Directory;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

/// The permissions of the file: it has nothing secret.
const MODE: u32 = 0o644;

/// The addresses of a server.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Addresses {
    /// The address of admission reviews.
    pub(super) https: SocketAddr,
    /// The address of health checks.
    pub(super) admin: SocketAddr,
    pub(super) metrics: SocketAddr,
}

/// The addresses of a ready server, and the CA to trust it by.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadyReport {
    #[serde(flatten)]
    addresses: Addresses,
    ca_bundle: String,
    pid: u32,
    /// The paths of the policies, for the log.
    #[serde(skip)]
    paths: Vec<String>,
}

/// Removes the file of a previous server, so that a waiting script sees only the file of this one.
pub(super) fn remove(file: Option<&Path>) {
    if let Some(path) = file {
        // Usually the file does not exist.
        let _ = std::fs::remove_file(path);
    }
}

// === impl ReadyReport ===

impl ReadyReport {
    pub(super) fn new(addresses: Addresses, ca_bundle: String, paths: Vec<String>) -> Self {
        Self { addresses, ca_bundle, pid: std::process::id(), paths }
    }

    /// Logs the CA as base64, the format of `caBundle` in a webhook configuration.
    pub(super) fn log_ca(&self) {
        tracing::info!(
            ca_bundle = STANDARD.encode(&self.ca_bundle),
            "the certificate is self-signed; let clients trust this CA"
        );
    }

    /// Writes the file, and then logs the line, so that a reader of the log finds the file.
    pub(super) fn publish(&self, file: Option<&Path>) -> Result<(), InputError> {
        if let Some(path) = file {
            self.write(path).map_err(|error| {
                InputError::of_file(path, format_args!("{error}; give --ready-file a writable path"))
            })?;
        }
        let Addresses { https, admin, metrics } = self.addresses;
        tracing::info!(%https, %admin, %metrics, paths = self.paths.join(" "), "ready");
        Ok(())
    }

    /// Writes a new file beside the path and renames it. A link of its name, which another user may have made in a shared
    /// directory, is not followed.
    fn write(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default();
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}", self.pid));
        let directory = Directory::open(path.parent().unwrap_or(path))?;
        // A process of the same id may have left one: in a container, every server has the id 1.
        if directory.kind(&hidden)?.is_some() {
            directory.remove(&hidden)?;
        }
        directory.create(&hidden, MODE)?.write_all(&serde_json::to_vec(self)?)?;
        directory.rename(&hidden, name)
    }
}
