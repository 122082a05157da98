//! A replica of the host that follows a small API server, with a clock that is set by hand.

use crate::files::{creation, volume};
use crate::harness::{Host, Reply};
use crate::logs;
use kube::config::Kubeconfig;
use ordinance::admission::{Admission, Freshness as _};
use ordinance::clock::Clock;
use ordinance::cluster::{self, Access, Cluster, Freshness};
use ordinance::limits::Limits;
use ordinance::metrics::Metrics;
use ordinance::server::Route;
use ordinance_engine::{Engine, Policy};
use ordinance_testkit::apiserver::ApiServer;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What the built-in policy watches.
pub const VOLUMES: &str = "persistentvolumes";
pub const SETS: &str = "statefulsets";
pub const CLAIMS: &str = "persistentvolumeclaims";

/// How long the replica may take to do what is waited for, and how often one looks.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(2);

/// A replica.
pub struct Scene {
    pub api: Arc<ApiServer>,
    pub freshness: Arc<Freshness>,
    pub clock: Hands,
    host: Host,
    _cluster: Cluster,
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct Hands {
    origin: Instant,
    milliseconds: Arc<AtomicU64>,
}

/// What is made where the metrics are.
struct Parts {
    freshness: Arc<Freshness>,
    admission: Arc<Admission>,
}

// === impl Scene ===

impl Scene {
    /// Follows this API server; nothing was listed yet.
    pub async fn start(api: &Arc<ApiServer>) -> Self {
        logs::keep();
        let (clock, made) = (Hands::new(), OnceLock::new());
        let host = Host::with(Limits::default(), |metrics| {
            let parts = Parts::new(clock.clock(), metrics);
            let route = Route::new("storage", parts.admission.clone(), metrics);
            let _ = made.set(parts);
            vec![route]
        })
        .await;
        let Parts { freshness, admission } = made.into_inner().unwrap();
        let kubeconfig = Box::new(Kubeconfig::from_yaml(&api.kubeconfig()).unwrap());
        let config = Access::Kubeconfig { kubeconfig, context: None }.config().await.unwrap();
        let cluster = Cluster::start(config, &freshness, &[admission]).unwrap();
        Self { api: Arc::clone(api), freshness, clock, host, _cluster: cluster }
    }

    /// Follows one with these volumes, and knows them.
    pub async fn with_volumes(volumes: impl IntoIterator<Item = Value>) -> Self {
        let api = api(volumes);
        Self::current(&api).await
    }

    /// Follows this one, and knows all that it has; everything is watched.
    pub async fn current(api: &Arc<ApiServer>) -> Self {
        let scene = Self::start(api).await;
        scene.until_current().await;
        [VOLUMES, SETS, CLAIMS].into_iter().for_each(|resource| api.await_watch(resource));
        scene
    }

    pub async fn until_current(&self) {
        self.until("a current index", |scene| scene.freshness.is_current()).await;
    }

    /// Returns once it is so; fails if it never is.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < end, "waited in vain for {what}: {:?}", self.freshness.waits_for());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns once the index has so many volumes.
    pub async fn until_volumes(&self, count: usize) {
        self.until(&format!("{count} volumes"), |scene| scene.objects(VOLUMES) == count).await;
    }

    /// How many objects of a resource are in the index.
    pub fn objects(&self, resource: &str) -> usize {
        self.metric("index_resource_objects", &[("policy", "storage"), ("resource", resource)]) as usize
    }

    /// How many lists were begun for this reason.
    pub fn lists(&self, resource: &str, reason: &str) -> usize {
        self.metric("watch_lists_total", &[("resource", resource), ("reason", reason)]) as usize
    }

    /// How many attempts failed by this cause.
    pub fn failures(&self, resource: &str, verb: &str, cause: &str) -> usize {
        self.metric("watch_failures_total", &[("resource", resource), ("verb", verb), ("cause", cause)])
            as usize
    }

    /// How many objects could not be read.
    pub fn unreadable(&self, resource: &str) -> usize {
        self.metric("index_unreadable_objects_total", &[("policy", "storage"), ("resource", resource)])
            as usize
    }

    /// What is shown of the policy by this name.
    pub fn of_policy(&self, name: &str) -> usize {
        self.metric(name, &[("policy", "storage")]) as usize
    }

    /// 0 while there is no such series.
    fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        self.host.metric(&format!("ordinance_{name}{{{}}}", labels.join(","))).unwrap_or_default()
    }

    /// The validating review of a creation.
    pub async fn validate(&self, object: &Value) -> Reply {
        self.host.post("/validate/storage", &creation(object).to_string()).await
    }

    /// Whether the API server may store this volume.
    pub async fn allows(&self, object: &Value) -> bool {
        self.validate(object).await.response()["allowed"].as_bool().unwrap()
    }
}

/// An API server that has these volumes.
pub fn api(volumes: impl IntoIterator<Item = Value>) -> Arc<ApiServer> {
    let api = ApiServer::start().unwrap();
    volumes.into_iter().for_each(|volume| api.put(VOLUMES, volume));
    Arc::new(api)
}

/// The volume of this number, on a directory of its own.
pub fn numbered(number: usize) -> Value {
    named(&format!("pv-{number:04}"), &format!("/srv/{number}"))
}

/// A volume with a uid, as it is stored.
pub fn named(name: &str, path: &str) -> Value {
    let mut volume = volume(name, path);
    volume["metadata"]["uid"] = format!("uid-of-{name}").into();
    volume
}

/// A volume that the policy can't read.
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
        let watches = cluster::watches(&policy.description().watches);
        let freshness = Freshness::new(watches, limits.index_staleness, clock.clone(), metrics);
        let freshness = Arc::new(freshness);
        let admission = Admission::new(policy, &limits).shown_by(metrics.index("storage")).following(
            freshness.clone(),
            clock,
            limits.pending_time,
        );
        Self { freshness, admission: Arc::new(admission) }
    }
}

// === impl Hands ===

impl Hands {
    fn new() -> Self {
        Self { origin: Instant::now(), milliseconds: Arc::default() }
    }

    pub fn advance(&self, time: Duration) {
        self.milliseconds.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let Self { origin, milliseconds } = self.clone();
        Clock::new(move || origin + Duration::from_millis(milliseconds.load(Ordering::SeqCst)))
    }
}
