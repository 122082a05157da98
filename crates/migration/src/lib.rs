//! The plan of a migration: each ordinal of a StatefulSet gets its own directory of files that the replicas share today.
//!
//! [`Plan::new`] reads the objects of a cluster and changes nothing. The map says which replicas share a directory
//! ([`ordinance_map::Map`]), `ordinance_storage` which mounts show it. A plan has the Jobs that copy the files
//! ([`VolumeMigration`]), the fields to write ([`MountChange`]), and the way back. It is rendered for people
//! ([`Plan::text`]), as a shell script ([`Plan::script`]), and as manifests ([`Plan::manifests`]).

mod changes;
mod error;
mod job;
mod listed_kinds;
mod manifests;
mod mounts;
mod options;
mod other_users;
mod plan;
mod script;
mod stored_set;
mod text;
mod volumes;

pub use changes::{ClaimMark, MountChange};
pub use error::PlanError;
pub use job::{JOB_SCRIPT, JobMode};
pub use listed_kinds::{Breadth, ListedKind};
pub use options::PlanOptions;
pub use plan::{LeftOutVolume, ORDINALS, Plan};
pub use volumes::VolumeMigration;
