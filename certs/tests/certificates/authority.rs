//! Certificates issued in memory.

use crate::handshake::Client;
use crate::signer::HOUR;
use ordinance_certs::{Authority, CertificateResolver, Lifetime, server_config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, Error, ProtocolVersion, ServerConfig};
use std::sync::Arc;
use std::time::SystemTime;
use x509_parser::prelude::{FromDer, X509Certificate};

const YEAR: Lifetime = Lifetime::days(365);
const WEEK: Lifetime = Lifetime::days(7);

fn authority(names: &[&str], now: SystemTime) -> Authority {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    Authority::new(&names, now, YEAR).unwrap()
}

fn config(authority: &Authority, now: SystemTime) -> Arc<ServerConfig> {
    let served = Arc::new(CertificateResolver::new(authority.issue(now, WEEK).unwrap()));
    Arc::new(server_config(served, None).unwrap())
}

fn ca(authority: &Authority) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()
}

#[test]
fn a_client_with_the_bundle_trusts_every_given_name() {
    let now = SystemTime::now();
    let authority = authority(&["localhost", "127.0.0.1", "::1", "ordinance.system.svc"], now);
    let config = config(&authority, now);
    for name in ["localhost", "127.0.0.1", "::1", "ordinance.system.svc"] {
        let connection = Client::trusting(&authority.pem()).with_server_name(name).connect(&config).unwrap();
        assert_eq!(connection.common_name, "localhost");
    }
    let other =
        Client::trusting(&authority.pem()).with_server_name("kubernetes.default.svc").connect(&config);
    assert!(matches!(
        other,
        Err(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        ))
    ));
}

#[test]
fn negotiates_only_tls_1_3_and_http_1_1() {
    let now = SystemTime::now();
    let authority = authority(&["localhost"], now);
    let connection = Client::trusting(&authority.pem()).connect(&config(&authority, now)).unwrap();
    assert_eq!(
        (connection.version, connection.alpn),
        (Some(ProtocolVersion::TLSv1_3), Some(b"http/1.1".to_vec()))
    );
}

#[test]
fn the_ca_can_sign_only_for_its_names() {
    let authority = authority(&["ordinance.system.svc"], SystemTime::now());
    let der = ca(&authority);
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    let constraints = certificate.name_constraints().unwrap().unwrap();
    assert!(constraints.critical);
    let show = |subtrees: &Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| -> Vec<String> {
        subtrees.iter().flatten().map(|subtree| subtree.base.to_string()).collect()
    };
    assert_eq!(show(&constraints.value.permitted_subtrees), ["DNSName(ordinance.system.svc)"]);
    assert_eq!(show(&constraints.value.excluded_subtrees).len(), 2);
    let basic = certificate.basic_constraints().unwrap().unwrap().value;
    assert_eq!((basic.ca, basic.path_len_constraint), (true, Some(0)));
}

#[test]
fn a_leaf_is_valid_since_an_hour_ago_and_does_not_outlive_the_ca() {
    let now = SystemTime::UNIX_EPOCH + 500_000 * HOUR;
    let authority = authority(&["localhost"], now);
    let week = authority.issue(now, WEEK).unwrap().validity();
    assert_eq!((week.not_before, week.not_after), (now - HOUR, now + WEEK.0));
    let late = now + YEAR.0 - HOUR;
    assert_eq!(authority.issue(late, WEEK).unwrap().validity().left(late), HOUR);
}

#[test]
fn serial_numbers_are_random() {
    let now = SystemTime::now();
    let serials: Vec<_> = (0..3)
        .map(|_| {
            let der = ca(&authority(&["localhost"], now));
            X509Certificate::from_der(&der).unwrap().1.raw_serial().to_vec()
        })
        .collect();
    assert!(serials[0] != serials[1] && serials[1] != serials[2], "{serials:?}");
}
