//! A Secret as a store: a write goes over one `resourceVersion` alone.

use crate::cluster::written;
use crate::record::{Data, Record};
use crate::store::{Store, Stored, Version, Written};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A Secret by its name. One that is there and empty is as good as none, and can be filled by who may not make any.
#[derive(Clone, Debug)]
pub struct SecretStore {
    api: Api<Secret>,
    name: String,
}

// === impl SecretStore ===

impl SecretStore {
    /// Nothing is asked yet.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned() }
    }

    async fn create(&self, data: &Data) -> kube::Result<Written> {
        let secret = Secret {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            data: Some(data.iter().map(|(name, bytes)| (name.clone(), ByteString(bytes.clone()))).collect()),
            ..Secret::default()
        };
        written(self.api.create(&PostParams::default(), &secret).await)
    }

    async fn patch(&self, data: &Data, version: &str) -> kube::Result<Written> {
        let patch = json!({ "metadata": { "resourceVersion": version }, "data": entries(data) });
        written(self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(&patch)).await)
    }
}

/// What a merge makes of the data: entries of a record that are no more are taken away.
fn entries(data: &Data) -> Map<String, Value> {
    let gone = Record::ENTRIES.iter().map(|name| ((*name).to_owned(), Value::Null));
    let there = data.iter().map(|(name, bytes)| (name.clone(), json!(ByteString(bytes.clone()))));
    gone.chain(there).collect()
}

impl Store for SecretStore {
    type Error = kube::Error;

    async fn read(&self) -> kube::Result<Stored> {
        let Some(secret) = self.api.get_opt(&self.name).await? else {
            return Ok(Stored { data: Data::new(), version: Version::Absent });
        };
        let data: BTreeMap<String, ByteString> = secret.data.unwrap_or_default();
        let data = data.into_iter().map(|(name, bytes)| (name, bytes.0)).collect();
        Ok(Stored { data, version: Version::At(secret.metadata.resource_version.unwrap_or_default()) })
    }

    async fn write(&self, data: &Data, over: &Version) -> kube::Result<Written> {
        match over {
            Version::Absent => self.create(data).await,
            Version::At(version) => self.patch(data, version).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_no_more_is_taken_away() {
        let data = Data::from([("generation".to_owned(), b"7".to_vec())]);
        let entries = entries(&data);
        assert_eq!(entries["generation"], "Nw==");
        assert_eq!(entries["next.key"], Value::Null);
        assert_eq!(entries.len(), Record::ENTRIES.len());
    }
}
