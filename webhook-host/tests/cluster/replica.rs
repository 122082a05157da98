//! A replica of the host that watches a small API server, with a clock that the tests set.

use crate::files::{creation, volume};
use crate::harness::{Host, Reply};
use crate::logs;
use kube::config::Kubeconfig;
use ordinance::admission::{Admission, Freshness as _};
use ordinance::clock::Clock;
use ordinance::cluster::{ApiServerAccess, ClusterWatches, Reservations, WatchSet, merged_watches};
use ordinance::limits::Limits;
use ordinance::metrics::Metrics;
use ordinance::server::PolicyRoute;
use ordinance_certs::{AcceptedPaths, PathToken};
use ordinance_engine::{Engine, Policy};
use ordinance_testkit::apiserver::ApiServer;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The resources that the built-in policy watches.
pub const VOLUMES: &str = "persistentvolumes";
pub const SETS: &str = "statefulsets";
pub const CLAIMS: &str = "persistentvolumeclaims";

/// How long a test waits for the replica, and how often it checks.
const TIMEOUT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(2);

/// A running replica with its API server.
pub struct Replica {
    pub api: Arc<ApiServer>,
    pub watches: Arc<WatchSet>,
    pub admission: Arc<Admission>,
    pub clock: ManualClock,
    pub host: Host,
    /// What the path of a verified caller begins with.
    token: PathToken,
    _cluster: ClusterWatches,
}

/// A clock that advances only when a test advances it.
#[derive(Clone)]
pub struct ManualClock {
    origin: Instant,
    milliseconds: Arc<AtomicU64>,
}

/// The parts of a replica that need its metrics.
struct Parts {
    watches: Arc<WatchSet>,
    admission: Arc<Admission>,
}

// === impl Replica ===

impl Replica {
    /// Starts a replica that watches this API server, before its first list.
    pub async fn start(api: &Arc<ApiServer>) -> Self {
        Self::start_with(api, false).await
    }

    /// Starts a replica that reserves what it admits.
    pub async fn reserving(api: &Arc<ApiServer>) -> Self {
        let replica = Self::start_with(api, true).await;
        replica.until_current().await;
        replica
    }

    async fn start_with(api: &Arc<ApiServer>, reserves: bool) -> Self {
        logs::record();
        let (clock, made) = (ManualClock::new(), OnceLock::new());
        let host = Host::with(Limits::default(), |metrics| {
            let parts = Parts::new(clock.clock(), metrics);
            let route = PolicyRoute::new("storage", parts.admission.clone(), metrics);
            let _ = made.set(parts);
            vec![route]
        })
        .await;
        let Parts { watches, admission } = made.into_inner().unwrap();
        let config = config(api).await;
        let reservations = reserves.then(|| Reservations {
            retention: Limits::default().retention(),
            clock: clock.clock(),
            metrics: Arc::clone(&host.metrics),
            events: None,
        });
        let cluster =
            ClusterWatches::start(config, &watches, &[Arc::clone(&admission)], reservations.as_ref())
                .unwrap();
        let token = PathToken::random().unwrap();
        host.callers.accept(AcceptedPaths { tokens: vec![token.clone()], anyone: true });
        Self { api: Arc::clone(api), watches, admission, clock, host, token, _cluster: cluster }
    }

    /// Starts an API server with these volumes and a replica with a current index.
    pub async fn with_volumes(volumes: impl IntoIterator<Item = Value>) -> Self {
        let api = api(volumes);
        Self::current(&api).await
    }

    /// Starts a replica, and waits for a current index and for all watches.
    pub async fn current(api: &Arc<ApiServer>) -> Self {
        let replica = Self::start(api).await;
        replica.until_current().await;
        [VOLUMES, SETS, CLAIMS].into_iter().for_each(|resource| api.await_watch(resource));
        replica
    }

    pub async fn until_current(&self) {
        self.until("a current index", |replica| replica.watches.is_current()).await;
    }

    /// Waits until the condition holds. Panics after [`TIMEOUT`].
    pub async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let end = Instant::now() + TIMEOUT;
        while !condition(self) {
            assert!(Instant::now() < end, "no {what}: {:?}", self.watches.waiting_for());
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Waits until the index has this number of volumes.
    pub async fn until_volumes(&self, count: usize) {
        self.until(&format!("{count} volumes"), |replica| replica.objects(VOLUMES) == count).await;
    }

    /// Returns the number of a resource's objects in the index.
    pub fn objects(&self, resource: &str) -> usize {
        self.metric("index_resource_objects", &[("policy", "storage"), ("resource", resource)]) as usize
    }

    /// Returns the number of lists started for this reason.
    pub fn lists(&self, resource: &str, reason: &str) -> usize {
        self.metric("watch_lists_total", &[("resource", resource), ("reason", reason)]) as usize
    }

    /// Returns the number of attempts that failed with this cause.
    pub fn failures(&self, resource: &str, verb: &str, cause: &str) -> usize {
        self.metric("watch_failures_total", &[("resource", resource), ("verb", verb), ("cause", cause)])
            as usize
    }

    /// Returns the number of objects that the policy could not read.
    pub fn unreadable(&self, resource: &str) -> usize {
        self.metric("index_unreadable_objects_total", &[("policy", "storage"), ("resource", resource)])
            as usize
    }

    /// Returns the value of a metric of the policy.
    pub fn policy_metric(&self, name: &str) -> usize {
        self.metric(name, &[("policy", "storage")]) as usize
    }

    /// Returns the value of a series, or 0 without such a series.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.series(name, labels).unwrap_or_default()
    }

    /// Returns the value of a series, if there is one.
    pub fn series(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.host.metric(&format!("ordinance_{name}{braces}"))
    }

    /// Sends the validating review of a creation as the API server does, by the secret path.
    pub async fn validate_verified(&self, object: &Value) -> Reply {
        self.review_verified(&creation(object)).await
    }

    /// Sends the validating review of a creation as the API server does, which waits for this number of seconds.
    pub async fn validate_verified_within(&self, object: &Value, seconds: u32) -> Reply {
        let path = self.token.before(&format!("/validate/storage?timeout={seconds}s"));
        self.host.post(&path, &creation(object).to_string()).await
    }

    /// Sends a validating review as the API server does.
    pub async fn review_verified(&self, review: &Value) -> Reply {
        self.host.post(&self.token.before("/validate/storage"), &review.to_string()).await
    }

    /// Sends the validating review of a creation.
    pub async fn validate(&self, object: &Value) -> Reply {
        self.review(&creation(object)).await
    }

    /// Sends a validating review.
    pub async fn review(&self, review: &Value) -> Reply {
        self.host.post("/validate/storage", &review.to_string()).await
    }

    /// Returns whether the validating review allows this update of a volume.
    pub async fn allows_update(&self, old: &Value, new: &Value) -> bool {
        let mut review = creation(new);
        review["request"]["operation"] = "UPDATE".into();
        review["request"]["oldObject"] = old.clone();
        self.review(&review).await.response()["allowed"].as_bool().unwrap()
    }

    /// Returns whether the validating review allows this volume.
    pub async fn allows(&self, object: &Value) -> bool {
        self.validate(object).await.response()["allowed"].as_bool().unwrap()
    }
}

/// Returns the configuration of a client of an API server.
pub async fn config(api: &ApiServer) -> kube::Config {
    let kubeconfig = Box::new(Kubeconfig::from_yaml(&api.kubeconfig()).unwrap());
    ApiServerAccess::Kubeconfig { kubeconfig, context: None }.config().await.unwrap()
}

/// Starts an API server with these volumes.
pub fn api(volumes: impl IntoIterator<Item = Value>) -> Arc<ApiServer> {
    let api = ApiServer::start().unwrap();
    volumes.into_iter().for_each(|volume| api.put(VOLUMES, volume));
    Arc::new(api)
}

/// Returns the volume of this number, with a directory of its own.
pub fn numbered(number: usize) -> Value {
    named(&format!("pv-{number:04}"), &format!("/srv/{number}"))
}

/// Returns a volume with a uid, as an API server stores it.
pub fn named(name: &str, path: &str) -> Value {
    let mut volume = volume(name, path);
    volume["metadata"]["uid"] = format!("uid-of-{name}").into();
    volume
}

/// Returns a volume that the policy can't read.
pub fn unreadable(name: &str) -> Value {
    let mut volume = named(name, "/srv");
    volume["spec"]["nfs"] = json!("no source");
    volume
}

// === impl Parts ===

impl Parts {
    fn new(clock: Clock, metrics: &Metrics) -> Self {
        let limits = Limits::default();
        let policy = Policy::built_in(&Engine::new(limits.engine()).unwrap(), "").unwrap();
        let watches = merged_watches(&policy.description().watches);
        let watches = Arc::new(WatchSet::new(watches, limits.index_staleness, clock.clone(), metrics));
        let admission = Admission::new(policy, &limits).with_metrics(metrics.index("storage")).with_cluster(
            watches.clone(),
            clock,
            limits.pending_time,
        );
        Self { watches, admission: Arc::new(admission) }
    }
}

// === impl ManualClock ===

impl ManualClock {
    pub fn new() -> Self {
        Self { origin: Instant::now(), milliseconds: Arc::default() }
    }

    pub fn advance(&self, time: Duration) {
        self.milliseconds.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let Self { origin, milliseconds } = self.clone();
        Clock::new(move || origin + Duration::from_millis(milliseconds.load(Ordering::SeqCst)))
    }
}
