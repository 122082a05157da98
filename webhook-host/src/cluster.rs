//! The index in a cluster: watches of what the policies declare, so that it holds what the API server has stored.
//!
//! [`Access`] leads to an API server, [`Cluster`] owns the watches, [`Freshness`] knows how current they are. What a watch
//! brings goes, as the API server wrote it, through each policy's `keys` into its memory.

mod access;
mod freshness;
mod heard;
mod object;
mod trouble;
mod watch;

pub use access::{Access, AccessError};
pub use freshness::Freshness;

use crate::admission::Admission;
use freshness::Watched;
use heard::listening;
use kube::Api;
use kube::client::ClientBuilder;
use kube::core::ApiResource;
use object::Raw;
use ordinance_contract::Watch;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tower::util::MapResponseLayer;
use watch::Follower;

/// How long a connection to the API server may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// What comes on top of the time of a watch, which the API server ends by itself, before its connection counts as dead.
const READ_MARGIN: Duration = Duration::from_secs(10);

/// The watches of a cluster; dropping it ends them.
#[derive(Debug)]
pub struct Cluster {
    _watches: JoinSet<()>,
}

/// What to watch for all policies together: metadata alone only where it is enough for each of them.
pub fn watches<'a>(declared: impl IntoIterator<Item = &'a Watch>) -> Vec<Watch> {
    let mut all: BTreeMap<[&str; 3], Watch> = BTreeMap::new();
    for watch in declared {
        let known =
            all.entry([&watch.group, &watch.version, &watch.resource]).or_insert_with(|| watch.clone());
        known.metadata_only &= watch.metadata_only;
    }
    all.into_values().collect()
}

// === impl Cluster ===

impl Cluster {
    /// Begins to follow, for each of these policies, what it declared; reaching the API server is tried for ever. Must run
    /// on a runtime with time and IO.
    ///
    /// # Errors
    ///
    /// The configuration is none that a client can be made of, e.g. for a certificate that is no PEM.
    pub fn start(
        mut config: kube::Config,
        freshness: &Freshness,
        admissions: &[Arc<Admission>],
    ) -> kube::Result<Self> {
        let time = freshness.watch_time();
        config.connect_timeout = Some(CONNECT_TIME);
        config.read_timeout = Some(time + READ_MARGIN);
        config.reset_reader_on_write = true;
        // It would wait for many minutes without a word; watches try again by themselves.
        config.default_retry = false;
        let mut watches = JoinSet::new();
        for watched in freshness.watches() {
            follow(&mut watches, &config, watched, admissions, time)?;
        }
        Ok(Self { _watches: watches })
    }
}

/// Follows one resource in a task of its own, on a connection of its own.
fn follow(
    tasks: &mut JoinSet<()>,
    config: &kube::Config,
    watched: &Arc<Watched>,
    admissions: &[Arc<Admission>],
    time: Duration,
) -> kube::Result<()> {
    let heard = MapResponseLayer::new(listening(Arc::clone(watched)));
    let client = ClientBuilder::try_from(config.clone())?.with_layer(&heard).build();
    let Watch { group, version, resource: plural, .. } = watched.watch();
    let wants = |admission: &&Arc<Admission>| admission.policy().watches_kind(group, version, plural);
    let interested = admissions.iter().filter(wants).cloned().collect();
    let resource = resource(watched.watch());
    if watched.watch().metadata_only {
        let api = Api::<Raw<true>>::all_with(client, &resource);
        tasks.spawn(Follower::new(Arc::clone(watched), interested).follow(api, time));
    } else {
        let api = Api::<Raw<false>>::all_with(client, &resource);
        tasks.spawn(Follower::new(Arc::clone(watched), interested).follow(api, time));
    }
    Ok(())
}

/// A resource as far as its path goes; its kind stands in none.
fn resource(watch: &Watch) -> ApiResource {
    let Watch { group, version, resource, .. } = watch.clone();
    let api_version = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
    ApiResource { group, version, api_version, kind: String::new(), plural: resource }
}
