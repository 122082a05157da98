//! Metrics of the policies' indexes.

use super::labels::PolicyLabels;
use super::seconds::{Seconds, unix_now};
use ordinance_index::Index;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The metrics of all indexes, by policy.
#[derive(Debug, Default)]
pub(super) struct IndexFamilies {
    objects: Family<PolicyLabels, Gauge>,
    resources: Family<ResourceLabels, Gauge>,
    keys: Family<PolicyLabels, Gauge>,
    bytes: Family<PolicyLabels, Gauge>,
    limit: Family<PolicyLabels, Gauge>,
    left_out: Family<ResourceLabels, Counter>,
    pending: Family<PolicyLabels, Gauge>,
    expired: Family<PolicyLabels, Counter>,
    displaced: Family<PolicyLabels, Counter>,
    confirmations: Family<ConfirmationLabels, Counter>,
    unreadable: Family<ResourceLabels, Counter>,
    updated: Family<PolicyLabels, Seconds>,
}

/// The metrics of one policy's index. Those of [`Default`] are in no registry.
#[derive(Clone, Debug, Default)]
pub struct IndexMetrics {
    policy: String,
    objects: Gauge,
    resources: Family<ResourceLabels, Gauge>,
    /// The gauges of all resources that were ever in the index.
    shown: Arc<Mutex<BTreeMap<String, Gauge>>>,
    keys: Gauge,
    bytes: Gauge,
    limit: Gauge,
    left_out: Family<ResourceLabels, Counter>,
    pending: Gauge,
    expired: Counter,
    displaced: Counter,
    confirmations: Family<ConfirmationLabels, Counter>,
    unreadable: Family<ResourceLabels, Counter>,
    updated: Seconds,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    policy: String,
    resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConfirmationLabels {
    policy: String,
    outcome: Confirmation,
}

/// What became of a pending object on which a verdict depended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Confirmation {
    /// The API server stores it.
    Stored,
    /// The API server does not store it, or stores another state.
    Absent,
    /// The API server did not answer.
    Failed,
    /// The request waited for too long, and was decided without it.
    GivenUp,
}

// === impl IndexFamilies ===

impl IndexFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self::default();
        registry.register("index_keys", "Keys in the index", families.keys.clone());
        registry.register_with_unit(
            "index",
            "Most memory that the keys in the index take",
            Unit::Bytes,
            families.bytes.clone(),
        );
        registry.register_with_unit(
            "index_limit",
            "Memory that the keys in the index may take",
            Unit::Bytes,
            families.limit.clone(),
        );
        registry.register(
            "index_left_out_objects",
            "Objects left out of the index because it has no room for them",
            families.left_out.clone(),
        );
        registry.register("index_objects", "Objects in the index", families.objects.clone());
        registry.register(
            "index_resource_objects",
            "Objects in the index, by resource",
            families.resources.clone(),
        );
        registry.register(
            "index_pending_objects",
            "Admitted objects that no watch has reported yet",
            families.pending.clone(),
        );
        registry.register(
            "index_forgotten_objects",
            "Admitted objects removed from the index because no watch reported them in time",
            families.expired.clone(),
        );
        registry.register(
            "index_displaced_objects",
            "Admitted objects removed from the index because too many were waiting for a watch to report them",
            families.displaced.clone(),
        );
        registry.register(
            "index_confirmations",
            "Questions to the API server whether it stores an admitted object, by outcome",
            families.confirmations.clone(),
        );
        registry.register(
            "index_unreadable_objects",
            "Objects left out of the index because the policy can't read them",
            families.unreadable.clone(),
        );
        registry.register_with_unit(
            "index_updated_timestamp",
            "Unix time of the last change of the index",
            Unit::Seconds,
            families.updated.clone(),
        );
        families
    }

    pub(super) fn of_policy(&self, policy: &str) -> IndexMetrics {
        let labels = PolicyLabels { policy: policy.to_owned() };
        IndexMetrics {
            policy: policy.to_owned(),
            objects: self.objects.get_or_create_owned(&labels),
            resources: self.resources.clone(),
            shown: Arc::default(),
            keys: self.keys.get_or_create_owned(&labels),
            bytes: self.bytes.get_or_create_owned(&labels),
            limit: self.limit.get_or_create_owned(&labels),
            left_out: self.left_out.clone(),
            pending: self.pending.get_or_create_owned(&labels),
            expired: self.expired.get_or_create_owned(&labels),
            displaced: self.displaced.get_or_create_owned(&labels),
            confirmations: self.confirmations.clone(),
            unreadable: self.unreadable.clone(),
            updated: self.updated.get_or_create_owned(&labels),
        }
    }
}

// === impl IndexMetrics ===

impl IndexMetrics {
    /// Returns the name under which the policy is served; empty without one.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Shows the size of an index and the number of its pending objects.
    pub fn show(&self, index: &Index, pending: usize) {
        self.objects.set(gauge_value(index.len()));
        self.keys.set(gauge_value(index.keys()));
        self.bytes.set(gauge_value(index.bytes()));
        self.pending.set(gauge_value(pending));
        self.show_resources(index.resources());
        self.updated.set(unix_now());
    }

    /// Shows the bytes that the keys in the index may take.
    pub fn show_limit(&self, bytes: usize) {
        self.limit.set(gauge_value(bytes));
    }

    /// Counts an object that is left out of the index because it has no room.
    pub fn left_out(&self, resource: &str) {
        self.left_out.get_or_create(&self.labels(resource)).inc();
    }

    /// Shows 0 for a resource whose last object left the index.
    fn show_resources(&self, objects: &BTreeMap<String, usize>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in objects.keys() {
            if !shown.contains_key(resource) {
                shown.insert(resource.clone(), self.resources.get_or_create_owned(&self.labels(resource)));
            }
        }
        for (resource, gauge) in shown.iter() {
            gauge.set(gauge_value(objects.get(resource).copied().unwrap_or_default()));
        }
    }

    /// Counts an object that is left out of the index because the policy can't read it.
    pub fn unreadable(&self, resource: &str) {
        self.unreadable.get_or_create(&self.labels(resource)).inc();
    }

    /// Counts admitted objects that no watch reported in time.
    pub fn expired(&self, objects: usize) {
        self.expired.inc_by(objects as u64);
    }

    /// Counts admitted objects that others displaced.
    pub fn displaced(&self, objects: usize) {
        self.displaced.inc_by(objects as u64);
    }

    /// Counts what became of a pending object on which a verdict depended.
    pub fn confirmed(&self, outcome: Confirmation) {
        let labels = ConfirmationLabels { policy: self.policy.clone(), outcome };
        self.confirmations.get_or_create(&labels).inc();
    }

    fn labels(&self, resource: &str) -> ResourceLabels {
        ResourceLabels { policy: self.policy.clone(), resource: resource.to_owned() }
    }
}

fn gauge_value(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
