//! The custom resource `Reservation`, as the API server stores it.

use kube::core::ApiResource;
use ordinance_reservation::{Draft, HeldKey, Holder, Reservation};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

const GROUP: &str = "ordinance.dev";
const VERSION: &str = "v1alpha1";
const KIND: &str = "Reservation";

/// The resource in URLs, metrics and logs.
pub(super) const PLURAL: &str = "reservations";

/// The URL of all reservations.
pub(super) const URL: &str = "/apis/ordinance.dev/v1alpha1/reservations";

/// The field by which lists are narrowed.
pub(super) const REALM_FIELD: &str = "spec.realm";

/// A reservation as JSON. Unknown fields are ignored.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredReservation<'a> {
    #[serde(default)]
    api_version: Cow<'a, str>,
    #[serde(default)]
    kind: Cow<'a, str>,
    metadata: StoredMetadata,
    spec: StoredSpec<'a>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredMetadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<String>,
    /// One entry for each client that has written the object.
    #[serde(default, skip_serializing)]
    managed_fields: Vec<IgnoredAny>,
}

#[derive(Debug, Deserialize, Serialize)]
struct StoredSpec<'a> {
    policy: Cow<'a, str>,
    /// The realm of all keys; empty if they are in several.
    #[serde(default)]
    realm: Cow<'a, str>,
    holder: StoredHolder<'a>,
    keys: Vec<StoredKey<'a>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredHolder<'a> {
    api_version: Cow<'a, str>,
    resource: Cow<'a, str>,
    #[serde(default)]
    namespace: Cow<'a, str>,
    name: Cow<'a, str>,
    uid: Cow<'a, str>,
}

#[derive(Debug, Deserialize, Serialize)]
struct StoredKey<'a> {
    realm: Cow<'a, str>,
    path: Cow<'a, [String]>,
    #[serde(default)]
    note: Cow<'a, str>,
}

/// Returns the resource for lists and watches.
pub(super) fn api_resource() -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        api_version: ordinance_contract::api_version(GROUP, VERSION),
        kind: KIND.to_owned(),
        plural: PLURAL.to_owned(),
    }
}

// === impl StoredReservation ===

impl<'a> StoredReservation<'a> {
    /// Returns the object to create for a draft.
    pub(super) fn new(policy: &'a str, draft: &'a Draft) -> Self {
        let Draft { name, holder, keys } = draft;
        let mut realms: Vec<&str> = keys.iter().map(|key| &*key.realm).collect();
        realms.dedup();
        let realm = if let [realm] = *realms { realm } else { "" };
        Self {
            api_version: ordinance_contract::api_version(GROUP, VERSION).into(),
            kind: KIND.into(),
            metadata: StoredMetadata {
                name: name.clone(),
                resource_version: None,
                managed_fields: Vec::new(),
            },
            spec: StoredSpec {
                policy: policy.into(),
                realm: realm.into(),
                holder: StoredHolder::from(holder),
                keys: keys.iter().map(StoredKey::from).collect(),
            },
        }
    }

    /// Returns the policy whose keys are reserved.
    pub(super) fn policy(&self) -> &str {
        &self.spec.policy
    }

    /// Returns the reservation. Its place in the order is unknown if another client has written it, too: its version is then
    /// that of the last write.
    pub(super) fn into_reservation(self) -> Reservation {
        let Self { metadata, spec, .. } = self;
        let StoredMetadata { name, resource_version, managed_fields } = metadata;
        let is_unchanged = managed_fields.len() == 1;
        let revision = resource_version.filter(|_| is_unchanged).and_then(|version| version.parse().ok());
        let keys = spec.keys.into_iter().map(HeldKey::from).collect();
        Reservation { revision, draft: Draft { name, holder: spec.holder.into(), keys } }
    }
}

// === impl StoredHolder ===

impl<'a> From<&'a Holder> for StoredHolder<'a> {
    fn from(holder: &'a Holder) -> Self {
        Self {
            api_version: ordinance_contract::api_version(&holder.group, &holder.version).into(),
            resource: (&holder.resource).into(),
            namespace: (&holder.namespace).into(),
            name: (&holder.name).into(),
            uid: (&holder.uid).into(),
        }
    }
}

impl From<StoredHolder<'_>> for Holder {
    fn from(holder: StoredHolder<'_>) -> Self {
        let (group, version) = holder.api_version.split_once('/').unwrap_or(("", &holder.api_version));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            resource: holder.resource.into_owned(),
            namespace: holder.namespace.into_owned(),
            name: holder.name.into_owned(),
            uid: holder.uid.into_owned(),
        }
    }
}

// === impl StoredKey ===

impl<'a> From<&'a HeldKey> for StoredKey<'a> {
    fn from(key: &'a HeldKey) -> Self {
        Self { realm: (&key.realm).into(), path: Cow::Borrowed(&key.path), note: (&key.note).into() }
    }
}

impl From<StoredKey<'_>> for HeldKey {
    fn from(key: StoredKey<'_>) -> Self {
        Self { realm: key.realm.into_owned(), path: key.path.into_owned(), note: key.note.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn draft() -> Draft {
        let holder = Holder {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            resource: "statefulsets".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "u-1".to_owned(),
        };
        let key = |realm: &str| HeldKey {
            realm: realm.to_owned(),
            path: vec!["srv".to_owned()],
            note: "rw".to_owned(),
        };
        Draft { name: "r-u-1-0".to_owned(), holder, keys: vec![key("nfs://nas"), key("nfs://nas")] }
    }

    fn stored(draft: &Draft, writers: usize, version: &str) -> Reservation {
        let mut stored = serde_json::to_value(StoredReservation::new("storage", draft)).unwrap();
        stored["metadata"]["resourceVersion"] = version.into();
        stored["metadata"]["managedFields"] = vec![json!({}); writers].into();
        serde_json::from_value::<StoredReservation<'_>>(stored).unwrap().into_reservation()
    }

    #[test]
    fn a_reservation_comes_back_as_it_was_written() {
        assert_eq!(stored(&draft(), 1, "42"), Reservation { revision: Some(42), draft: draft() });
        let core = Holder { group: String::new(), namespace: String::new(), ..draft().holder };
        let core = Draft { holder: core, ..draft() };
        assert_eq!(stored(&core, 1, "42").draft, core);
    }

    #[test]
    fn the_order_of_an_edited_reservation_is_unknown() {
        assert_eq!(stored(&draft(), 2, "42").revision, None);
        assert_eq!(stored(&draft(), 0, "42").revision, None);
        assert_eq!(stored(&draft(), 1, "4x").revision, None);
    }

    #[test]
    fn keys_in_several_realms_have_no_common_one() {
        let realm = |draft: &Draft| -> Value {
            serde_json::to_value(StoredReservation::new("storage", draft)).unwrap()["spec"]["realm"].clone()
        };
        assert_eq!(realm(&draft()), "nfs://nas");
        let mut several = draft();
        several.keys[1].realm = "smb://nas".to_owned();
        assert_eq!(realm(&several), "");
    }
}
