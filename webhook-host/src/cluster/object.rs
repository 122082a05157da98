//! An object as the API server wrote it: never parsed into types and written again on its way into a guest.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use ordinance_contract::{Scope, Watch};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An object's own text, and the little of its metadata that a watch goes by. With `METADATA`, the API server is asked
/// for metadata alone.
///
/// Any JSON is one: what can't be read has no name, and one such object must not spoil a whole list.
#[derive(Clone)]
pub(super) struct Raw<const METADATA: bool> {
    metadata: ObjectMeta,
    json: Box<RawValue>,
}

/// The little.
#[derive(Default, Deserialize)]
struct Head {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

// === impl Raw ===

impl<const METADATA: bool> Raw<METADATA> {
    /// Which object it is, among those of a watch.
    pub(super) fn scope(&self, watch: &Watch) -> Scope<'static> {
        let text = |text: &Option<String>| Cow::Owned(text.clone().unwrap_or_default());
        Scope {
            group: watch.group.clone().into(),
            version: watch.version.clone().into(),
            resource: watch.resource.clone().into(),
            subresource: Cow::Borrowed(""),
            namespace: text(&self.metadata.namespace),
            name: text(&self.metadata.name),
        }
    }

    /// Its uid; empty if it has none.
    pub(super) fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Its version as a number, where it is one.
    pub(super) fn version(&self) -> Option<u64> {
        self.metadata.resource_version.as_deref()?.parse().ok()
    }

    /// Its text.
    pub(super) fn json(&self) -> &str {
        self.json.get()
    }
}

impl<'de, const METADATA: bool> Deserialize<'de> for Raw<METADATA> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let Head { metadata } = serde_json::from_str(json.get()).unwrap_or_default();
        let metadata = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, json })
    }
}

impl<const METADATA: bool> Resource for Raw<METADATA> {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&resource.kind)
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&resource.group)
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&resource.version)
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&resource.plural)
    }

    fn metadata_api() -> bool {
        METADATA
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Without its text: no object is ever logged whole.
impl<const METADATA: bool> fmt::Debug for Raw<METADATA> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Raw").field("name", &self.metadata.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objects_text_stays_as_it_was_written() {
        let json = r#"{ "metadata" : {"name":"pv","uid":"u","resourceVersion":"7"}, "spec":{"a":1.0} }"#;
        let raw: Raw<false> = serde_json::from_str(json).unwrap();
        assert_eq!((raw.json(), raw.uid(), raw.version()), (json, "u", Some(7)));
    }

    #[test]
    fn what_is_no_object_has_no_name() {
        for json in ["1", "null", r#"{"metadata":[]}"#, r#"{"metadata":{"name":1}}"#] {
            let raw: Raw<false> = serde_json::from_str(json).unwrap();
            assert_eq!((raw.metadata.name, raw.json.get()), (None, json));
        }
    }
}
