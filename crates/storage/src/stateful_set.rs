//! StatefulSets and their pod templates.
//!
//! The pod template is generic: a review of an update reads it as raw text first, since most updates leave it as it
//! was.

use crate::json::{self, Raw, Text};
use crate::{ClaimTemplate, Container, Metadata, PodVolume, SecurityContext};
use ordinance_json::RawText;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::ops::Range;

/// A StatefulSet, its pod template read as `T` and its metadata as `M`; `R` reads the fields that only the control
/// plane needs.
#[derive(Debug, Deserialize)]
#[serde(bound(
    deserialize = "T: Default + Deserialize<'de>, M: Default + Deserialize<'de>, R: Default + Deserialize<'de>",
    serialize = ""
))]
pub struct StatefulSet<'a, T, M = Metadata<'a>, R = IgnoredAny> {
    /// `metadata`.
    #[serde(default, deserialize_with = "json::object")]
    pub metadata: M,
    /// `spec`.
    #[serde(borrow, default = "StatefulSetSpec::empty", deserialize_with = "spec")]
    pub spec: StatefulSetSpec<'a, T, R>,
}

/// `spec` of a StatefulSet.
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    bound(deserialize = "T: Default + Deserialize<'de>, R: Default + Deserialize<'de>", serialize = "")
)]
pub struct StatefulSetSpec<'a, T, R = IgnoredAny> {
    #[serde(default)]
    replicas: Option<i64>,
    #[serde(default)]
    ordinals: R,
    /// `template`.
    #[serde(default, deserialize_with = "json::lenient")]
    pub template: T,
    /// `volumeClaimTemplates`.
    #[serde(borrow, default, deserialize_with = "json::objects")]
    pub volume_claim_templates: Vec<ClaimTemplate<'a, R>>,
}

/// A pod template as the text of its JSON.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct RawTemplate<'a>(#[serde(borrow)] Option<RawText<'a>>);

/// A pod template; `R` reads the fields that only expressions need.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "R: Default + Deserialize<'de>"))]
pub struct PodTemplate<'a, R = IgnoredAny> {
    metadata: R,
    /// `spec`.
    #[serde(borrow, deserialize_with = "json::object")]
    pub spec: PodSpec<'a, R>,
}

/// `spec` of a pod template; `R` reads the fields that only expressions need.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "R: Default + Deserialize<'de>"))]
pub struct PodSpec<'a, R = IgnoredAny> {
    /// `volumes`.
    #[serde(borrow, deserialize_with = "json::list")]
    pub volumes: Vec<PodVolume<'a>>,
    #[serde(borrow, deserialize_with = "json::objects")]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "json::objects")]
    containers: Vec<Container<'a>>,
    /// `securityContext`, which holds for containers without their own.
    #[serde(deserialize_with = "json::object")]
    pub security_context: SecurityContext,
    service_account_name: R,
    #[serde(borrow, deserialize_with = "json::object")]
    os: Os<'a>,
    #[serde(borrow, deserialize_with = "json::object")]
    node_selector: NodeSelector<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ordinals {
    #[serde(deserialize_with = "json::lenient")]
    start: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Os<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeSelector<'a> {
    #[serde(borrow, rename = "kubernetes.io/os", deserialize_with = "json::lenient")]
    os: Text<'a>,
}

// === impl StatefulSet ===

impl<T, M, R> StatefulSet<'_, T, M, R> {
    /// Returns `spec.replicas`, by default 1. The API server rejects negative numbers.
    pub fn replicas(&self) -> i64 {
        self.spec.replicas.unwrap_or(1)
    }
}

impl<'a, T, M> StatefulSet<'a, T, M, Raw<'a>> {
    /// Parses the ordinals of the replicas.
    ///
    /// # Errors
    ///
    /// `spec.ordinals` has another type than the API says.
    pub fn ordinals(&self) -> Result<Range<u64>, serde_json::Error> {
        let start = u64::try_from(self.spec.ordinals.parse::<Ordinals>()?.start).unwrap_or(0);
        let replicas = u64::try_from(self.replicas()).unwrap_or(0);
        Ok(start..start.saturating_add(replicas))
    }
}

impl<'a, T, A, L, U, R> StatefulSet<'a, T, Metadata<'a, A, L, U>, R> {
    /// Returns whether the set is being deleted.
    pub fn is_being_deleted(&self) -> bool {
        self.metadata.is_being_deleted()
    }
}

// === impl StatefulSetSpec ===

impl<T: Default, R: Default> StatefulSetSpec<'_, T, R> {
    fn empty() -> Self {
        Self {
            replicas: None,
            ordinals: R::default(),
            template: T::default(),
            volume_claim_templates: Vec::new(),
        }
    }
}

/// Reads `spec`, of which `null` is absent.
fn spec<'de, D, T, R>(deserializer: D) -> Result<StatefulSetSpec<'de, T, R>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
    R: Default + Deserialize<'de>,
{
    Ok(json::maybe_object(deserializer)?.unwrap_or_else(StatefulSetSpec::empty))
}

// === impl RawTemplate ===

impl<'a> RawTemplate<'a> {
    /// Parses the template.
    ///
    /// # Errors
    ///
    /// It is not a pod template.
    pub fn read(self) -> Result<PodTemplate<'a>, serde_json::Error> {
        self.0.map_or_else(|| Ok(PodTemplate::default()), |raw| json::read(raw.get()))
    }

    /// Returns whether both templates say the same, their members in any order; `null` counts as absent.
    pub fn is_equal_to(self, other: Self) -> bool {
        json::is_equal(self.0.unwrap_or(RawText::NULL), other.0.unwrap_or(RawText::NULL))
    }
}

// === impl PodTemplate ===

impl<'a> PodTemplate<'a, Raw<'a>> {
    /// Parses `metadata`, its annotations as `A` and its labels as `L`.
    ///
    /// # Errors
    ///
    /// It has another type than the API says.
    pub fn metadata<A, L>(&self) -> Result<Metadata<'a, A, L>, serde_json::Error>
    where
        A: Default + Deserialize<'a>,
        L: Default + Deserialize<'a>,
    {
        self.metadata.parse()
    }
}

// === impl PodSpec ===

impl<'a, R> PodSpec<'a, R> {
    /// Returns whether the pod runs on Windows.
    pub fn is_windows(&self) -> bool {
        &*self.os.name == "windows" || &*self.node_selector.os == "windows"
    }

    /// Returns whether the pod has a container. The API server stores no pod template without one.
    pub fn has_containers(&self) -> bool {
        !self.containers.is_empty()
    }

    /// Iterates over init containers, then the others, with the list that each is in and its index there.
    pub(crate) fn all_containers(&self) -> impl Iterator<Item = (&'static str, usize, &Container<'a>)> {
        let init = self.init_containers.iter().enumerate().map(|(i, c)| ("initContainers", i, c));
        init.chain(self.containers.iter().enumerate().map(|(i, c)| ("containers", i, c)))
    }
}

impl<'a> PodSpec<'a, Raw<'a>> {
    /// Parses `serviceAccountName`; empty means `default`.
    ///
    /// # Errors
    ///
    /// It is not a string.
    pub fn service_account_name(&self) -> Result<Text<'a>, serde_json::Error> {
        self.service_account_name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordinals(spec: &str) -> Range<u64> {
        let text = format!(r#"{{"spec":{spec}}}"#);
        let set: StatefulSet<'_, RawTemplate<'_>, IgnoredAny, Raw<'_>> =
            json::read(&text).expect("a StatefulSet");
        set.ordinals().expect("ordinals")
    }

    #[test]
    fn ordinals_begin_at_their_start_and_end_before_overflow() {
        assert_eq!(ordinals("{}"), 0..1);
        assert_eq!(ordinals("null"), 0..1);
        assert_eq!(ordinals(r#"{"replicas":null,"ordinals":null}"#), 0..1);
        assert_eq!(ordinals(r#"{"replicas":3,"ordinals":{"start":5}}"#), 5..8);
        assert_eq!(ordinals(r#"{"replicas":-3,"ordinals":{"start":-5}}"#), 0..0);
        assert!(
            ordinals(r#"{"replicas":9223372036854775807,"ordinals":{"start":9223372036854775807}}"#).end > 0
        );
    }

    #[test]
    fn raw_templates_are_equal_in_any_order() {
        let raw = |text| serde_json::from_str::<RawTemplate<'_>>(text).expect("JSON");
        assert!(raw(r#"{"spec":{"a":1,"b":null}}"#).is_equal_to(raw(r#"{"spec": {"a": 1}}"#)));
        assert!(raw("null").is_equal_to(RawTemplate::default()));
        assert!(!raw("{}").is_equal_to(raw(r#"{"spec":{}}"#)));
    }
}
