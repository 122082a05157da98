//! A stored report, and what must be true of it.

use super::kinds::ReportKinds;
use anyhow::{Result, ensure};
use ordinance_cluster::Kubectl;
use serde_json::{Value, json};

/// A report of Ordinance as the API server stores it.
#[derive(Clone, Debug)]
pub struct StoredReport {
    /// Kind and name of the object: `PersistentVolume/one`.
    pub object: String,
    json: Value,
}

// === impl StoredReport ===

impl StoredReport {
    pub fn new(json: Value) -> Self {
        let (kind, name) = (text(&json["scope"]["kind"]), text(&json["scope"]["name"]));
        Self { object: format!("{kind}/{name}"), json }
    }

    pub fn name(&self) -> &str {
        text(&self.json["metadata"]["name"])
    }

    /// The name with the kind, as kubectl takes it.
    pub fn reference(&self) -> String {
        format!("{}/{}", text(&self.json["kind"]), self.name())
    }

    /// The resource version, which changes with each write.
    pub fn version(&self) -> &str {
        text(&self.json["metadata"]["resourceVersion"])
    }

    /// The results as `rule result severity`.
    pub fn findings(&self) -> Vec<String> {
        let result =
            |result: &Value| ["rule", "result", "severity"].map(|field| text(&result[field])).join(" ");
        self.results().map(result).collect()
    }

    /// The results as `rule: message (field): remedy`.
    pub fn texts(&self) -> Vec<String> {
        let texts = |result: &Value| {
            let properties = &result["properties"];
            let [rule, message] = [&result["rule"], &result["message"]].map(text);
            format!("{rule}: {message} ({}): {}", text(&properties["field"]), text(&properties["remedy"]))
        };
        self.results().map(texts).collect()
    }

    fn results(&self) -> impl Iterator<Item = &Value> {
        self.json["results"].as_array().into_iter().flatten()
    }

    /// Checks everything but the findings: the object that is named, the owner, the summary, and who wrote the report.
    pub async fn check(&self, kubectl: &Kubectl, kinds: ReportKinds) -> Result<()> {
        let stored = kubectl.ok(&format!("get {} --output=json", self.object)).await?;
        let object: Value = serde_json::from_str(&stored)?;
        ensure!(self.head() == expected_head(&object, kinds), "{} has {:#}", self.object, self.head());
        ensure!(self.json["summary"] == self.expected_summary(), "{:#}", self.json);
        for result in self.results() {
            let explanation = format!("ordinance explain {}", text(&result["rule"]));
            ensure!(result["properties"]["explanation"] == explanation, "{result:#}");
            ensure!(result["policy"] == "storage" && result["source"] == "ordinance", "{result:#}");
            ensure!(result["scored"] == (result["result"] == "fail"), "{result:#}");
            ensure!(
                result["timestamp"]["seconds"].is_u64() && result["timestamp"]["nanos"] == 0,
                "{result:#}"
            );
        }
        Ok(())
    }

    /// Returns the fields that name the report, its object and its writer.
    fn head(&self) -> Value {
        let metadata = &self.json["metadata"];
        let managers = metadata["managedFields"].as_array().into_iter().flatten();
        let managers: Vec<String> = managers
            .map(|manager| format!("{} {}", text(&manager["manager"]), text(&manager["operation"])))
            .collect();
        json!({
            "apiVersion": self.json["apiVersion"], "kind": self.json["kind"], "name": metadata["name"],
            "namespace": metadata["namespace"], "labels": metadata["labels"],
            "owners": metadata["ownerReferences"], "scope": self.json["scope"], "source": self.json["source"],
            "managers": managers,
        })
    }

    fn expected_summary(&self) -> Value {
        let count = |outcome: &str| self.results().filter(|result| result["result"] == outcome).count();
        json!({"pass": count("pass"), "fail": count("fail"), "warn": count("warn"), "error": 0, "skip": 0})
    }
}

/// Returns the [`head`](StoredReport::head) of the report on an object.
fn expected_head(object: &Value, kinds: ReportKinds) -> Value {
    let metadata = &object["metadata"];
    let owner = json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "name": metadata["name"], "uid": metadata["uid"],
    });
    let mut scope = owner.clone();
    if !metadata["namespace"].is_null() {
        scope["namespace"] = metadata["namespace"].clone();
    }
    let [of_namespaces, of_cluster] = kinds.kinds();
    json!({
        "apiVersion": kinds.api_version(),
        "kind": if metadata["namespace"].is_null() { of_cluster } else { of_namespaces },
        "name": format!("ordinance-{}", text(&metadata["uid"])),
        "namespace": metadata["namespace"],
        "labels": {"app.kubernetes.io/managed-by": "ordinance"},
        "owners": [owner],
        "scope": scope,
        // A report of the Policy Working Group has the source in its results only.
        "source": (kinds == ReportKinds::OpenReports).then_some("ordinance"),
        "managers": ["ordinance Apply"],
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
