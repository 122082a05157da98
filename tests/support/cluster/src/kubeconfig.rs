//! Kubeconfig files: where an API server is, and as whom to ask it.

use crate::authority::PemPair;
use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Where an API server is.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    server: String,
    authority: String,
}

// === impl Kubeconfig ===

impl Kubeconfig {
    /// For a server, by its URL, whose certificate an authority signed.
    #[must_use]
    pub fn new(server: String, authority: &str) -> Self {
        Self { server, authority: authority.to_owned() }
    }

    /// The same API server by another address, which leads there.
    #[must_use]
    pub fn by(&self, address: SocketAddr) -> Self {
        Self::new(format!("https://{address}"), &self.authority)
    }

    /// Its address.
    ///
    /// # Errors
    ///
    /// That it is named otherwise.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.server.trim_start_matches("https://").parse()?)
    }

    /// The file's text, for whoever has a client certificate.
    #[must_use]
    pub fn with_pair(&self, pair: &PemPair) -> String {
        self.text(client_certificate(pair))
    }

    /// The file's text, for a service account's token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> String {
        self.text(json!({ "token": token }))
    }

    fn text(&self, user: Value) -> String {
        let cluster = json!({
            "server": self.server,
            "certificate-authority-data": STANDARD.encode(&self.authority),
        });
        config(
            json!([{ "name": "ordinance", "user": user }]),
            json!([{ "name": "ordinance", "cluster": cluster }]),
        )
    }
}

/// The certificate that the API server shows to webhooks behind a Service.
pub fn for_webhooks(pair: &PemPair) -> String {
    config(json!([{ "name": "*.svc", "user": client_certificate(pair) }]), json!([]))
}

fn client_certificate(pair: &PemPair) -> Value {
    json!({
        "client-certificate-data": STANDARD.encode(&pair.certificate),
        "client-key-data": STANDARD.encode(&pair.key),
    })
}

/// JSON, which is YAML too.
fn config(users: Value, clusters: Value) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "users": users,
        "contexts": [{ "name": "ordinance", "context": { "cluster": "ordinance", "user": "ordinance" } }],
        "current-context": "ordinance",
    })
    .to_string()
}
