//! Lists and watches the resources that the policies declare, and keeps the policies' indexes current.
//!
//! [`ApiServerAccess`] names an API server, [`ClusterWatches`] owns the watches, [`WatchSet`] knows how current they are,
//! and [`EventWriter`] writes Events. Each object goes to the policies' `keys` as the JSON that the API server sent.

mod access;
mod background_audit;
mod event_writer;
mod list_pages;
mod object;
mod page_limit;
mod reflector;
mod reservation;
mod reservation_store;
mod reservation_watch;
mod responses;
mod stored_objects;
mod watch_error;
mod watch_set;

pub use access::{ApiServerAccess, ApiServerAccessError};
pub use background_audit::{
    AUDIT_LEASE_POLL, AUDIT_LEASE_TIME, AUDIT_REQUEST_TIME, AUDIT_RETRY_TIME, AuditLease, AuditSchedule,
    AuditTask, AuditedPolicy, BackgroundAudit, REPORT_RESULTS, REPORT_TEXT_CHARS, REPORT_WRITES_PER_SECOND,
    REPORTS, Reporting, WAITING_REPORT_BYTES,
};
pub use event_writer::{
    EVENT_INTERVAL, EVENTS_PER_INTERVAL, EventWriter, FLUSH_TIME, LOG_INTERVAL, NOTE_BYTES, WRITE_TIME,
};
pub(crate) use list_pages::ListPages;
pub use page_limit::PAGE_BYTES;
pub use watch_set::WatchSet;

use crate::admission::Admission;
use crate::clock::Clock;
use crate::events::EventQueue;
use crate::metrics::Metrics;
use crate::reservations::{ReservationLog, ReservationStore};
use kube::Api;
use kube::client::ClientBuilder;
use kube::core::ApiResource;
use object::RawObject;
use ordinance_contract::Watch;
use ordinance_reservation::Retention;
use page_limit::PageLimitLayer;
use reflector::Reflector;
use reservation_store::ReservationApi;
use reservation_watch::ReservationWatch;
use responses::recording;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use stored_objects::ApiServerObjects;
use tokio::task::JoinSet;
use tower::util::MapResponseLayer;
use watch_set::WatchState;

/// How long connecting to the API server may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// The API server ends a watch after the time that the request names. After this additional time without a byte the
/// connection counts as dead.
const READ_MARGIN: Duration = Duration::from_secs(10);

/// The running watches of a cluster. Dropping it ends them.
#[derive(Debug)]
pub struct ClusterWatches {
    _watches: JoinSet<()>,
}

/// Returns one watch per declared resource. It asks for metadata only if that is enough for every policy.
pub fn merged_watches<'a>(declared: impl IntoIterator<Item = &'a Watch>) -> Vec<Watch> {
    let mut merged: BTreeMap<[&str; 3], Watch> = BTreeMap::new();
    for watch in declared {
        let known =
            merged.entry([&watch.group, &watch.version, &watch.resource]).or_insert_with(|| watch.clone());
        known.metadata_only &= watch.metadata_only;
    }
    merged.into_values().collect()
}

// === impl ClusterWatches ===

impl ClusterWatches {
    /// Starts one watch per resource of the set and feeds the policies that declared the resource. Unreachable API servers
    /// are retried forever. Must run on a tokio runtime with time and I/O.
    ///
    /// # Errors
    ///
    /// No client can be made from the configuration, for example because a certificate is not PEM.
    pub fn start(
        mut config: kube::Config,
        watches: &WatchSet,
        admissions: &[Arc<Admission>],
        reservations: Option<&Reservations>,
    ) -> kube::Result<Self> {
        let timeout = watches.watch_timeout();
        config.connect_timeout = Some(CONNECT_TIME);
        config.read_timeout = Some(timeout + READ_MARGIN);
        config.reset_reader_on_write = true;
        // The client's own retry waits for minutes and logs nothing. The reflectors retry, and log each error.
        config.default_retry = false;
        let stored = Arc::new(ApiServerObjects::new(config.clone())?);
        admissions.iter().for_each(|admission| admission.confirm_with(Arc::clone(&stored) as _));
        let mut tasks = JoinSet::new();
        // Before the objects, so that no watch reports an object to a log that does not exist yet.
        if let Some(reservations) = reservations {
            reservations.start(&mut tasks, config.clone(), admissions)?;
        }
        for state in watches.states() {
            spawn_reflector(&mut tasks, &config, state, admissions, timeout)?;
        }
        Ok(Self { _watches: tasks })
    }
}

/// How keys are reserved.
#[derive(Clone, Debug)]
pub struct Reservations {
    /// How long reservations are kept.
    pub retention: Retention,
    /// The clock of all policies.
    pub clock: Clock,
    /// The metrics of the process.
    pub metrics: Arc<Metrics>,
    /// Where Events go, if they are written.
    pub events: Option<EventQueue>,
}

// === impl Reservations ===

impl Reservations {
    /// Gives each policy a log, and starts the watch that feeds all of them.
    fn start(
        &self,
        tasks: &mut JoinSet<()>,
        mut config: kube::Config,
        admissions: &[Arc<Admission>],
    ) -> kube::Result<()> {
        let store = Arc::new(ReservationApi::new(config.clone())?);
        let log = |admission: &Arc<Admission>| {
            let metrics = self.metrics.reservations(admission.name());
            let store = Arc::clone(&store) as Arc<dyn ReservationStore>;
            let log =
                ReservationLog::new(admission.name(), store, self.retention, self.clock.clone(), metrics);
            let log = Arc::new(log.with_events(self.events.clone()));
            admission.reserve_with(Arc::clone(&log));
            (Arc::clone(admission), log)
        };
        let policies = admissions.iter().map(log).collect();
        config.read_timeout = Some(reservation_watch::WATCH_TIME + READ_MARGIN);
        let client = ClientBuilder::try_from(config)?.with_layer(&PageLimitLayer).build();
        let api = Api::<RawObject<false>>::all_with(client, &reservation::api_resource());
        let watch = ReservationWatch::new(policies, self.metrics.watch(reservation::PLURAL));
        tasks.spawn(watch.run(api));
        Ok(())
    }
}

/// Watches one resource in a task and on a connection of its own.
fn spawn_reflector(
    tasks: &mut JoinSet<()>,
    config: &kube::Config,
    state: &Arc<WatchState>,
    admissions: &[Arc<Admission>],
    timeout: Duration,
) -> kube::Result<()> {
    let responses = MapResponseLayer::new(recording(Arc::clone(state)));
    let client =
        ClientBuilder::try_from(config.clone())?.with_layer(&PageLimitLayer).with_layer(&responses).build();
    let Watch { group, version, resource: plural, .. } = state.watch();
    let is_interested =
        |admission: &&Arc<Admission>| admission.policy().description().watches(group, version, plural);
    let interested = admissions.iter().filter(is_interested).cloned().collect();
    let resource = api_resource(state.watch());
    if state.watch().metadata_only {
        let api = Api::<RawObject<true>>::all_with(client, &resource);
        tasks.spawn(Reflector::new(Arc::clone(state), interested).run(api, timeout));
    } else {
        let api = Api::<RawObject<false>>::all_with(client, &resource);
        tasks.spawn(Reflector::new(Arc::clone(state), interested).run(api, timeout));
    }
    Ok(())
}

/// Returns the resource without its kind, which no URL contains.
fn api_resource(watch: &Watch) -> ApiResource {
    let Watch { group, version, resource, .. } = watch.clone();
    let api_version = ordinance_contract::api_version(&group, &version);
    ApiResource { group, version, api_version, kind: String::new(), plural: resource }
}
