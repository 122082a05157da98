//! An object as the JSON that the API server sent. It reaches the policy without being parsed and serialised again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use ordinance_contract::{Scope, Watch};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An object's JSON, and the metadata that a watch needs. With `METADATA` the API server sends only metadata.
///
/// Every JSON value is accepted, so that one unreadable object does not fail its whole list. Such an object has no name.
#[derive(Clone)]
pub(super) struct RawObject<const METADATA: bool> {
    metadata: ObjectMeta,
    json: Box<RawValue>,
}

#[derive(Default, Deserialize)]
struct WatchedFields {
    #[serde(default)]
    metadata: WatchedMetadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WatchedMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

// === impl RawObject ===

impl<const METADATA: bool> RawObject<METADATA> {
    /// Returns the object's scope: the resource of the watch with the object's namespace and name.
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

    /// Returns the name, if there is one.
    pub(super) fn name(&self) -> Option<&str> {
        self.metadata.name.as_deref()
    }

    /// Returns the uid; empty if there is none.
    pub(super) fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Returns the resource version, if it is a number.
    pub(super) fn version(&self) -> Option<u64> {
        self.metadata.resource_version.as_deref()?.parse().ok()
    }

    /// Returns the object as the API server sent it.
    pub(super) fn json(&self) -> &str {
        self.json.get()
    }
}

impl<'de, const METADATA: bool> Deserialize<'de> for RawObject<METADATA> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let WatchedFields { metadata } = serde_json::from_str(json.get()).unwrap_or_default();
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

impl<const METADATA: bool> Resource for RawObject<METADATA> {
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

/// Omits the JSON, because logs must not contain objects.
impl<const METADATA: bool> fmt::Debug for RawObject<METADATA> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RawObject").field("name", &self.metadata.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_json_as_it_was_sent() {
        let json = r#"{ "metadata" : {"name":"pv","uid":"u","resourceVersion":"7"}, "spec":{"a":1.0} }"#;
        let raw: RawObject<false> = serde_json::from_str(json).unwrap();
        assert_eq!((raw.json(), raw.uid(), raw.version()), (json, "u", Some(7)));
    }

    #[test]
    fn accepts_json_without_a_name() {
        for json in ["1", "null", r#"{"metadata":[]}"#, r#"{"metadata":{"name":1}}"#] {
            let raw: RawObject<false> = serde_json::from_str(json).unwrap();
            assert_eq!((raw.metadata.name, raw.json.get()), (None, json));
        }
    }
}
