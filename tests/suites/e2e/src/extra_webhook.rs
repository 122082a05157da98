//! A second admission webhook, to test how Ordinance works together with others.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use ordinance_cluster::{Cluster, Https, Respond};
use serde_json::{Value, json};

/// The answer to an admission request.
#[derive(Clone, Debug, PartialEq)]
pub enum WebhookAnswer {
    /// Allows the request without a patch.
    Allow,
    /// Allows the request with a JSON patch.
    Patch(Value),
    /// Refuses the request.
    Deny,
}

/// A running webhook that the API server calls. Dropping it stops the server.
pub struct ExtraWebhook {
    https: Https,
    authority: String,
}

/// Makes a [`Respond`] of a function.
struct Decide<F>(F);

// === impl ExtraWebhook ===

impl ExtraWebhook {
    /// Listens on a loopback address, and answers the `request` of each review with `decide`.
    ///
    /// # Errors
    ///
    /// Returns an error if it can't listen.
    pub async fn start(cluster: &Cluster, decide: fn(&Value) -> WebhookAnswer) -> Result<Self> {
        let pair = cluster.authority().server("beside", &["127.0.0.1".to_owned()])?;
        let https = Https::bind("127.0.0.1:0".parse()?, &pair, Decide(decide)).await?;
        Ok(Self { https, authority: cluster.authority().certificate().to_owned() })
    }

    /// Returns a webhook configuration of one webhook for the resources of `rule`. `more` adds fields to the webhook.
    #[must_use]
    pub fn configuration(&self, kind: &str, name: &str, rule: &Value, more: &Value) -> Value {
        let mut webhook = json!({
            "name": format!("{name}.example.com"),
            "clientConfig": {
                "url": format!("https://{}/", self.https.address()),
                "caBundle": STANDARD.encode(&self.authority),
            },
            "rules": [rule],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            webhook[field] = value.clone();
        }
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": { "name": name },
            "webhooks": [webhook],
        })
    }
}

impl Respond for Decide<fn(&Value) -> WebhookAnswer> {
    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let review: Value = serde_json::from_slice(request.body())?;
        let asked = review.get("request").context("a review without a request")?;
        let mut response = json!({ "uid": asked["uid"], "allowed": true });
        match (self.0)(asked) {
            WebhookAnswer::Allow => {}
            WebhookAnswer::Patch(patch) => {
                response["patchType"] = "JSONPatch".into();
                response["patch"] = STANDARD.encode(patch.to_string()).into();
            }
            WebhookAnswer::Deny => response["allowed"] = false.into(),
        }
        let review =
            json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response });
        Ok(Response::builder().header("Content-Type", "application/json").body(review.to_string().into())?)
    }
}
