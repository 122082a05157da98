//! A Secret as the store. Writes are conditional on its `resourceVersion`.

use super::conditional::write_outcome;
use crate::record::{Record, SecretData};
use crate::store::{Store, StoreVersion, StoredEntries, WriteOutcome};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A Secret with a given name. An empty Secret counts as no record, so that a role without `create` can fill one.
#[derive(Clone, Debug)]
pub struct SecretStore {
    api: Api<Secret>,
    name: String,
}

// === impl SecretStore ===

impl SecretStore {
    /// Returns a store of the Secret with this name. Sends no request yet.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned() }
    }

    async fn create(&self, data: &SecretData) -> kube::Result<WriteOutcome> {
        let secret = Secret {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            data: Some(data.iter().map(|(name, bytes)| (name.clone(), ByteString(bytes.clone()))).collect()),
            ..Secret::default()
        };
        write_outcome(self.api.create(&PostParams::default(), &secret).await)
    }

    async fn patch(&self, data: &SecretData, version: &str) -> kube::Result<WriteOutcome> {
        let patch = json!({ "metadata": { "resourceVersion": version }, "data": entries(data) });
        write_outcome(self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(&patch)).await)
    }
}

/// Returns the merge patch of `data`, which sets entries of a record that are gone to `null`.
fn entries(data: &SecretData) -> Map<String, Value> {
    let gone = Record::ENTRIES.iter().map(|name| ((*name).to_owned(), Value::Null));
    let present = data.iter().map(|(name, bytes)| (name.clone(), json!(ByteString(bytes.clone()))));
    gone.chain(present).collect()
}

impl Store for SecretStore {
    type Error = kube::Error;

    async fn read(&self) -> kube::Result<StoredEntries> {
        let Some(secret) = self.api.get_opt(&self.name).await? else {
            return Ok(StoredEntries { data: SecretData::new(), version: StoreVersion::Absent });
        };
        let data: BTreeMap<String, ByteString> = secret.data.unwrap_or_default();
        let data = data.into_iter().map(|(name, bytes)| (name, bytes.0)).collect();
        Ok(StoredEntries {
            data,
            version: StoreVersion::At(secret.metadata.resource_version.unwrap_or_default()),
        })
    }

    async fn write(&self, data: &SecretData, over: &StoreVersion) -> kube::Result<WriteOutcome> {
        match over {
            StoreVersion::Absent => self.create(data).await,
            StoreVersion::At(version) => self.patch(data, version).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_entries_that_the_record_no_longer_has() {
        let data = SecretData::from([("generation".to_owned(), b"7".to_vec())]);
        let entries = entries(&data);
        assert_eq!(entries["generation"], "Nw==");
        assert_eq!(entries["next.key"], Value::Null);
        assert_eq!(entries.len(), Record::ENTRIES.len());
    }
}
