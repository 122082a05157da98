//! Webhook configurations of a cluster. Server-side apply sets `caBundle` and the path of each webhook, and `failurePolicy`
//! where an annotation states the intended one, so that the API server tracks the owner of these fields and no other field
//! changes.

use super::conditional::write_outcome;
use crate::store::WriteOutcome;
use crate::webhooks::{ConfigurationKind, ConfigurationStore, Webhook, WebhookConfiguration};
use http::Uri;
use k8s_openapi::ByteString;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The field manager of server-side apply.
pub const FIELD_MANAGER: &str = "ordinance-certificates";

/// The annotation with the intended failure policies: a JSON object from webhook name to `Fail` or `Ignore`. Failure
/// policies of webhooks without an entry stay as they are.
pub const INTENDED_POLICIES: &str = "ordinance.dev/failure-policies";

/// The annotation with the paths of webhooks whose Service has none: a JSON object from webhook name to path. A
/// configuration that is applied again without a path then keeps the one that was set here.
pub const PATHS: &str = "ordinance.dev/paths";

const GROUP: &str = "admissionregistration.k8s.io";
const VERSION: &str = "v1";

/// The mutating and validating webhook configurations with given names.
#[derive(Clone)]
pub struct ClusterConfigurations {
    client: Client,
    names: Vec<String>,
}

/// The fields of a webhook that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookObject {
    name: String,
    #[serde(default)]
    client_config: WebhookClientConfig,
    #[serde(default)]
    failure_policy: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookClientConfig {
    ca_bundle: Option<ByteString>,
    service: Option<ServiceReference>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct ServiceReference {
    name: String,
    namespace: String,
    path: Option<String>,
}

// === impl ClusterConfigurations ===

impl ClusterConfigurations {
    /// Returns a store of the configurations with these names, of both kinds. Sends no request yet.
    pub fn new(client: Client, names: Vec<String>) -> Self {
        Self { client, names }
    }

    fn api(&self, kind: ConfigurationKind) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(GROUP, VERSION, kind.as_str());
        Api::all_with(self.client.clone(), &ApiResource::from_gvk(&kind))
    }
}

impl ConfigurationStore for ClusterConfigurations {
    type Error = kube::Error;

    async fn read(&self) -> kube::Result<Vec<WebhookConfiguration>> {
        let mut found = Vec::new();
        for kind in ConfigurationKind::ALL {
            for name in &self.names {
                let object = self.api(kind).get_opt(name).await?;
                found.extend(object.map(|object| configuration(kind, name, &object)).transpose()?);
            }
        }
        Ok(found)
    }

    async fn apply(&self, wanted: &WebhookConfiguration) -> kube::Result<WriteOutcome> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(patch(wanted));
        write_outcome(self.api(wanted.kind).patch(&wanted.name, &params, &patch).await)
    }
}

fn configuration(
    kind: ConfigurationKind,
    name: &str,
    object: &DynamicObject,
) -> kube::Result<WebhookConfiguration> {
    let found: Vec<WebhookObject> = match object.data.get("webhooks") {
        Some(webhooks) => serde_json::from_value(webhooks.clone()).map_err(kube::Error::SerdeError)?,
        None => Vec::new(),
    };
    let (intended, paths) = (intended(object), annotated(object, PATHS));
    let webhook = |found: WebhookObject| Webhook {
        intended_policy: intended.get(&found.name).cloned(),
        default_path: paths.get(&found.name).filter(|path| path.starts_with('/')).cloned(),
        path: found.client_config.path(),
        host: found.client_config.host(),
        url: found.client_config.url,
        bundle: found.client_config.ca_bundle.unwrap_or_default().0,
        failure_policy: found.failure_policy,
        name: found.name,
    };
    Ok(WebhookConfiguration {
        kind,
        name: name.to_owned(),
        version: object.metadata.resource_version.clone().unwrap_or_default(),
        webhooks: found.into_iter().map(webhook).collect(),
    })
}

// === impl WebhookClientConfig ===

impl WebhookClientConfig {
    /// Returns the name that the API server expects in the certificate.
    fn host(&self) -> Option<String> {
        match (&self.service, &self.url) {
            (Some(ServiceReference { name, namespace, .. }), _) => Some(format!("{name}.{namespace}.svc")),
            (None, Some(url)) => Some(url.parse::<Uri>().ok()?.host()?.trim_matches(['[', ']']).to_owned()),
            (None, None) => None,
        }
    }

    /// Returns the path of the Service or of the URL, if there is one.
    fn path(&self) -> Option<String> {
        let url = self.url.as_ref().and_then(|url| url.parse::<Uri>().ok());
        let path = match &self.service {
            Some(service) => service.path.clone(),
            None => url.map(|url| url.path().to_owned()),
        };
        path.filter(|path| !["", "/"].contains(&path.as_str()))
    }
}

/// Reads the annotation. Ignores values that the API server would reject: a typo must not make every write fail.
fn intended(object: &DynamicObject) -> BTreeMap<String, String> {
    let mut intended = annotated(object, INTENDED_POLICIES);
    intended.retain(|_, policy| ["Fail", "Ignore"].contains(&policy.as_str()));
    intended
}

/// Returns the entries of an annotation that contains a JSON object. An invalid annotation has no entries.
fn annotated(object: &DynamicObject, annotation: &str) -> BTreeMap<String, String> {
    let text = object.metadata.annotations.as_ref().and_then(|annotations| annotations.get(annotation));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Returns the applied fields. `resourceVersion` makes the write conditional.
fn patch(wanted: &WebhookConfiguration) -> Value {
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
    match (&wanted.path, &wanted.url) {
        (Some(path), Some(url)) => webhook["clientConfig"]["url"] = json!(with_path(url, path)),
        (Some(path), None) => webhook["clientConfig"]["service"] = json!({ "path": path }),
        (None, _) => {}
    }
    if wanted.intended_policy.is_some() {
        webhook["failurePolicy"] = json!(wanted.failure_policy);
    }
    webhook
}

/// Returns a URL with another path. One that does not parse stays as it is.
fn with_path(url: &str, path: &str) -> String {
    let replaced = url.parse::<Uri>().ok().and_then(|url| {
        let mut parts = url.into_parts();
        parts.path_and_query = Some(path.parse().ok()?);
        Uri::from_parts(parts).ok()
    });
    replaced.map_or_else(|| url.to_owned(), |url| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;
    use crate::path_token::PathToken;
    use crate::webhooks::{WantedFields, WebhookReadiness};

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
    fn writes_only_bundles_and_intended_policies() {
        let found =
            configuration(ConfigurationKind::Validating, "own", &object(r#"{"a.ordinance.dev": "Fail"}"#))
                .unwrap();
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
    fn takes_the_host_from_the_service_or_from_the_url() {
        let host = |config: Value| serde_json::from_value::<WebhookClientConfig>(config).unwrap().host();
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
    fn writes_paths_of_services_and_urls() {
        let token = "0123456789abcdef0123456789abcdef";
        let mut object = object("{}");
        object.data["webhooks"] = json!([
            { "name": "a", "clientConfig": { "service": { "name": "o", "namespace": "n" } } },
            { "name": "b", "clientConfig": { "service": { "name": "o", "namespace": "n", "path": "/mutate/mine" } } },
            { "name": "c", "clientConfig": { "url": format!("https://nas.example.com:8443/{token}/validate/storage") } },
            { "name": "d", "clientConfig": { "service": { "name": "o", "namespace": "n" } } },
        ]);
        let annotations = object.metadata.annotations.as_mut().unwrap();
        annotations.insert(PATHS.to_owned(), json!({ "a": "/validate/storage" }).to_string());
        let found = configuration(ConfigurationKind::Validating, "own", &object).unwrap();
        let written = |token| {
            let fields =
                WantedFields { bundle: &Bundle::new(), token, readiness: WebhookReadiness::NotReady };
            patch(&found.wanted(&fields).unwrap_or_else(|| found.clone()))["webhooks"].clone()
        };
        let new = PathToken::random().unwrap();
        let expected = |prefix: &str| {
            json!([
                { "name": "a", "clientConfig": { "caBundle": "", "service": { "path": format!("{prefix}/validate/storage") } } },
                { "name": "b", "clientConfig": { "caBundle": "", "service": { "path": format!("{prefix}/mutate/mine") } } },
                { "name": "c", "clientConfig": { "caBundle": "", "url": format!("https://nas.example.com:8443{prefix}/validate/storage") } },
                { "name": "d", "clientConfig": { "caBundle": "" } },
            ])
        };
        assert_eq!(written(Some(&new)), expected(&format!("/{}", new.as_str())));
        assert_eq!(written(None), expected(""));
    }

    #[test]
    fn ignores_an_invalid_annotation() {
        for annotation in ["", "Fail", r#"{"a.ordinance.dev": "Maybe"}"#] {
            let found = configuration(ConfigurationKind::Validating, "own", &object(annotation)).unwrap();
            assert!(found.webhooks.iter().all(|webhook| webhook.intended_policy.is_none()), "{annotation}");
        }
    }
}
