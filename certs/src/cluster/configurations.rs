//! Webhook configurations of a cluster: of each webhook `caBundle` is written, and `failurePolicy` where it is said what
//! is intended; by server-side apply, so that nothing else is touched and the API server knows whose these fields are.

use crate::cluster::written;
use crate::store::Written;
use crate::webhooks::{Configuration, Kind, Webhook, Webhooks};
use http::Uri;
use k8s_openapi::ByteString;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whose fields they are, for the API server.
pub const FIELD_MANAGER: &str = "ordinance-certificates";

/// The annotation of a configuration that says which failure policies are intended, as a JSON object by the names of the
/// webhooks. Without it they are left as they are.
pub const INTENDED_POLICIES: &str = "ordinance.dev/failure-policies";

const GROUP: &str = "admissionregistration.k8s.io";
const VERSION: &str = "v1";

/// Configurations of both kinds, by their names.
#[derive(Clone)]
pub struct Configurations {
    client: Client,
    names: Vec<String>,
}

/// A webhook, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    name: String,
    #[serde(default)]
    client_config: ClientConfig,
    #[serde(default)]
    failure_policy: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    ca_bundle: Option<ByteString>,
    service: Option<Service>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    namespace: String,
}

// === impl Configurations ===

impl Configurations {
    /// Nothing is asked yet.
    pub fn new(client: Client, names: Vec<String>) -> Self {
        Self { client, names }
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(GROUP, VERSION, kind.as_str());
        Api::all_with(self.client.clone(), &ApiResource::from_gvk(&kind))
    }
}

impl Webhooks for Configurations {
    type Error = kube::Error;

    async fn read(&self) -> kube::Result<Vec<Configuration>> {
        let mut found = Vec::new();
        for kind in Kind::ALL {
            for name in &self.names {
                let object = self.api(kind).get_opt(name).await?;
                found.extend(object.map(|object| configuration(kind, name, &object)).transpose()?);
            }
        }
        Ok(found)
    }

    async fn apply(&self, wanted: &Configuration) -> kube::Result<Written> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(patch(wanted));
        written(self.api(wanted.kind).patch(&wanted.name, &params, &patch).await)
    }
}

fn configuration(kind: Kind, name: &str, object: &DynamicObject) -> kube::Result<Configuration> {
    let found: Vec<Found> = match object.data.get("webhooks") {
        Some(webhooks) => serde_json::from_value(webhooks.clone()).map_err(kube::Error::SerdeError)?,
        None => Vec::new(),
    };
    let intended = intended(object);
    let webhook = |found: Found| Webhook {
        intended_policy: intended.get(&found.name).cloned(),
        host: found.client_config.host(),
        bundle: found.client_config.ca_bundle.unwrap_or_default().0,
        failure_policy: found.failure_policy,
        name: found.name,
    };
    Ok(Configuration {
        kind,
        name: name.to_owned(),
        version: object.metadata.resource_version.clone().unwrap_or_default(),
        webhooks: found.into_iter().map(webhook).collect(),
    })
}

// === impl ClientConfig ===

impl ClientConfig {
    /// The name that the certificate must be for.
    fn host(&self) -> Option<String> {
        match (&self.service, &self.url) {
            (Some(Service { name, namespace }), _) => Some(format!("{name}.{namespace}.svc")),
            (None, Some(url)) => Some(url.parse::<Uri>().ok()?.host()?.trim_matches(['[', ']']).to_owned()),
            (None, None) => None,
        }
    }
}

/// Only what the API server knows is taken for a policy: an annotation must not make every write fail.
fn intended(object: &DynamicObject) -> BTreeMap<String, String> {
    let text =
        object.metadata.annotations.as_ref().and_then(|annotations| annotations.get(INTENDED_POLICIES));
    let mut intended: BTreeMap<String, String> =
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    intended.retain(|_, policy| ["Fail", "Ignore"].contains(&policy.as_str()));
    intended
}

/// The fields that are written, and what identifies them; the version makes it conditional.
fn patch(wanted: &Configuration) -> Value {
    let webhooks: Vec<Value> = wanted.webhooks.iter().map(webhook).collect();
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": wanted.kind.as_str(),
        "metadata": { "name": wanted.name, "resourceVersion": wanted.version },
        "webhooks": webhooks,
    })
}

fn webhook(wanted: &Webhook) -> Value {
    let mut webhook =
        json!({ "name": wanted.name, "clientConfig": { "caBundle": ByteString(wanted.bundle.clone()) } });
    if wanted.intended_policy.is_some() {
        webhook["failurePolicy"] = json!(wanted.failure_policy);
    }
    webhook
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(annotation: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": { "name": "own", "resourceVersion": "7", "annotations": { INTENDED_POLICIES: annotation } },
            "webhooks": [
                { "name": "a.ordinance.dev", "clientConfig": { "caBundle": "cGVt" }, "failurePolicy": "Ignore" },
                { "name": "b.ordinance.dev", "clientConfig": {}, "failurePolicy": "Ignore" },
            ],
        }))
        .unwrap()
    }

    #[test]
    fn only_bundles_and_intended_policies_are_written() {
        let found =
            configuration(Kind::Validating, "own", &object(r#"{"a.ordinance.dev": "Fail"}"#)).unwrap();
        assert_eq!(
            patch(&found),
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": { "name": "own", "resourceVersion": "7" },
                "webhooks": [
                    { "name": "a.ordinance.dev", "clientConfig": { "caBundle": "cGVt" }, "failurePolicy": "Ignore" },
                    { "name": "b.ordinance.dev", "clientConfig": { "caBundle": "" } },
                ],
            })
        );
    }

    #[test]
    fn a_webhook_is_called_by_its_service_or_by_the_host_of_its_url() {
        let host = |config: Value| serde_json::from_value::<ClientConfig>(config).unwrap().host();
        let service = json!({ "service": { "name": "ordinance", "namespace": "storage", "port": 443 } });
        assert_eq!(host(service).as_deref(), Some("ordinance.storage.svc"));
        assert_eq!(
            host(json!({ "url": "https://nas.example.com:8443/validate" })).as_deref(),
            Some("nas.example.com")
        );
        assert_eq!(host(json!({ "url": "https://[::1]:8443/validate" })).as_deref(), Some("::1"));
        assert_eq!(host(json!({ "url": "no url" })), None);
        assert_eq!(host(json!({})), None);
    }

    #[test]
    fn an_annotation_that_makes_no_sense_says_nothing() {
        for annotation in ["", "Fail", r#"{"a.ordinance.dev": "Maybe"}"#] {
            let found = configuration(Kind::Validating, "own", &object(annotation)).unwrap();
            assert!(found.webhooks.iter().all(|webhook| webhook.intended_policy.is_none()), "{annotation}");
        }
    }
}
