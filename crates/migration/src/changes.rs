//! The fields that a migration writes, as JSON Patches that fail if the set is not what the plan was made from.

use serde::Serialize;
use serde_json::{Value, json};

/// A mount that gets an expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MountChange {
    /// The field of the StatefulSet, e.g. `spec.template.spec.containers[0].volumeMounts[1]`.
    pub field: String,
    /// The JSON pointer of the mount.
    #[serde(skip)]
    pub(crate) pointer: String,
    /// The container's name.
    pub container: String,
    /// The volume or claim template.
    pub volume: String,
    /// The path in the container.
    pub mount_path: String,
    /// `subPath` so far; empty if it is unset.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub_path: String,
    /// `subPathExpr` so far; empty if it is unset.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub_path_expr: String,
    /// The expression to write into `subPathExpr`.
    pub expression: String,
}

/// The variables that a container needs for its expressions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariableChange {
    pub(crate) container: String,
    /// The JSON pointer of `env`.
    #[serde(skip)]
    pub(crate) pointer: String,
    /// The number of variables so far; `None` if there is no list.
    #[serde(skip)]
    pub(crate) declared: Option<usize>,
    /// The entries of `env` to append.
    pub(crate) env: Vec<Value>,
}

/// The annotation that says where in a claim the files of an ordinal are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimMark {
    /// The claim, in the set's namespace.
    pub claim: String,
    /// The expression.
    pub sub_path: String,
}

/// Returns the patch that writes expressions and variables, if the set has no replicas and the mounts are the same.
pub(crate) fn forward(mounts: &[MountChange], variables: &[VariableChange]) -> Vec<Value> {
    let mut patch = vec![test("/spec/replicas", json!(0))];
    patch.extend(mounts.iter().flat_map(MountChange::guards));
    patch.extend(variables.iter().flat_map(VariableChange::additions));
    patch.extend(mounts.iter().flat_map(MountChange::writes));
    patch
}

/// Returns the patch that takes them back, if they are still there.
pub(crate) fn reverse(mounts: &[MountChange], variables: &[VariableChange]) -> Vec<Value> {
    let mut patch = vec![test("/spec/replicas", json!(0))];
    patch.extend(mounts.iter().flat_map(MountChange::reversals));
    patch.extend(variables.iter().flat_map(VariableChange::removals));
    patch
}

fn test(path: &str, value: Value) -> Value {
    json!({ "op": "test", "path": path, "value": value })
}

fn add(path: &str, value: impl Into<Value>) -> Value {
    json!({ "op": "add", "path": path, "value": value.into() })
}

fn remove(path: &str) -> Value {
    json!({ "op": "remove", "path": path })
}

// === impl MountChange ===

impl MountChange {
    fn member(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    /// Returns the tests that the mount is the one of the plan.
    fn identity(&self) -> [Value; 2] {
        [
            test(&self.member("name"), json!(self.volume)),
            test(&self.member("mountPath"), json!(self.mount_path)),
        ]
    }

    fn guards(&self) -> Vec<Value> {
        let sub_path =
            (!self.sub_path.is_empty()).then(|| test(&self.member("subPath"), json!(self.sub_path)));
        let expression = (!self.sub_path_expr.is_empty())
            .then(|| test(&self.member("subPathExpr"), json!(self.sub_path_expr)));
        self.identity().into_iter().chain(sub_path).chain(expression).collect()
    }

    fn writes(&self) -> Vec<Value> {
        let old = (!self.sub_path.is_empty()).then(|| remove(&self.member("subPath")));
        old.into_iter().chain([add(&self.member("subPathExpr"), &*self.expression)]).collect()
    }

    fn reversals(&self) -> Vec<Value> {
        let expression = self.member("subPathExpr");
        let old = if self.sub_path_expr.is_empty() {
            remove(&expression)
        } else {
            add(&expression, &*self.sub_path_expr)
        };
        let sub_path = (!self.sub_path.is_empty()).then(|| add(&self.member("subPath"), &*self.sub_path));
        let guards = self.identity().into_iter().chain([test(&expression, json!(self.expression))]);
        guards.chain([old]).chain(sub_path).collect()
    }
}

// === impl VariableChange ===

impl VariableChange {
    fn additions(&self) -> Vec<Value> {
        match self.declared {
            None => vec![add(&self.pointer, self.env.clone())],
            Some(_) => {
                self.env.iter().map(|entry| add(&format!("{}/-", self.pointer), entry.clone())).collect()
            }
        }
    }

    /// Returns the removals, the last entry first. The API server stores no list that is empty.
    fn removals(&self) -> Vec<Value> {
        let first = self.declared.unwrap_or_default();
        let entries = self.env.iter().enumerate().rev();
        let removals = entries.flat_map(|(index, entry)| {
            let place = format!("{}/{}", self.pointer, first + index);
            [test(&format!("{place}/name"), entry["name"].clone()), remove(&place)]
        });
        removals.collect()
    }
}
