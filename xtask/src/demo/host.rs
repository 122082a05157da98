//! A running host, and a client that sends the requests of an API server.

use crate::wait::until;
use anyhow::{Context, Result, bail};
use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long the host may take to become ready.
const START: Duration = Duration::from_secs(30);

/// A host process. Dropping it kills the process.
pub struct HostProcess {
    process: Child,
    ready: ReadyFile,
    client: ureq::Agent,
}

/// The content of the host's ready file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadyFile {
    https: String,
    ca_bundle: String,
}

/// The combined answer of both webhooks on one object.
pub struct CombinedAnswer {
    /// Whether both allowed it.
    pub allowed: bool,
    /// The message of a refusal.
    pub message: String,
    /// The warnings that kubectl would print.
    pub warnings: Vec<String>,
    /// The mutating webhook's patch.
    pub patch: Option<Value>,
}

// === impl HostProcess ===

impl HostProcess {
    /// Starts the host on free loopback ports and waits until it is ready.
    pub fn start(ordinance: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("ready.json");
        let mut process = Command::new(ordinance)
            .args(["serve", "--self-signed", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .arg("--ready-file")
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("can't start {}", ordinance.display()))?;
        let ready = ready(&mut process, &file)?;
        let client = client(&ready)?;
        Ok(Self { process, ready, client })
    }

    /// Returns the host's URL.
    pub fn address(&self) -> String {
        format!("https://{}", self.ready.https)
    }

    /// Sends the creation of an object as the API server does: mutate, apply the patch, validate.
    pub fn create(&self, object: &Value) -> Result<CombinedAnswer> {
        let mutated = self.ask("mutate", &review("CREATE", Some(object), None))?;
        if !mutated.allowed {
            return Ok(mutated);
        }
        let patched = mutated.applied_to(object)?;
        let validated = self.ask("validate", &review("CREATE", Some(&patched), None))?;
        Ok(CombinedAnswer { patch: mutated.patch, ..validated.with(mutated.warnings) })
    }

    /// Sends the deletion of an object.
    pub fn delete(&self, object: &Value) -> Result<CombinedAnswer> {
        self.ask("validate", &review("DELETE", None, Some(object)))
    }

    fn ask(&self, phase: &str, review: &Value) -> Result<CombinedAnswer> {
        let url = format!("https://{}/{phase}/storage?timeout=5s", self.ready.https);
        let mut response = self.client.post(url).content_type("application/json").send(review.to_string())?;
        CombinedAnswer::read(&serde_json::from_str(&response.body_mut().read_to_string()?)?)
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for the ready file.
fn ready(process: &mut Child, file: &Path) -> Result<ReadyFile> {
    let ready = until(START, || {
        if let Ok(text) = std::fs::read_to_string(file) {
            return Ok(Some(serde_json::from_str(&text)?));
        }
        match process.try_wait()? {
            Some(status) => bail!("the host stopped before it was ready: {status}"),
            None => Ok(None),
        }
    })?;
    ready.with_context(|| format!("the host was not ready within {} s", START.as_secs()))
}

/// Returns a client that trusts only the host's own CA.
fn client(ready: &ReadyFile) -> Result<ureq::Agent> {
    let authority = Certificate::from_pem(ready.ca_bundle.as_bytes())?;
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[authority])).build();
    Ok(ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into())
}

/// Returns an AdmissionReview such as the API server sends.
fn review(operation: &str, object: Option<&Value>, old: Option<&Value>) -> Value {
    let subject = object.or(old).unwrap_or(&Value::Null);
    let (group, version) = group_version(subject);
    let kind = subject["kind"].as_str().unwrap_or_default();
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": group, "version": version, "kind": kind },
            "resource": { "group": group, "version": version, "resource": format!("{}s", kind.to_lowercase()) },
            "name": subject["metadata"]["name"],
            "namespace": subject["metadata"]["namespace"].as_str().unwrap_or_default(),
            "operation": operation,
            "userInfo": { "username": "demo" },
            "object": object,
            "oldObject": old,
            "dryRun": false,
        }
    })
}

fn group_version(object: &Value) -> (&str, &str) {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    api_version.split_once('/').unwrap_or(("", api_version))
}

// === impl CombinedAnswer ===

impl CombinedAnswer {
    fn read(review: &Value) -> Result<Self> {
        let response = &review["response"];
        let warnings = response["warnings"].as_array().into_iter().flatten();
        Ok(Self {
            allowed: response["allowed"].as_bool().context("the host did not answer with a review")?,
            message: response["status"]["message"].as_str().unwrap_or_default().to_owned(),
            warnings: warnings.filter_map(|warning| warning.as_str().map(str::to_owned)).collect(),
            patch: response["patch"].as_str().map(decode).transpose()?,
        })
    }

    /// Returns the object with the patch applied, as the API server continues with it.
    pub fn applied_to(&self, object: &Value) -> Result<Value> {
        let mut patched = object.clone();
        if let Some(patch) = &self.patch {
            json_patch::patch(&mut patched, &serde_json::from_value::<json_patch::Patch>(patch.clone())?)?;
        }
        Ok(patched)
    }

    /// Puts an earlier answer's warnings in front, each of them once.
    fn with(mut self, earlier: Vec<String>) -> Self {
        self.warnings.retain(|warning| !earlier.contains(warning));
        self.warnings.splice(0..0, earlier);
        self
    }
}

fn decode(patch: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(patch)?)?)
}
