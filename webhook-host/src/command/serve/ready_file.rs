//! What is told once the server is ready: a log line, and a file for scripts, written whole by a rename.

use crate::config::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Where the server is, and whom it can be trusted by.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ready {
    https: SocketAddr,
    admin: SocketAddr,
    ca_bundle: String,
    pid: u32,
}

/// Removes a former server's file: whoever waits for it shall see this one's.
pub(super) fn forget(file: Option<&Path>) {
    if let Some(path) = file {
        // Most often there is none.
        let _ = std::fs::remove_file(path);
    }
}

// === impl Ready ===

impl Ready {
    pub(super) fn new(https: SocketAddr, admin: SocketAddr, ca_bundle: String) -> Self {
        Self { https, admin, ca_bundle, pid: std::process::id() }
    }

    /// As it stands in the field `caBundle` of a webhook's configuration.
    pub(super) fn tell_ca(&self) {
        tracing::info!(ca_bundle = STANDARD.encode(&self.ca_bundle), "self-signed: trust this CA");
    }

    /// The file first: whoever sees the line finds it.
    pub(super) fn tell(&self, file: Option<&Path>) -> Result<(), Fault> {
        if let Some(path) = file {
            self.write(path).map_err(|error| {
                Fault::of_file(path, format_args!("{error}; give --ready-file a place that can be written"))
            })?;
        }
        tracing::info!(https = %self.https, admin = %self.admin, "ready");
        Ok(())
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(path.file_name().unwrap_or_default());
        hidden.push(format!(".{}", self.pid));
        let beside = path.with_file_name(hidden);
        std::fs::write(&beside, serde_json::to_vec(self)?)?;
        std::fs::rename(&beside, path)
    }
}
