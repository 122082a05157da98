//! What the map reads of a StatefulSet, borrowed from its JSON.

use crate::view::{self, Text};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;

/// A StatefulSet.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Set<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) metadata: Metadata<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) spec: Spec<'a>,
}

/// `metadata`, also of a template.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) name: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) generate_name: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) labels: Strings<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) annotations: Strings<'a>,
}

/// Labels or annotations; `null` is none.
pub(crate) type Strings<'a> = BTreeMap<Text<'a>, Option<Text<'a>>>;

/// `spec`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Spec<'a> {
    /// Absent counts as 1.
    replicas: Option<i64>,
    #[serde(deserialize_with = "view::lenient")]
    ordinals: Ordinals,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) template: Template<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) volume_claim_templates: Vec<ClaimTemplate<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ordinals {
    #[serde(deserialize_with = "view::lenient")]
    start: i64,
}

/// A pod template.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Template<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) metadata: Metadata<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) spec: Pod<'a>,
}

/// The pod's `spec`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Pod<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) volumes: Vec<Volume<'a>>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) service_account_name: Text<'a>,
}

/// A container, an init container or a sidecar.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Container<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) env: Vec<EnvVar<'a>>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) volume_mounts: Vec<Mount<'a>>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) volume_devices: Vec<Device<'a>>,
}

/// An entry of `env`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EnvVar<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) name: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) value: Text<'a>,
    #[serde(borrow)]
    pub(crate) value_from: Option<ValueFrom<'a>>,
}

/// `valueFrom`, of which only a field of the pod can be known.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ValueFrom<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) field_ref: FieldRef<'a>,
}

/// `fieldRef`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FieldRef<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) field_path: Text<'a>,
}

/// An entry of `volumeMounts`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Mount<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) name: Text<'a>,
    #[serde(deserialize_with = "view::lenient")]
    pub(crate) read_only: bool,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) sub_path: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) sub_path_expr: Text<'a>,
}

/// An entry of `volumeDevices`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Device<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) name: Text<'a>,
}

/// An entry of the pod's `volumes`: its name, and its source by kind.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Volume<'a>(#[serde(borrow)] BTreeMap<Text<'a>, Option<&'a RawValue>>);

/// A claim template.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimTemplate<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) metadata: Metadata<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) spec: ClaimSpec<'a>,
}

/// What a claim asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClaimSpec<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) access_modes: Vec<Text<'a>>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) storage_class_name: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) volume_mode: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) volume_name: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) resources: Resources<'a>,
    #[serde(borrow)]
    pub(crate) selector: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) data_source: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) data_source_ref: Option<&'a RawValue>,
}

/// `resources`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Resources<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) requests: Storage<'a>,
}

/// An amount of storage; a number where someone left the quotes out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Storage<'a> {
    #[serde(borrow)]
    pub(crate) storage: Option<&'a RawValue>,
}

/// What a volume of a pod is.
pub(crate) enum Source<'a> {
    /// A claim that exists under this name for all replicas.
    Claim(&'a RawValue),
    /// Anything else, by the name of its member, e.g. `nfs`.
    Inline(&'a str, &'a RawValue),
}

// === impl Set ===

impl Set<'_> {
    /// The name; what it will begin with while the API server has not generated it.
    pub(crate) fn name(&self) -> String {
        let Metadata { name, generate_name, .. } = &self.metadata;
        if name.is_empty() { format!("{}*", &**generate_name) } else { name.to_string() }
    }
}

// === impl Spec ===

impl Spec<'_> {
    /// The ordinals of the replicas.
    pub(crate) fn ordinals(&self) -> Range<u64> {
        let start = u64::try_from(self.ordinals.start).unwrap_or(0);
        let replicas = u64::try_from(self.replicas.unwrap_or(1)).unwrap_or(0);
        start..start.saturating_add(replicas)
    }
}

// === impl Pod ===

impl<'a> Pod<'a> {
    /// Init containers, then the others.
    pub(crate) fn all_containers(&self) -> impl Iterator<Item = &Container<'a>> {
        self.init_containers.iter().chain(&self.containers)
    }
}

// === impl Volume ===

impl<'a> Volume<'a> {
    /// The name; empty if it is not a text.
    pub(crate) fn name(&self) -> String {
        let name = self.0.iter().find(|(member, _)| &***member == "name").and_then(|(_, value)| *value);
        name.and_then(|name| serde_json::from_str(name.get()).ok()).unwrap_or_default()
    }

    /// Where its files are.
    pub(crate) fn source(&self) -> Option<Source<'_>> {
        let mut members = self.0.iter().filter(|(member, _)| &***member != "name");
        let (kind, source) = members.find_map(|(kind, source)| Some((&**kind, (*source)?)))?;
        Some(if kind == "persistentVolumeClaim" {
            Source::Claim(source)
        } else {
            Source::Inline(kind, source)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordinals(spec: &str) -> Range<u64> {
        serde_json::from_str::<Spec<'_>>(spec).expect("a spec").ordinals()
    }

    #[test]
    fn ordinals_begin_at_their_start_and_end_before_overflow() {
        assert_eq!(ordinals("{}"), 0..1);
        assert_eq!(ordinals(r#"{"replicas":null,"ordinals":null}"#), 0..1);
        assert_eq!(ordinals(r#"{"replicas":3,"ordinals":{"start":5}}"#), 5..8);
        assert_eq!(ordinals(r#"{"replicas":-3,"ordinals":{"start":-5}}"#), 0..0);
        assert!(
            ordinals(r#"{"replicas":9223372036854775807,"ordinals":{"start":9223372036854775807}}"#).end > 0
        );
    }

    #[test]
    fn a_volume_is_its_name_and_the_source_that_is_not_null() {
        let volume: Volume<'_> =
            serde_json::from_str(r#"{"emptyDir":null,"name":"v","nfs":{"server":"s"}}"#).expect("a volume");
        assert_eq!(volume.name(), "v");
        assert!(matches!(volume.source(), Some(Source::Inline("nfs", _))));
    }
}
