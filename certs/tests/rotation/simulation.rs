//! A simulated cluster: the time, a store, webhook configurations, and faults of the replicas' connections.

use crate::executor::pause;
use ordinance_certs::{
    Bundle, ConfigurationKind, ConfigurationStore, Lifetime, Record, Schedule, SecretData, Store,
    StoreVersion, StoredEntries, Webhook, WebhookConfiguration, WriteOutcome,
};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const MINUTE: Duration = Duration::from_secs(60);

/// A schedule in minutes: a CA lives for 1000, a leaf certificate for 150, the wait is 5, the clock skew 2.
pub const SCHEDULE: Schedule = Schedule {
    authority: Lifetime(Duration::from_secs(60_000)),
    leaf: Lifetime(Duration::from_secs(9_000)),
    wait: Duration::from_secs(300),
    skew: Duration::from_secs(120),
    poll_interval: MINUTE,
};

/// The largest lag in minutes of a client that gets bundles: less than the wait, because of the clock skew.
pub const LAG: u32 = 4;

pub fn names() -> Vec<String> {
    vec!["ordinance.ordinance-system.svc".to_owned()]
}

/// Where a replica is killed: at which of its operations, before or after the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillPoint {
    pub operations: usize,
    pub side: KillSide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillSide {
    Before,
    After,
}

#[derive(Debug, thiserror::Error)]
#[error("killed")]
pub struct Killed;

/// The cluster, shared by all replicas.
#[derive(Clone, Debug)]
pub struct Simulation(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: SystemTime,
    data: SecretData,
    version: u64,
    configurations: Vec<WebhookConfiguration>,
    /// All states that the webhooks had, and since when.
    history: Vec<(SystemTime, Vec<Webhook>)>,
    generations: Vec<u64>,
    authorities: usize,
}

/// A replica's connection to the cluster.
#[derive(Clone, Debug)]
pub struct Connection {
    simulation: Simulation,
    kill_point: Arc<Mutex<Option<KillPoint>>>,
}

// === impl Simulation ===

impl Simulation {
    /// An empty store, and two configurations with empty bundles.
    pub fn new() -> Self {
        let now = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let configuration = |kind| WebhookConfiguration {
            kind,
            name: "ordinance".to_owned(),
            version: "1".to_owned(),
            webhooks: ["one", "two"].map(webhook).to_vec(),
        };
        let configurations = ConfigurationKind::ALL.map(configuration).to_vec();
        let (data, history) = (SecretData::new(), Vec::new());
        Self(Arc::new(Mutex::new(State {
            now,
            data,
            version: 0,
            configurations,
            history,
            generations: Vec::new(),
            authorities: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn now(&self) -> SystemTime {
        self.state().now
    }

    pub fn advance(&self, time: Duration) {
        self.state().now += time;
    }

    /// Returns a connection without faults.
    pub fn connection(&self) -> Connection {
        Connection { simulation: self.clone(), kill_point: Arc::default() }
    }

    pub fn record(&self) -> Option<Record> {
        Record::read(&self.state().data, &names()).unwrap()
    }

    /// Overwrites the store, as a foreign writer does.
    pub fn overwrite(&self, data: SecretData) {
        let mut state = self.state();
        state.data = data;
        state.version += 1;
    }

    pub fn configurations(&self) -> Vec<WebhookConfiguration> {
        self.state().configurations.clone()
    }

    /// Edits the configurations, as a foreign writer does.
    pub fn edit(&self, edit: impl FnOnce(&mut Vec<WebhookConfiguration>)) {
        let mut state = self.state();
        edit(&mut state.configurations);
        state.configurations.iter_mut().for_each(|found| found.version.push('+'));
        state.record_webhooks();
    }

    /// Returns the bundles of a client with this lag.
    pub fn seen_after(&self, late: Duration) -> Vec<Bundle> {
        self.webhooks_after(late).iter().map(|webhook| Bundle::read(&webhook.bundle)).collect()
    }

    /// Returns the webhooks as a client with this lag knows them.
    pub fn webhooks_after(&self, late: Duration) -> Vec<Webhook> {
        let state = self.state();
        let then = state.now - late;
        let mut shown = state.history.iter().rev().filter(|(since, _)| *since <= then);
        shown.next().map(|(_, webhooks)| webhooks.clone()).unwrap_or_default()
    }

    /// Returns every generation that was written.
    pub fn generations(&self) -> Vec<u64> {
        self.state().generations.clone()
    }

    /// Returns how often a first record was written.
    pub fn authorities(&self) -> usize {
        self.state().authorities
    }
}

fn webhook(name: &str) -> Webhook {
    Webhook {
        name: name.to_owned(),
        host: None,
        url: None,
        path: Some("/validate/storage".to_owned()),
        default_path: None,
        bundle: Vec::new(),
        failure_policy: "Ignore".to_owned(),
        intended_policy: Some("Fail".to_owned()),
    }
}

// === impl State ===

impl State {
    fn record_webhooks(&mut self) {
        let webhooks = self.configurations.iter().flat_map(|found| found.webhooks.clone());
        self.history.push((self.now, webhooks.collect()));
    }

    fn write(&mut self, data: &SecretData, over: &StoreVersion) -> WriteOutcome {
        let found =
            if self.version == 0 { StoreVersion::Absent } else { StoreVersion::At(self.version.to_string()) };
        if *over != found {
            return WriteOutcome::Conflict;
        }
        let record = Record::read(data, &names()).unwrap().unwrap();
        self.generations.push(record.generation);
        self.authorities += usize::from(record.generation == 1);
        self.data = data.clone();
        self.version += 1;
        WriteOutcome::Done
    }

    fn apply(&mut self, wanted: &WebhookConfiguration) -> WriteOutcome {
        let found = self.configurations.iter_mut().find(|found| {
            (found.kind, &found.name, &found.version) == (wanted.kind, &wanted.name, &wanted.version)
        });
        let Some(found) = found else { return WriteOutcome::Conflict };
        found.webhooks.clone_from(&wanted.webhooks);
        found.version.push('.');
        self.record_webhooks();
        WriteOutcome::Done
    }
}

// === impl Connection ===

impl Connection {
    /// Sets where the replica is killed.
    pub fn kill_at(&self, kill_point: KillPoint) {
        *self.kill_point.lock().unwrap() = Some(kill_point);
    }

    /// Returns whether the replica is not killed yet.
    pub fn is_alive(&self) -> bool {
        self.kill_point.lock().unwrap().is_none_or(|kill_point| kill_point.operations > 0)
    }

    /// Does one operation, after a yield to other replicas; it may be where the replica is killed.
    async fn operate<T>(&self, effect: impl FnOnce(&mut State) -> T + Send) -> Result<T, Killed> {
        pause().await;
        match self.count_down() {
            None => Ok(effect(&mut self.simulation.state())),
            Some(KillSide::Before) => Err(Killed),
            Some(KillSide::After) => {
                effect(&mut self.simulation.state());
                Err(Killed)
            }
        }
    }

    fn count_down(&self) -> Option<KillSide> {
        let mut kill_point = self.kill_point.lock().unwrap();
        let kill_point = kill_point.as_mut()?;
        kill_point.operations = kill_point.operations.saturating_sub(1);
        (kill_point.operations == 0).then_some(kill_point.side)
    }
}

impl Store for Connection {
    type Error = Killed;

    async fn read(&self) -> Result<StoredEntries, Killed> {
        self.operate(|state| {
            let version = if state.version == 0 {
                StoreVersion::Absent
            } else {
                StoreVersion::At(state.version.to_string())
            };
            StoredEntries { data: state.data.clone(), version }
        })
        .await
    }

    async fn write(&self, data: &SecretData, over: &StoreVersion) -> Result<WriteOutcome, Killed> {
        self.operate(|state| state.write(data, over)).await
    }
}

impl ConfigurationStore for Connection {
    type Error = Killed;

    async fn read(&self) -> Result<Vec<WebhookConfiguration>, Killed> {
        self.operate(|state| state.configurations.clone()).await
    }

    async fn apply(&self, wanted: &WebhookConfiguration) -> Result<WriteOutcome, Killed> {
        self.operate(|state| state.apply(wanted)).await
    }
}
