//! Kubeconfig files: the address of an API server, and the credentials to use.

use crate::authority::IssuedPair;
use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The URL and the CA of an API server.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    server: String,
    authority: String,
}

// === impl Kubeconfig ===

impl Kubeconfig {
    /// Describes a server by its URL and by the CA that signed its certificate.
    #[must_use]
    pub fn new(server: String, authority: &str) -> Self {
        Self { server, authority: authority.to_owned() }
    }

    /// The same API server at another address, e.g. of a proxy.
    #[must_use]
    pub fn by(&self, address: SocketAddr) -> Self {
        Self::new(format!("https://{address}"), &self.authority)
    }

    /// The server's address.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL has a host name instead of an address.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.server.trim_start_matches("https://").parse()?)
    }

    /// Returns the file's text for a client certificate.
    #[must_use]
    pub fn with_pair(&self, pair: &IssuedPair) -> String {
        self.text(client_certificate(pair))
    }

    /// Returns the file's text for a service account's token.
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

/// Returns the kubeconfig of the client certificate that the API server shows to webhooks behind a Service.
pub fn for_webhooks(pair: &IssuedPair) -> String {
    config(json!([{ "name": "*.svc", "user": client_certificate(pair) }]), json!([]))
}

fn client_certificate(pair: &IssuedPair) -> Value {
    json!({
        "client-certificate-data": STANDARD.encode(&pair.certificate),
        "client-key-data": STANDARD.encode(&pair.key),
    })
}

/// Returns a kubeconfig as JSON, which is also YAML.
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
