//! What the end-to-end scenarios are played with: a cluster that they share, or one of their own.
//!
//! `ORDINANCE_BINARY` names the program under test. With `ORDINANCE_E2E_KUBECONFIG` the scenarios are played on a cluster
//! that exists already, with Ordinance installed; those that need one of their own are passed over, and that is said.

mod beside;
mod node;
mod read;
mod run;
mod stage;
mod workshop;

pub use beside::{Beside, Word};
pub use node::NodeStage;
pub use read::{Place, mounts, variables};
pub use run::{Scenario, run};
pub use stage::{PATIENCE, Revision, Stage, apply, foreign_kinds, nfs_set, nfs_volume};
pub use workshop::Workshop;
