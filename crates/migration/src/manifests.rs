//! The plan as manifests in YAML, and as data.

use crate::{JobMode, Plan, PlanError};
use serde_json::{Value, json};

/// The members of `metadata` that the API server writes.
const SERVER_FIELDS: [&str; 6] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// The annotation in which `kubectl apply` keeps the last manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

// === impl Plan ===

impl Plan {
    /// Returns the manifests: the Jobs that check, the set without replicas and with its expressions, and the suspended
    /// Jobs that copy.
    ///
    /// # Errors
    ///
    /// The patch does not fit the set.
    pub fn manifests(&self) -> Result<String, PlanError> {
        let mut documents = Vec::new();
        for (index, migration) in self.migrations.iter().enumerate() {
            let heading = format!("1. Counts the files of {}, and changes nothing.", migration.location);
            documents.push((heading, self.job(index, JobMode::Check).unwrap_or_default()));
        }
        let heading = "2. The set without replicas, and with its expressions.".to_owned();
        documents.push((heading, self.isolated_set()?));
        for (index, migration) in self.migrations.iter().enumerate() {
            let heading = format!(
                "3. Copies the files of {}. Once no pod runs: kubectl patch job {} -n {} -p '{{\"spec\":{{\"suspend\":false}}}}'",
                migration.location,
                self.job_name(index, JobMode::Copy),
                self.namespace
            );
            let mut job = self.job(index, JobMode::Copy).unwrap_or_default();
            job["spec"]["suspend"] = json!(true);
            documents.push((heading, job));
        }
        let replicas = self.replicas;
        let mut text: String =
            documents.iter().map(|(heading, object)| format!("# {heading}\n{}---\n", yaml(object))).collect();
        text += &format!(
            "# 4. Once the copies are complete: kubectl scale statefulset {} -n {} --replicas={replicas}\n",
            self.stateful_set, self.namespace
        );
        Ok(text)
    }

    /// Returns the plan as data, with its Jobs by mode and its script.
    ///
    /// # Errors
    ///
    /// The plan can't be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        let mut value = serde_json::to_value(self)?;
        if self.is_empty() {
            return serde_json::to_string_pretty(&value).map(|text| text + "\n");
        }
        for mode in JobMode::ALL {
            let jobs: Vec<Value> =
                (0..self.migrations.len()).filter_map(|index| self.job(index, mode)).collect();
            value["jobs"][mode.name()] = json!({ "apiVersion": "v1", "kind": "List", "items": jobs });
        }
        value["script"] = json!(self.script());
        serde_json::to_string_pretty(&value).map(|text| text + "\n")
    }

    /// Returns the set with its expressions and without replicas, as a manifest to apply.
    fn isolated_set(&self) -> Result<Value, PlanError> {
        let mut set = self.set.clone();
        set.set_replicas(0);
        let broken =
            |reason| PlanError::Unreadable { object: format!("StatefulSet {}", set.title()), reason };
        let patched = ordinance_json::applied(&set.json, &self.patch).map_err(broken)?;
        let mut value: Value = serde_json::from_str(&patched).map_err(|error| set.unreadable(&error))?;
        value["metadata"]["namespace"] = json!(self.namespace);
        if let Some(object) = value.as_object_mut() {
            object.remove("status");
        }
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.retain(|name, _| !SERVER_FIELDS.contains(&&**name));
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(LAST_APPLIED);
            }
        }
        Ok(value)
    }
}

/// Returns an object as YAML.
pub(crate) fn yaml(object: &Value) -> String {
    // Writing a JSON value into a string does not fail.
    serde_saphyr::to_string(object).unwrap_or_default()
}
