//! The directory of a volume that a mount shows, for all ordinals at once.
//!
//! An expression is resolved once for a StatefulSet and not once for each of a thousand pods: what depends on the
//! ordinal stays a [`SubPathPart`].

use ordinance_storage::json::{Raw, Text};
use ordinance_storage::{Piece, PlacedMount, PodTemplate, ResolvedExpression, SubPath, VariableSource};
use std::collections::BTreeMap;

/// The most bytes of a sub-path, without pod names: `PATH_MAX` of Linux.
const BYTES: usize = 4096;

/// The label that the StatefulSet controller sets to the ordinal.
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// Labels or annotations.
type Strings<'a> = BTreeMap<Text<'a>, Option<Text<'a>>>;

/// The fields of a set's pods that expressions can refer to and that manifests declare.
pub(crate) struct PodFields<'a> {
    namespace: &'a str,
    service_account: Text<'a>,
    labels: Strings<'a>,
    annotations: Strings<'a>,
}

/// A sub-path of which parts depend on the ordinal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubPathPattern {
    parts: Vec<SubPathPart>,
    /// Bytes of text, and 1 for each other part.
    bytes: usize,
}

/// A part of a sub-path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SubPathPart {
    /// The same for every ordinal.
    Text(String),
    /// e.g. `web-0`.
    PodName,
    /// e.g. `0`.
    Ordinal,
}

// === impl PodFields ===

impl<'a> PodFields<'a> {
    /// Reads the fields of the pods of a template.
    pub(crate) fn read(namespace: &'a str, template: &PodTemplate<'a, Raw<'a>>) -> serde_json::Result<Self> {
        let metadata = template.metadata()?;
        let service_account = template.spec.service_account_name()?;
        Ok(Self { namespace, service_account, labels: metadata.labels, annotations: metadata.annotations })
    }

    /// Adds the value of a field to a pattern; returns whether the value is known.
    fn add(&self, path: &str, pattern: &mut SubPathPattern) -> bool {
        match path {
            "metadata.name" => pattern.push(SubPathPart::PodName),
            "metadata.namespace" => pattern.push_text(self.namespace),
            "metadata.uid" | "status.podIP" | "status.podIPs" => {
                pattern.push_text("<");
                pattern.push_text(path);
                pattern.push_text(" of ");
                pattern.push(SubPathPart::PodName);
                pattern.push_text(">");
            }
            "spec.serviceAccountName" if self.service_account.is_empty() => pattern.push_text("default"),
            "spec.serviceAccountName" => pattern.push_text(&self.service_account),
            _ => match (entry(path, "metadata.labels"), entry(path, "metadata.annotations")) {
                (Some(POD_INDEX), _) => pattern.push(SubPathPart::Ordinal),
                (Some(label), _) => return add_entry(&self.labels, label, pattern),
                (_, Some(annotation)) => return add_entry(&self.annotations, annotation, pattern),
                _ => return false,
            },
        }
        true
    }
}

/// Returns `key` of `field['key']`.
fn entry<'p>(path: &'p str, field: &str) -> Option<&'p str> {
    path.strip_prefix(field)?.strip_prefix("['")?.strip_suffix("']")
}

fn add_entry(strings: &Strings<'_>, key: &str, pattern: &mut SubPathPattern) -> bool {
    let value = strings.get(&Text::from(key)).and_then(Option::as_ref).filter(|value| !value.is_empty());
    if let Some(value) = value {
        pattern.push_text(value);
    }
    value.is_some()
}

// === impl SubPathPattern ===

impl SubPathPattern {
    /// Returns the directory that a mount shows. If both fields are set, which exclude each other, the expression
    /// counts.
    pub(crate) fn of(mounted: &PlacedMount<'_>, fields: &PodFields<'_>) -> Self {
        let expression = match mounted.part() {
            SubPath::Root => return Self::default(),
            SubPath::Fixed(path) => return Self::text(path),
            SubPath::Expression(expression) => expression,
            SubPath::Both => mounted.mount.sub_path_expr(),
        };
        Self::expanded(&mounted.container.env.resolve(expression), fields)
    }

    fn text(text: &str) -> Self {
        let mut pattern = Self::default();
        pattern.push_text(text);
        pattern
    }

    /// Fills in the variables of an expression. One whose value is not known stays as it is written.
    fn expanded(resolved: &ResolvedExpression, fields: &PodFields<'_>) -> Self {
        let mut pattern = Self::default();
        for piece in resolved.pieces() {
            match piece {
                Piece::Text(text) => pattern.push_text(text),
                Piece::Variable { source: VariableSource::Field(path), .. }
                    if fields.add(path, &mut pattern) => {}
                Piece::Variable { name, .. } => pattern.push_text(&format!("$({name})")),
            }
        }
        pattern
    }

    /// Returns the sub-path of one ordinal.
    pub(crate) fn of_ordinal(&self, pod: &str, ordinal: u64) -> String {
        let parts = self.parts.iter().map(|part| match part {
            SubPathPart::Text(text) => text.clone(),
            SubPathPart::PodName => pod.to_owned(),
            SubPathPart::Ordinal => ordinal.to_string(),
        });
        parts.collect()
    }

    /// Adds a text, or as much of it as there is room for.
    fn push_text(&mut self, text: &str) {
        let (text, _) = text.split_at(text.floor_char_boundary(BYTES.saturating_sub(self.bytes)));
        self.bytes += text.len();
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(SubPathPart::Text(last)) => last.push_str(text),
            _ => self.parts.push(SubPathPart::Text(text.to_owned())),
        }
    }

    /// Adds a part, if there is room for it.
    fn push(&mut self, part: SubPathPart) {
        if self.bytes < BYTES {
            self.bytes += 1;
            self.parts.push(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_storage::{PlacedContainer, Steps, json};

    /// The sub-paths of all mounts for ordinal 1.
    fn sub_paths(template: &str) -> Vec<String> {
        let template: PodTemplate<'_, Raw<'_>> = json::read(template).expect("a pod template");
        let fields = PodFields::read("default", &template).expect("fields");
        let containers = PlacedContainer::all(&template.spec, &[], &Steps::unlimited());
        let mounts = containers.iter().flat_map(PlacedContainer::mounts);
        mounts.map(|mounted| SubPathPattern::of(&mounted, &fields).of_ordinal("web-1", 1)).collect()
    }

    #[test]
    fn fills_in_the_fields_that_the_manifest_declares() {
        let template = r#"{"metadata":{"labels":{"app":"shop","none":null}},"spec":{"containers":[{
            "env":[
              {"name":"A","value":"$(POD)"},
              {"name":"POD","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
              {"name":"B","value":"$(POD)-$(APP)"},
              {"name":"APP","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['app']"}}},
              {"name":"N","value":"first"},
              {"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['apps.kubernetes.io/pod-index']"}}},
              {"name":"U","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.uid"}}},
              {"name":"NS","valueFrom":{"fieldRef":{"fieldPath":"metadata.namespace"}}},
              {"name":"SA","valueFrom":{"fieldRef":{"fieldPath":"spec.serviceAccountName"}}},
              {"name":"LABEL","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['statefulset.kubernetes.io/pod-name']"}}}],
            "volumeMounts":[
              {"subPathExpr":"$(A)"},{"subPathExpr":"$(B)"},{"subPathExpr":"$(APP)/$(N)"},{"subPathExpr":"$(U)"},
              {"subPathExpr":"$(NS)/$(SA)/$(LABEL)"},{"subPath":"$(POD)"},{"subPath":"x","subPathExpr":"$(POD)"},{}]}]}}"#;
        assert_eq!(
            sub_paths(template),
            [
                "$(POD)",
                "web-1-$(APP)",
                "shop/1",
                "<metadata.uid of web-1>",
                "default/default/web-1",
                "$(POD)",
                "web-1",
                ""
            ]
        );
    }

    #[test]
    fn an_unknown_variable_stays_as_it_is_written() {
        let template = r#"{"metadata":{"labels":{"none":null}},"spec":{"containers":[{
            "env":[
              {"name":"S","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}},
              {"name":"L","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['none']"}}},
              {"name":"H","valueFrom":{"fieldRef":{"fieldPath":"status.hostIP"}}},
              {"name":"EMPTY"},
              {"name":"V","value":"v-$(S)"}],
            "volumeMounts":[
              {"subPathExpr":"$(V)/$(L)/$(H)"},{"subPathExpr":"$(OTHER)/$(EMPTY)/$(WEB_SERVICE_HOST)"},
              {"subPathExpr":"$(ORDINANCE_POD_NAME)"},{"subPathExpr":"$$(S) $S ${S} $(S $"}]}]}}"#;
        assert_eq!(
            sub_paths(template),
            [
                "v-$(S)/$(L)/$(H)",
                "$(OTHER)/$(EMPTY)/$(WEB_SERVICE_HOST)",
                "$(ORDINANCE_POD_NAME)",
                "$(S) $S ${S} $(S $"
            ]
        );
    }

    #[test]
    fn a_sub_path_that_grows_without_end_is_cut() {
        let link =
            |at: usize| format!(r#"{{"name":"V{at}","value":"{}"}}"#, format!("$(V{})", at - 1).repeat(9));
        let links: Vec<String> = (1..9).map(link).collect();
        let template = format!(
            r#"{{"spec":{{"containers":[{{"env":[{{"name":"V0","value":"long text"}},{}],"volumeMounts":[{{"subPathExpr":"$(V8)"}}]}}]}}}}"#,
            links.join(",")
        );
        let sub_paths = sub_paths(&template);
        assert!(sub_paths.iter().all(|path| path.starts_with("long text") && path.len() <= BYTES));
    }
}
