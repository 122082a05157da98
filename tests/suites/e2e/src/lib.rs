//! The harness of the end-to-end scenarios: the cluster that they share, clusters of their own, and a cluster with a node.
//!
//! `ORDINANCE_BINARY` names the program under test. With `ORDINANCE_E2E_KUBECONFIG` the scenarios run on an existing
//! cluster with Ordinance installed; scenarios that need a cluster of their own are skipped and counted.

mod clusters;
mod extra_webhook;
mod namespace;
mod node_cluster;
mod posted;
mod scenario;
mod stored;

pub use clusters::TestClusters;
pub use extra_webhook::{ExtraWebhook, WebhookAnswer};
pub use namespace::{Revision, STEP_TIMEOUT, TestNamespace, apply, foreign_kinds, nfs_set, nfs_volume};
pub use node_cluster::NodeCluster;
pub use posted::posted_status;
pub use scenario::{Scenario, run};
pub use stored::{Placement, mounts, variables};
