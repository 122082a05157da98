//! The report of a ready server: a log line, and a file for scripts that is written atomically by a rename.

use crate::config::InputError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

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
    pub(super) fn new(addresses: Addresses, ca_bundle: String) -> Self {
        Self { addresses, ca_bundle, pid: std::process::id() }
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
        tracing::info!(%https, %admin, %metrics, "ready");
        Ok(())
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(path.file_name().unwrap_or_default());
        hidden.push(format!(".{}", self.pid));
        let temporary = path.with_file_name(hidden);
        std::fs::write(&temporary, serde_json::to_vec(self)?)?;
        std::fs::rename(&temporary, path)
    }
}
