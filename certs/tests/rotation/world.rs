//! What replicas share: the time, a store, webhook configurations, and whoever kills them.

use crate::executor::pause;
use ordinance_certs::{
    Bundle, Configuration, Data, Kind, Lifetime, Record, Schedule, Store, Stored, Version, Webhook, Webhooks,
    Written,
};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const MINUTE: Duration = Duration::from_secs(60);

/// A schedule whose whole course is looked at in minutes: a CA for 1000, a leaf for 150, a wait of 5, clocks off by 2.
pub const SCHEDULE: Schedule = Schedule {
    authority: Lifetime(Duration::from_secs(60_000)),
    leaf: Lifetime(Duration::from_secs(9_000)),
    wait: Duration::from_secs(300),
    skew: Duration::from_secs(120),
    look: MINUTE,
};

/// How late clients learn of a bundle at most: less than the wait, by clocks that are off.
pub const LAG: u32 = 4;

pub fn names() -> Vec<String> {
    vec!["ordinance.ordinance-system.svc".to_owned()]
}

/// When a caller is stopped: at which of its operations, and on which side of its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fuse {
    pub operations: usize,
    pub side: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

#[derive(Debug, thiserror::Error)]
#[error("killed")]
pub struct Killed;

/// Shared by everybody in it.
#[derive(Clone, Debug)]
pub struct World(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: SystemTime,
    data: Data,
    version: u64,
    configurations: Vec<Configuration>,
    /// What clients could see, and since when.
    history: Vec<(SystemTime, Vec<Bundle>)>,
    generations: Vec<u64>,
    authorities: usize,
}

/// One replica's way into the world.
#[derive(Clone, Debug)]
pub struct Door {
    world: World,
    fuse: Arc<Mutex<Option<Fuse>>>,
}

// === impl World ===

impl World {
    /// Nothing is stored; two configurations trust nobody.
    pub fn new() -> Self {
        let now = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let configuration = |kind| Configuration {
            kind,
            name: "ordinance".to_owned(),
            version: "1".to_owned(),
            webhooks: ["one", "two"].map(webhook).to_vec(),
        };
        let configurations = Kind::ALL.map(configuration).to_vec();
        let (data, history) = (Data::new(), Vec::new());
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

    pub fn pass(&self, time: Duration) {
        self.state().now += time;
    }

    /// A door whose user is never killed.
    pub fn door(&self) -> Door {
        Door { world: self.clone(), fuse: Arc::default() }
    }

    pub fn record(&self) -> Option<Record> {
        Record::read(&self.state().data, &names()).unwrap()
    }

    /// Somebody writes what he likes.
    pub fn overwrite(&self, data: Data) {
        let mut state = self.state();
        state.data = data;
        state.version += 1;
    }

    pub fn configurations(&self) -> Vec<Configuration> {
        self.state().configurations.clone()
    }

    /// Somebody edits configurations.
    pub fn edit(&self, edit: impl FnOnce(&mut Vec<Configuration>)) {
        let mut state = self.state();
        edit(&mut state.configurations);
        state.configurations.iter_mut().for_each(|found| found.version.push('+'));
        state.show();
    }

    /// What a client sees that learns of every bundle so late.
    pub fn seen(&self, late: Duration) -> Vec<Bundle> {
        let state = self.state();
        let then = state.now - late;
        let mut shown = state.history.iter().rev().filter(|(since, _)| *since <= then);
        shown.next().map(|(_, bundles)| bundles.clone()).unwrap_or_default()
    }

    /// Every generation that there was.
    pub fn generations(&self) -> Vec<u64> {
        self.state().generations.clone()
    }

    /// How many records were begun anew.
    pub fn authorities(&self) -> usize {
        self.state().authorities
    }
}

fn webhook(name: &str) -> Webhook {
    Webhook {
        name: name.to_owned(),
        host: None,
        bundle: Vec::new(),
        failure_policy: "Ignore".to_owned(),
        intended_policy: Some("Fail".to_owned()),
    }
}

// === impl State ===

impl State {
    fn show(&mut self) {
        let webhooks = self.configurations.iter().flat_map(|found| &found.webhooks);
        let bundles = webhooks.map(|webhook| Bundle::read(&webhook.bundle)).collect();
        self.history.push((self.now, bundles));
    }

    fn write(&mut self, data: &Data, over: &Version) -> Written {
        let found = if self.version == 0 { Version::Absent } else { Version::At(self.version.to_string()) };
        if *over != found {
            return Written::Conflict;
        }
        let record = Record::read(data, &names()).unwrap().unwrap();
        self.generations.push(record.generation);
        self.authorities += usize::from(record.generation == 1);
        self.data = data.clone();
        self.version += 1;
        Written::Done
    }

    fn apply(&mut self, wanted: &Configuration) -> Written {
        let found = self.configurations.iter_mut().find(|found| {
            (found.kind, &found.name, &found.version) == (wanted.kind, &wanted.name, &wanted.version)
        });
        let Some(found) = found else { return Written::Conflict };
        found.webhooks.clone_from(&wanted.webhooks);
        found.version.push('.');
        self.show();
        Written::Done
    }
}

// === impl Door ===

impl Door {
    /// From now on its user is killed at an operation.
    pub fn light(&self, fuse: Fuse) {
        *self.fuse.lock().unwrap() = Some(fuse);
    }

    /// Whether the user was not killed.
    pub fn is_safe(&self) -> bool {
        self.fuse.lock().unwrap().is_none_or(|fuse| fuse.operations > 0)
    }

    /// One operation: others may go first, and it may be the last.
    async fn operate<T>(&self, effect: impl FnOnce(&mut State) -> T + Send) -> Result<T, Killed> {
        pause().await;
        match self.burn() {
            None => Ok(effect(&mut self.world.state())),
            Some(Side::Before) => Err(Killed),
            Some(Side::After) => {
                effect(&mut self.world.state());
                Err(Killed)
            }
        }
    }

    fn burn(&self) -> Option<Side> {
        let mut fuse = self.fuse.lock().unwrap();
        let fuse = fuse.as_mut()?;
        fuse.operations = fuse.operations.saturating_sub(1);
        (fuse.operations == 0).then_some(fuse.side)
    }
}

impl Store for Door {
    type Error = Killed;

    async fn read(&self) -> Result<Stored, Killed> {
        self.operate(|state| {
            let version =
                if state.version == 0 { Version::Absent } else { Version::At(state.version.to_string()) };
            Stored { data: state.data.clone(), version }
        })
        .await
    }

    async fn write(&self, data: &Data, over: &Version) -> Result<Written, Killed> {
        self.operate(|state| state.write(data, over)).await
    }
}

impl Webhooks for Door {
    type Error = Killed;

    async fn read(&self) -> Result<Vec<Configuration>, Killed> {
        self.operate(|state| state.configurations.clone()).await
    }

    async fn apply(&self, wanted: &Configuration) -> Result<Written, Killed> {
        self.operate(|state| state.apply(wanted)).await
    }
}
