//! Where to look: a directory, files, what servers present, and a cluster.

use super::Output;
use super::cluster::{ClusterArgs, block_on};
use crate::config::{Fault, named};
use anyhow::Result;
use clap::Args;
use ordinance_certs::inspect::{Inspection, Material, MaterialError, presented};
use ordinance_certs::{Folder, Schedule};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a server may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Where to look, and how to tell what was found.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// Certificates, their keys and CAs, PEM; `-` for stdin
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A directory of `ordinance certs issue`, or where a Secret is mounted
    #[arg(long, value_name = "DIR", env = "ORDINANCE_DIR", hide_env = true)]
    dir: Option<PathBuf>,
    /// What a TLS server presents; may be repeated
    #[arg(long, value_name = "HOST:PORT", env = "ORDINANCE_CONNECT", hide_env = true, value_delimiter = ',')]
    #[arg(value_parser = Endpoint::parse)]
    connect: Vec<Endpoint>,
    /// A name that a certificate is needed for, in place of HOST; may be repeated
    #[arg(long, value_name = "NAME", env = "ORDINANCE_DNS_NAME", hide_env = true, value_delimiter = ',')]
    dns_name: Vec<String>,
    /// Whom clients trust, PEM, e.g. what a caBundle decodes to; may be repeated
    #[arg(long, value_name = "FILE", env = "ORDINANCE_CA", hide_env = true)]
    ca: Vec<PathBuf>,
    /// As of another time than now, e.g. 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", env = "ORDINANCE_AT", hide_env = true, value_parser = moment)]
    at: Option<SystemTime>,
    /// How to tell what was found
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    pub(super) output: Output,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What becomes of a file that is none of what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// There is nothing to show.
    Fails,
    /// That is what was to be found out.
    IsFound,
}

/// A TLS server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    host: String,
    port: u16,
}

// === impl SourceArgs ===

impl SourceArgs {
    /// The moment that is asked about.
    pub(super) fn at(&self) -> SystemTime {
        self.at.unwrap_or_else(SystemTime::now)
    }

    /// Whether only servers are looked at, of which nobody says who trusts them.
    pub(super) fn is_without_trust(&self) -> bool {
        !self.connect.is_empty()
            && self.ca.is_empty()
            && self.dir.is_none()
            && self.files.is_empty()
            && !self.cluster.is_named()
    }

    /// Looks everywhere.
    pub(super) fn inspect(&self, unfit: Unfit) -> Result<Inspection> {
        let mut inspection = Inspection::default();
        let mut materials = Vec::new();
        for path in &self.files {
            materials.extend(fit(open(path), unfit, &mut inspection)?);
        }
        for path in &self.ca {
            if let Some(material) = fit(open(path), unfit, &mut inspection)? {
                inspection.trusted(&material);
            }
        }
        inspection.files(materials, &self.names());
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

/// What can't be read at all is never a finding.
fn fit(
    opened: Result<Material, MaterialError>,
    unfit: Unfit,
    inspection: &mut Inspection,
) -> Result<Option<Material>> {
    match opened {
        Ok(material) => Ok(Some(material)),
        Err(error @ MaterialError::Unreadable(_)) => Err(error.into()),
        Err(error) if unfit == Unfit::Fails => Err(error.into()),
        Err(error) => {
            inspection.trouble(error.place(), error.problem());
            Ok(None)
        }
    }
}

fn directory(path: &Path, inspection: &mut Inspection) -> Result<()> {
    let data = Folder::new(path).found()?;
    let entry = |name: &str| path.join(name).display().to_string();
    inspection.store(&path.display().to_string(), entry, &data, Schedule::default());
    Ok(())
}

/// As clap wants it.
fn moment(text: &str) -> Result<SystemTime, String> {
    let read = humantime::parse_rfc3339_weak(text);
    read.map_err(|_| format!("`{text}` is no moment; write e.g. 2027-01-31T12:00:00Z"))
}

// === impl Endpoint ===

impl Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() => {
                Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port })
            }
            _ => Err(format!("`{text}` is no server; write e.g. 127.0.0.1:8443")),
        }
    }

    fn inspect(&self, names: &[String], inspection: &mut Inspection) -> Result<()> {
        let place = format!("{}:{}", self.host, self.port);
        let names = if names.is_empty() { std::slice::from_ref(&self.host) } else { names };
        let name = names.first().map_or("", String::as_str);
        let stream = self.connect().map_err(|error| {
            Fault::new(&place, format_args!("{error}; give --connect the HOST:PORT of a TLS server"))
        })?;
        let presented = presented(stream, name).map_err(|error| Fault::new(&place, error))?;
        inspection.presented(&place, presented, names);
        Ok(())
    }

    /// By the first of its addresses that answers.
    fn connect(&self) -> std::io::Result<TcpStream> {
        let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, ANSWER_TIME) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(ANSWER_TIME))?;
                    stream.set_write_timeout(Some(ANSWER_TIME))?;
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
    fn a_server_has_a_host_and_a_port() {
        let endpoint = |host: &str, port| Ok(Endpoint { host: host.to_owned(), port });
        assert_eq!(Endpoint::parse("nas.example.com:443"), endpoint("nas.example.com", 443));
        assert_eq!(Endpoint::parse("[::1]:8443"), endpoint("::1", 8443));
        for text in ["", "localhost", ":443", "localhost:https", "localhost:70000"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
