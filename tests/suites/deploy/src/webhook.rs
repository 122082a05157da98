//! Webhook configurations as the API server evaluates them: which requests it sends.

use cel::objects::{Key, Map};
use cel::{Context, Program};
use ordinance_contract::{FailurePolicy, Operation, Phase, Request};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// A webhook of a configuration.
pub struct InstalledWebhook {
    /// Its name, e.g. `statefulsets.validate.ordinance.dev`.
    pub name: String,
    /// Mutating or validating.
    pub phase: Phase,
    /// The failure policy in the installed manifest.
    pub installed_policy: FailurePolicy,
    /// The failure policy as soon as a replica is ready.
    pub failure_policy: FailurePolicy,
    rules: Vec<WebhookRule>,
    conditions: Vec<Condition>,
}

struct Condition {
    name: String,
    program: Program,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookRule {
    api_groups: Vec<String>,
    api_versions: Vec<String>,
    resources: Vec<String>,
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestWebhook {
    name: String,
    failure_policy: FailurePolicy,
    rules: Vec<WebhookRule>,
    #[serde(default)]
    match_conditions: Vec<Expression>,
}

#[derive(Deserialize)]
struct Expression {
    name: String,
    expression: String,
}

// === impl InstalledWebhook ===

impl InstalledWebhook {
    /// Returns the webhooks of all configurations among some objects.
    ///
    /// # Errors
    ///
    /// Returns an error if a configuration is invalid, or if a match condition can't be parsed.
    pub fn all(objects: &[Value]) -> Result<Vec<Self>, String> {
        let mut webhooks = Vec::new();
        for object in objects {
            let phase = match object["kind"].as_str() {
                Some("MutatingWebhookConfiguration") => Phase::Mutate,
                Some("ValidatingWebhookConfiguration") => Phase::Validate,
                _ => continue,
            };
            let intended = intended(object)?;
            let files: Vec<ManifestWebhook> = serde_json::from_value(object["webhooks"].clone())
                .map_err(|error| format!("{}: {error}", object["kind"]))?;
            for file in files {
                let policy = intended.get(&file.name).copied().unwrap_or(file.failure_policy);
                webhooks.push(Self::new(file, phase, policy)?);
            }
        }
        Ok(webhooks)
    }

    fn new(file: ManifestWebhook, phase: Phase, failure_policy: FailurePolicy) -> Result<Self, String> {
        let condition = |Expression { name, expression }| match Program::compile(&expression) {
            Ok(program) => Ok(Condition { name, program }),
            Err(error) => Err(format!("{}: {name}: {error}", file.name)),
        };
        let conditions = file.match_conditions.into_iter().map(condition).collect::<Result<_, _>>()?;
        Ok(Self {
            phase,
            installed_policy: file.failure_policy,
            failure_policy,
            rules: file.rules,
            conditions,
            name: file.name,
        })
    }

    /// Whether the API server would send a request: a rule matches, and every match condition holds. Selectors are
    /// ignored.
    ///
    /// # Errors
    ///
    /// Returns an error if a condition fails, or returns no boolean.
    pub fn is_sent(&self, request: &Request<'_>) -> Result<bool, String> {
        if !self.rules.iter().any(|rule| rule.is_about(request)) {
            return Ok(false);
        }
        let context = context(request)?;
        for condition in &self.conditions {
            let failed = |what: String| format!("{}: {}: {what}", self.name, condition.name);
            match condition.program.execute(&context).map_err(|error| failed(error.to_string()))? {
                cel::Value::Bool(true) => {}
                cel::Value::Bool(false) => return Ok(false),
                other => return Err(failed(format!("{other:?}"))),
            }
        }
        Ok(true)
    }
}

/// Returns the failure policies that a configuration's annotation announces.
fn intended(configuration: &Value) -> Result<HashMap<String, FailurePolicy>, String> {
    let annotation = &configuration["metadata"]["annotations"]["ordinance.dev/failure-policies"];
    let Some(text) = annotation.as_str() else { return Ok(HashMap::new()) };
    serde_json::from_str(text).map_err(|error| format!("{text}: {error}"))
}

// === impl WebhookRule ===

impl WebhookRule {
    fn is_about(&self, request: &Request<'_>) -> bool {
        let scope = &request.scope;
        self.api_groups.iter().any(|group| **group == *scope.group)
            && self.api_versions.iter().any(|version| **version == *scope.version)
            && self.resources.contains(&scope.qualified_resource())
            && self.operations.contains(&request.operation)
    }
}

/// Returns the variables of a match condition.
fn context(request: &Request<'_>) -> Result<Context<'static, 'static>, String> {
    let parsed = |text: Option<&str>| match text {
        Some(text) => serde_json::from_str(text).map_err(|error| error.to_string()),
        None => Ok(Value::Null),
    };
    let operation = serde_json::to_value(request.operation).map_err(|error| error.to_string())?;
    let about = serde_json::json!({
        "operation": operation,
        "namespace": request.scope.namespace,
        "name": request.scope.name,
        "userInfo": parsed(Some(&*request.user_info).filter(|text| !text.is_empty()))?,
    });
    let mut context = Context::default();
    for (name, value) in [
        ("object", parsed(request.object.as_deref())?),
        ("oldObject", parsed(request.old_object.as_deref())?),
        ("request", about),
    ] {
        context.add_variable_from_value(name, converted(&value));
    }
    Ok(context)
}

/// Converts JSON as the API server does for an expression: integers are signed.
fn converted(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(converted).collect())),
        Value::Object(members) => {
            let members: HashMap<Key, cel::Value> =
                members.iter().map(|(name, value)| (Key::from(name.clone()), converted(value))).collect();
            cel::Value::Map(Map { map: Arc::new(members) })
        }
    }
}
