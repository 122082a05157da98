//! Client authentication.

use crate::handshake::Client;
use crate::signer::{Dates, Pem, Signer};
use ordinance_certs::{ClientCa, ClientCaError, Files, NameNotAllowed, Reload, server_config};
use rustls::{CertificateError, Error, ServerConfig};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use tempfile::TempDir;

/// A server that authenticates its clients.
struct AuthenticatingServer {
    directory: TempDir,
    server: Signer,
    clients: ClientCa,
    config: Arc<ServerConfig>,
}

impl AuthenticatingServer {
    fn new(client_ca: &Signer, names: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = Signer::new("server ca");
        let pem = server.leaf("server");
        let [ca, certificate, key] = ["ca.crt", "tls.crt", "tls.key"].map(|name| directory.path().join(name));
        fs::write(&ca, &client_ca.ca).unwrap();
        fs::write(&certificate, pem.certificate).unwrap();
        fs::write(&key, pem.key).unwrap();
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let clients = ClientCa::open(&ca, names).unwrap();
        let served = Files::open(&certificate, &key, SystemTime::now()).unwrap().served();
        let config = Arc::new(server_config(served, Some(clients.clients())).unwrap());
        Self { directory, server, clients, config }
    }

    fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    fn connect_as(&self, identity: &Pem) -> Result<(), Error> {
        Client::trusting(&self.server.ca).presenting(identity).connect(&self.config).map(drop)
    }
}

#[test]
fn accepts_a_client_of_the_ca() {
    let signer = Signer::new("client ca");
    let server = AuthenticatingServer::new(&signer, &[]);
    assert_eq!(server.connect_as(&signer.sign("anyone", &[], Dates::Current)), Ok(()));
}

#[test]
fn accepts_an_allowed_name_as_common_name_or_as_dns_name() {
    let signer = Signer::new("client ca");
    let server = AuthenticatingServer::new(&signer, &["apiserver", "other"]);
    assert_eq!(server.connect_as(&signer.sign("apiserver", &[], Dates::Current)), Ok(()));
    assert_eq!(server.connect_as(&signer.sign("x", &["y", "apiserver"], Dates::Current)), Ok(()));
}

#[test]
fn refuses_a_client_without_an_allowed_name() {
    let signer = Signer::new("client ca");
    let server = AuthenticatingServer::new(&signer, &["apiserver"]);
    match server.connect_as(&signer.sign("apiserver.evil", &["evil"], Dates::Current)) {
        Err(Error::InvalidCertificate(CertificateError::Other(reason))) => {
            assert!(reason.0.is::<NameNotAllowed>(), "{reason:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn refuses_a_client_without_a_certificate() {
    let server = AuthenticatingServer::new(&Signer::new("client ca"), &[]);
    let anonymous = Client::trusting(&server.server.ca).connect(&server.config);
    assert_eq!(anonymous.unwrap_err(), Error::NoCertificatesPresented);
}

#[test]
fn refuses_a_client_of_another_ca_or_out_of_date() {
    let signer = Signer::new("client ca");
    let server = AuthenticatingServer::new(&signer, &[]);
    let foreign = server.connect_as(&Signer::new("foreign ca").sign("a", &[], Dates::Current));
    assert_eq!(foreign, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)));
    let expired = server.connect_as(&signer.sign("a", &[], Dates::Past));
    assert!(matches!(
        expired,
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. } | CertificateError::Expired))
    ));
}

#[test]
fn takes_a_new_client_ca_and_keeps_the_old_one_over_a_broken_file() {
    let (old, new) = (Signer::new("old ca"), Signer::new("new ca"));
    let mut server = AuthenticatingServer::new(&old, &[]);
    fs::write(server.ca(), "broken").unwrap();
    assert!(matches!(
        server.clients.poll(),
        Reload::Kept { error: ClientCaError::Chain { .. }, again: false }
    ));
    assert_eq!(server.connect_as(&old.leaf("a")), Ok(()));
    fs::write(server.ca(), &new.ca).unwrap();
    assert!(matches!(server.clients.poll(), Reload::Replaced));
    assert_eq!(server.connect_as(&new.leaf("a")), Ok(()));
    assert!(server.connect_as(&old.leaf("a")).is_err());
}
