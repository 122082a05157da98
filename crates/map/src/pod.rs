//! The pods of a set: what their containers call their environment, and which part of a volume their mounts show.

use crate::expression::{Piece, Value, Variables, expand};
use crate::set::{Container, EnvVar, Mount, Set, Strings};

/// What all pods of a set have in common.
pub(crate) struct Pods<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) set: &'a Set<'a>,
}

/// A part of a volume that a container writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The volume's name.
    pub(crate) volume: String,
    /// The directory below the volume's root.
    pub(crate) sub_path: Value,
}

// === impl Pods ===

impl Pods<'_> {
    /// Everything that some container may write, once each, in the order of the pod.
    pub(crate) fn written(&self) -> Vec<Written> {
        let mut written: Vec<Written> = Vec::new();
        for container in self.set.spec.template.spec.all_containers() {
            for one in self.written_by(container) {
                if !written.contains(&one) {
                    written.push(one);
                }
            }
        }
        written
    }

    fn written_by(&self, container: &Container<'_>) -> Vec<Written> {
        let variables = self.variables(container);
        let mounts = container.volume_mounts.iter().filter(|mount| !mount.read_only);
        let mounted = mounts
            .map(|mount| Written { volume: mount.name.to_string(), sub_path: sub_path(mount, &variables) });
        let devices = container.volume_devices.iter();
        let raw =
            devices.map(|device| Written { volume: device.name.to_string(), sub_path: Value::default() });
        mounted.chain(raw).collect()
    }

    /// What the kubelet expands a container's expressions with; empty if there is none.
    fn variables<'c>(&self, container: &'c Container<'_>) -> Variables<'c> {
        let mut variables = Variables::new();
        let has_expressions = container.volume_mounts.iter().any(|mount| !mount.sub_path_expr.is_empty());
        for variable in container.env.iter().filter(|_| has_expressions) {
            match self.value(variable, &variables) {
                Some(value) => variables.insert(&variable.name, value),
                None => variables.remove(&*variable.name),
            };
        }
        variables
    }

    /// A variable's value, given those before it; none if it stands in another object or a file.
    fn value(&self, variable: &EnvVar<'_>, earlier: &Variables<'_>) -> Option<Value> {
        match &variable.value_from {
            Some(from) => self.field(&from.field_ref.field_path),
            None => Some(expand(&variable.value, earlier)),
        }
    }

    /// A field of the pod.
    fn field(&self, path: &str) -> Option<Value> {
        let template = &self.set.spec.template;
        match path {
            "metadata.name" => Some(Value::of(Piece::PodName)),
            "metadata.namespace" => Some(Value::text(self.namespace)),
            "metadata.uid" | "status.podIP" | "status.podIPs" => Some(Value::of_each_pod(path)),
            "spec.serviceAccountName" if template.spec.service_account_name.is_empty() => {
                Some(Value::text("default"))
            }
            "spec.serviceAccountName" => Some(Value::text(&template.spec.service_account_name)),
            _ => match (entry(path, "metadata.labels"), entry(path, "metadata.annotations")) {
                (Some("statefulset.kubernetes.io/pod-name"), _) => Some(Value::of(Piece::PodName)),
                (Some("apps.kubernetes.io/pod-index"), _) => Some(Value::of(Piece::Ordinal)),
                (Some(label), _) => text_of(&template.metadata.labels, label),
                (_, Some(annotation)) => text_of(&template.metadata.annotations, annotation),
                _ => None,
            },
        }
    }
}

/// The directory that a mount shows. Of both fields, which exclude each other, the expression counts.
fn sub_path(mount: &Mount<'_>, variables: &Variables<'_>) -> Value {
    if mount.sub_path_expr.is_empty() {
        Value::text(&mount.sub_path)
    } else {
        expand(&mount.sub_path_expr, variables)
    }
}

/// `key` of `field['key']`.
fn entry<'p>(path: &'p str, field: &str) -> Option<&'p str> {
    let quoted = path.strip_prefix(field)?.strip_prefix("['")?;
    quoted.strip_suffix("']")
}

fn text_of(strings: &Strings<'_>, key: &str) -> Option<Value> {
    let (_, value) = strings.iter().find(|(name, _)| &***name == key)?;
    value.as_ref().map(|value| Value::text(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = r#"{"metadata":{"name":"web"},"spec":{"template":{"metadata":{"labels":{"app":"shop"}},"spec":{
        "initContainers":[{"volumeMounts":[{"name":"data"}]}],
        "containers":[{
          "env":[
            {"name":"A","value":"$(POD)"},
            {"name":"POD","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
            {"name":"B","value":"$(POD)-$(APP)"},
            {"name":"APP","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['app']"}}},
            {"name":"N","value":"first"},
            {"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['apps.kubernetes.io/pod-index']"}}},
            {"name":"S","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}},
            {"name":"U","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.uid"}}}],
          "volumeMounts":[
            {"name":"data","subPathExpr":"$(A)"},{"name":"data","subPathExpr":"$(B)"},{"name":"data","subPathExpr":"$(APP)/$(N)"},
            {"name":"data","subPathExpr":"$(S)"},{"name":"data","subPathExpr":"$(U)"},{"name":"data","subPath":"$(POD)"},
            {"name":"data","readOnly":true},{"name":"data"}],
          "volumeDevices":[{"name":"raw","devicePath":"/dev/x"}]}]}}}}"#;

    #[test]
    fn a_pod_writes_what_its_containers_mount_once_each() {
        let set: Set<'_> = serde_json::from_str(SET).expect("a set");
        let written = Pods { namespace: "default", set: &set }.written();
        let shown: Vec<String> = written
            .iter()
            .map(|one| format!("{}:{}", one.volume, one.sub_path.of_ordinal("web-1", 1)))
            .collect();
        assert_eq!(
            shown,
            [
                "data:",
                "data:$(POD)",
                "data:web-1-$(APP)",
                "data:shop/1",
                "data:$(S)",
                "data:<metadata.uid of web-1>",
                "raw:"
            ]
        );
    }
}
