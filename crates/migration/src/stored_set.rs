//! The set to migrate, and what the plan reads of it.

use crate::PlanError;
use ordinance_contract::without_position;
use ordinance_map::MappedObject;
use ordinance_storage::json::{self, Members, Raw};
use ordinance_storage::{Metadata, PodTemplate, StatefulSet};
use serde_json::Value;

/// A StatefulSet with its pod template and all fields that can be parsed.
pub(crate) type SetView<'a> = StatefulSet<'a, Members<PodTemplate<'a, Raw<'a>>>, Metadata<'a>, Raw<'a>>;

/// The annotation that opts a whole set out.
const ISOLATION: &str = "ordinance.dev/isolation";

/// The annotation that opts volumes out.
pub(crate) const SHARED_VOLUMES: &str = "ordinance.dev/shared-volumes";

/// A StatefulSet as JSON text and as a value.
#[derive(Clone, Debug)]
pub(crate) struct StoredSet {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) json: String,
    pub(crate) value: Value,
}

// === impl StoredSet ===

impl StoredSet {
    /// Finds the set; of several with this name the last one counts.
    pub(crate) fn find(objects: &[MappedObject<'_>], namespace: &str, name: &str) -> Result<Self, PlanError> {
        let is_set = |object: &&MappedObject<'_>| {
            let scope = &object.scope;
            scope.group == "apps"
                && scope.resource == "statefulsets"
                && scope.namespace == namespace
                && scope.name == name
        };
        let found = objects.iter().rev().find(is_set);
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let Some(found) = found else { return Err(PlanError::NoSet { namespace, name }) };
        let value =
            serde_json::from_str(&found.before).map_err(|error| unreadable(&namespace, &name, &error))?;
        Ok(Self { namespace, name, json: found.before.to_string(), value })
    }

    /// Sets the number of replicas.
    pub(crate) fn set_replicas(&mut self, replicas: u64) {
        if let Some(spec) = self.value.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("replicas".to_owned(), replicas.into());
            self.json = self.value.to_string();
        }
    }

    pub(crate) fn view(&self) -> Result<SetView<'_>, PlanError> {
        json::read(&self.json).map_err(|error| self.unreadable(&error))
    }

    pub(crate) fn unreadable(&self, error: &serde_json::Error) -> PlanError {
        unreadable(&self.namespace, &self.name, error)
    }

    /// The set as messages name it, e.g. `shop/web`.
    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The value of an annotation; empty if it is absent.
    pub(crate) fn annotation(&self, name: &str) -> &str {
        self.value["metadata"]["annotations"][name].as_str().unwrap_or_default()
    }

    /// Returns whether the replicas share a volume on purpose.
    pub(crate) fn opts_out(&self, volume: &str) -> bool {
        let mut names = self.annotation(SHARED_VOLUMES).split(',').map(str::trim);
        self.annotation(ISOLATION) == "disabled" || names.any(|name| name == volume)
    }
}

fn unreadable(namespace: &str, name: &str, error: &serde_json::Error) -> PlanError {
    PlanError::Unreadable {
        object: format!("StatefulSet {namespace}/{name}"),
        reason: without_position(&error.to_string()).to_owned(),
    }
}
