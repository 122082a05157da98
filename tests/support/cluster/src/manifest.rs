//! The manifest that an operator applies, split into its parts: webhook configurations need a CA bundle before they are
//! applied.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::apps::v1::Deployment;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// The objects that `kubectl apply --filename` would send.
#[derive(Clone, Debug)]
pub struct InstallManifest {
    objects: Vec<Value>,
}

/// The Service that the webhook configurations refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookService {
    /// Its namespace, e.g. `ordinance-system`.
    pub namespace: String,
    /// Its name, e.g. `ordinance`.
    pub name: String,
    /// The port that the API server calls; 443 by default.
    pub port: u16,
}

// === impl InstallManifest ===

impl InstallManifest {
    /// Reads a file of YAML documents.
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read or parsed.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Parses YAML documents.
    ///
    /// # Errors
    ///
    /// Returns an error if they are invalid.
    pub fn parse(text: &str) -> Result<Self> {
        let objects: Vec<Value> = serde_saphyr::from_multiple(text)?;
        Ok(Self { objects: objects.into_iter().filter(Value::is_object).collect() })
    }

    /// Returns all objects as one `List`.
    #[must_use]
    pub fn whole(&self) -> String {
        list(self.objects.clone())
    }

    /// Returns the unchanged webhook configurations as one `List`.
    #[must_use]
    pub fn own_webhooks(&self) -> String {
        list(self.objects.iter().filter(|object| configures_webhooks(object)).cloned().collect())
    }

    /// Returns all objects but the webhook configurations as one `List`.
    #[must_use]
    pub fn without_webhooks(&self) -> String {
        list(self.objects.iter().filter(|object| !configures_webhooks(object)).cloned().collect())
    }

    /// Returns the webhook configurations as one `List`, as they are with an external certificate: with a CA bundle,
    /// and with the intended failure policies.
    #[must_use]
    pub fn webhooks(&self, authority: &str) -> String {
        let configurations = self.objects.iter().filter(|object| configures_webhooks(object));
        list(configurations.map(|configuration| trusting(configuration, authority)).collect())
    }

    /// Returns the Service of the webhooks.
    ///
    /// # Errors
    ///
    /// Returns an error if the manifest has no webhook with a Service.
    pub fn service(&self) -> Result<WebhookService> {
        let configuration = self.objects.iter().find(|object| configures_webhooks(object));
        let configuration = configuration.context("the manifest has no webhook configuration")?;
        let service = &configuration["webhooks"][0]["clientConfig"]["service"];
        Ok(WebhookService {
            namespace: service["namespace"].as_str().context("a webhook without a Service")?.to_owned(),
            name: service["name"].as_str().context("a webhook without a Service")?.to_owned(),
            port: service["port"].as_u64().map_or(Ok(443), u16::try_from)?,
        })
    }

    /// Returns the Deployment of the replicas.
    ///
    /// # Errors
    ///
    /// Returns an error if it is missing or invalid.
    pub fn deployment(&self) -> Result<Deployment> {
        let deployment = self.objects.iter().find(|object| object["kind"] == "Deployment");
        Ok(Deployment::deserialize(deployment.context("the manifest has no Deployment")?)?)
    }
}

fn configures_webhooks(object: &Value) -> bool {
    let kind = object["kind"].as_str().unwrap_or_default();
    matches!(kind, "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration")
}

fn trusting(configuration: &Value, authority: &str) -> Value {
    let mut configuration = configuration.clone();
    let policies = take_annotation(&mut configuration, "ordinance.dev/failure-policies");
    let paths = take_annotation(&mut configuration, "ordinance.dev/paths");
    for webhook in configuration["webhooks"].as_array_mut().into_iter().flatten() {
        let name = webhook["name"].as_str().unwrap_or_default().to_owned();
        if let Some(policy) = policies.get(&name) {
            webhook["failurePolicy"] = policy.clone();
        }
        if let Some(path) = paths.get(&name) {
            webhook["clientConfig"]["service"]["path"] = path.clone();
        }
        webhook["clientConfig"]["caBundle"] = json!(STANDARD.encode(authority));
    }
    configuration
}

/// Removes an annotation of what a replica would set, and returns it as JSON.
fn take_annotation(configuration: &mut Value, name: &str) -> Value {
    let annotations = configuration.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let taken = annotations.and_then(|annotations| annotations.remove(name));
    let text = taken.as_ref().and_then(Value::as_str).unwrap_or("{}");
    serde_json::from_str(text).unwrap_or_default()
}

fn list(objects: Vec<Value>) -> String {
    json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "
apiVersion: v1
kind: Service
metadata: {name: ordinance, namespace: ordinance-system}
---
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: ordinance}
webhooks:
- name: storage.ordinance.dev
  clientConfig: {service: {name: ordinance, namespace: ordinance-system, path: /validate/storage}}
";

    #[test]
    fn adds_only_the_ca_bundle() -> Result<()> {
        let webhooks: Value = serde_json::from_str(&InstallManifest::parse(MANIFEST)?.webhooks("pem"))?;
        let client = &webhooks["items"][0]["webhooks"][0]["clientConfig"];
        let service =
            json!({ "name": "ordinance", "namespace": "ordinance-system", "path": "/validate/storage" });
        assert_eq!(client, &json!({ "service": service, "caBundle": "cGVt" }));
        Ok(())
    }

    #[test]
    fn finds_the_service_of_the_webhooks() -> Result<()> {
        let service = InstallManifest::parse(MANIFEST)?.service()?;
        let named = |name: &str| name.to_owned();
        let expected =
            WebhookService { namespace: named("ordinance-system"), name: named("ordinance"), port: 443 };
        assert_eq!(service, expected);
        Ok(())
    }
}
