//! The sources of an inspection: a directory, files, TLS servers and a cluster.

use super::cluster::{CertsClusterArgs, block_on};
use super::output::CertsFormat;
use crate::config::{InputError, named};
use anyhow::Result;
use clap::Args;
use ordinance_certs::inspect::{Inspection, Material, MaterialError, presented_chain};
use ordinance_certs::{CertificateDirectory, Schedule};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The timeout of a TLS server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What to inspect, and the output format.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// PEM files with certificates, keys or CAs; `-` for stdin
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A directory of `ordinance certs issue`, or the mount of a Secret
    #[arg(long, value_name = "DIR", env = "ORDINANCE_DIR", hide_env = true)]
    dir: Option<PathBuf>,
    /// A TLS server to connect to; may be repeated
    #[arg(long, value_name = "HOST:PORT", env = "ORDINANCE_CONNECT", hide_env = true, value_delimiter = ',')]
    #[arg(value_parser = Endpoint::parse)]
    connect: Vec<Endpoint>,
    /// A name that certificates must be valid for, in place of HOST; may be repeated
    #[arg(long, value_name = "NAME", env = "ORDINANCE_DNS_NAME", hide_env = true, value_delimiter = ',')]
    dns_name: Vec<String>,
    /// A PEM file with the CAs that clients trust, e.g. a decoded caBundle; may be repeated
    #[arg(long, value_name = "FILE", env = "ORDINANCE_CA", hide_env = true)]
    ca: Vec<PathBuf>,
    /// The time to check dates against, e.g. 2027-01-31T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", env = "ORDINANCE_AT", hide_env = true, value_parser = time)]
    at: Option<SystemTime>,
    /// The output format
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    pub(super) output: CertsFormat,
    #[command(flatten)]
    cluster: CertsClusterArgs,
}

/// How to treat a file without valid PEM material.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvalidMaterial {
    /// The command fails.
    Error,
    /// The command reports a finding.
    Finding,
}

/// A TLS server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    host: String,
    port: u16,
}

// === impl SourceArgs ===

impl SourceArgs {
    /// Returns the time to check dates against.
    pub(super) fn at(&self) -> SystemTime {
        self.at.unwrap_or_else(SystemTime::now)
    }

    /// Returns whether only servers are given, and no source of a trust bundle.
    pub(super) fn lacks_trust_bundle(&self) -> bool {
        !self.connect.is_empty()
            && self.ca.is_empty()
            && self.dir.is_none()
            && self.files.is_empty()
            && !self.cluster.is_named()
    }

    /// Inspects all sources.
    pub(super) fn inspect(&self, invalid: InvalidMaterial) -> Result<Inspection> {
        let mut inspection = Inspection::default();
        let mut materials = Vec::new();
        for path in &self.files {
            materials.extend(accept(open(path), invalid, &mut inspection)?);
        }
        for path in &self.ca {
            if let Some(material) = accept(open(path), invalid, &mut inspection)? {
                inspection.add_trust_bundle(&material);
            }
        }
        inspection.add_files(materials, &self.names());
        if let Some(dir) = &self.dir {
            directory(dir, &mut inspection)?;
        }
        for endpoint in &self.connect {
            endpoint.inspect(&self.names(), &mut inspection)?;
        }
        let elsewhere = self.dir.is_some() || !self.connect.is_empty() || !self.files.is_empty();
        if self.cluster.is_named() || !elsewhere {
            block_on(async { self.cluster.open().await?.inspect(&mut inspection).await })?;
        }
        Ok(inspection)
    }

    fn names(&self) -> Vec<String> {
        named(&self.dns_name).cloned().collect()
    }
}

fn open(path: &Path) -> Result<Material, MaterialError> {
    match path.as_os_str() == "-" {
        true => Material::stream("stdin", std::io::stdin().lock()),
        false => Material::open(path),
    }
}

/// Returns valid material. An unreadable file is always an error.
fn accept(
    opened: Result<Material, MaterialError>,
    invalid: InvalidMaterial,
    inspection: &mut Inspection,
) -> Result<Option<Material>> {
    match opened {
        Ok(material) => Ok(Some(material)),
        Err(error @ MaterialError::Unreadable(_)) => Err(error.into()),
        Err(error) if invalid == InvalidMaterial::Error => Err(error.into()),
        Err(error) => {
            inspection.add_problem(error.place(), error.problem());
            Ok(None)
        }
    }
}

fn directory(path: &Path, inspection: &mut Inspection) -> Result<()> {
    let data = CertificateDirectory::new(path).read()?;
    let entry = |name: &str| path.join(name).display().to_string();
    inspection.add_store(&path.display().to_string(), entry, &data, Schedule::default());
    Ok(())
}

/// Parses a time for clap.
fn time(text: &str) -> Result<SystemTime, String> {
    let read = humantime::parse_rfc3339_weak(text);
    read.map_err(|_| format!("`{text}` is not a time; write e.g. 2027-01-31T12:00:00Z"))
}

// === impl Endpoint ===

impl Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() => {
                Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port })
            }
            _ => Err(format!("`{text}` is not a server; write e.g. 127.0.0.1:8443")),
        }
    }

    fn inspect(&self, names: &[String], inspection: &mut Inspection) -> Result<()> {
        let place = format!("{}:{}", self.host, self.port);
        let names = if names.is_empty() { std::slice::from_ref(&self.host) } else { names };
        let name = names.first().map_or("", String::as_str);
        let stream = self.connect().map_err(|error| {
            InputError::new(&place, format_args!("{error}; give --connect the HOST:PORT of a TLS server"))
        })?;
        let presented = presented_chain(stream, name).map_err(|error| InputError::new(&place, error))?;
        inspection.add_presented(&place, presented, names);
        Ok(())
    }

    /// Connects to the first address that accepts.
    fn connect(&self) -> std::io::Result<TcpStream> {
        let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
                    stream.set_write_timeout(Some(CONNECT_TIMEOUT))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_host_and_a_port() {
        let endpoint = |host: &str, port| Ok(Endpoint { host: host.to_owned(), port });
        assert_eq!(Endpoint::parse("nas.example.com:443"), endpoint("nas.example.com", 443));
        assert_eq!(Endpoint::parse("[::1]:8443"), endpoint("::1", 8443));
        for text in ["", "localhost", ":443", "localhost:https", "localhost:70000"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
