//! An API server's store in memory: one Secret, two webhook configurations, and who hears of a bundle.

use crate::fault::Fault;
use ordinance_certs::{
    Bundle, Configuration, Data, Kind, Record, Store, Stored, Version, Webhook, Webhooks, Written,
};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The names that certificates are for.
pub fn names() -> Vec<String> {
    vec!["ordinance.ordinance-system.svc".to_owned()]
}

/// Shared by all who use it.
#[derive(Clone, Debug)]
pub struct Api(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    fault: Option<Fault>,
    data: Data,
    version: u64,
    configurations: Vec<Configuration>,
    seen: Option<Bundle>,
    listeners: Vec<UnboundedSender<Bundle>>,
}

// === impl Api ===

impl Api {
    /// An empty Secret, and configurations that trust nobody.
    pub fn new(fault: Option<Fault>) -> Self {
        let configuration = |kind| Configuration {
            kind,
            name: "ordinance".to_owned(),
            version: "0".to_owned(),
            webhooks: vec![Webhook {
                name: "one".to_owned(),
                host: None,
                bundle: Vec::new(),
                failure_policy: "Ignore".to_owned(),
                intended_policy: Some("Fail".to_owned()),
            }],
        };
        let configurations = Kind::ALL.map(configuration).to_vec();
        let data = Data::new();
        Self(Arc::new(Mutex::new(State {
            fault,
            data,
            version: 0,
            configurations,
            seen: None,
            listeners: Vec::new(),
        })))
    }

    /// Every bundle from now on, beginning with the one of now.
    pub fn listen(&self) -> UnboundedReceiver<Bundle> {
        let (listener, bundles) = unbounded_channel();
        let mut state = self.state();
        if let Some(seen) = &state.seen {
            // Who gave up hears nothing.
            let _ = listener.send(seen.clone());
        }
        state.listeners.push(listener);
        bundles
    }

    /// What is trusted now.
    pub fn bundle(&self) -> Bundle {
        self.state().bundle()
    }

    /// Somebody else writes all bundles.
    pub fn clobber(&self, bundle: &Bundle) {
        let pem = bundle.pem().into_bytes();
        let mut state = self.state();
        for configuration in &mut state.configurations {
            configuration.version.push('+');
            configuration.webhooks.iter_mut().for_each(|webhook| webhook.bundle.clone_from(&pem));
        }
        state.tell();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// What both configurations trust; where they differ for a moment, the one that is written last counts.
    fn bundle(&self) -> Bundle {
        let webhook = self.configurations.last().and_then(|configuration| configuration.webhooks.last());
        webhook.map(|webhook| Bundle::read(&webhook.bundle)).unwrap_or_default()
    }

    /// Tells listeners what they are to see, if that is news.
    fn tell(&mut self) {
        let record = Record::read(&self.data, &names()).ok().flatten();
        let bundle = self.bundle();
        let seen = self.fault.map_or_else(|| bundle.clone(), |fault| fault.distort(&bundle, record.as_ref()));
        if self.seen.as_ref() != Some(&seen) {
            self.listeners.retain(|listener| listener.send(seen.clone()).is_ok());
            self.seen = Some(seen);
        }
    }

    fn write(&mut self, data: &Data, over: &Version) -> Written {
        if *over != Version::At(self.version.to_string()) {
            return Written::Conflict;
        }
        self.data.clone_from(data);
        self.version += 1;
        self.tell();
        Written::Done
    }

    fn apply(&mut self, wanted: &Configuration) -> Written {
        let same = |found: &&mut Configuration| found.kind == wanted.kind && found.version == wanted.version;
        let Some(found) = self.configurations.iter_mut().find(same) else { return Written::Conflict };
        found.webhooks.clone_from(&wanted.webhooks);
        found.version.push('.');
        self.tell();
        Written::Done
    }
}

impl Store for Api {
    type Error = Infallible;

    async fn read(&self) -> Result<Stored, Infallible> {
        let state = self.state();
        Ok(Stored { data: state.data.clone(), version: Version::At(state.version.to_string()) })
    }

    async fn write(&self, data: &Data, over: &Version) -> Result<Written, Infallible> {
        Ok(self.state().write(data, over))
    }
}

impl Webhooks for Api {
    type Error = Infallible;

    async fn read(&self) -> Result<Vec<Configuration>, Infallible> {
        Ok(self.state().configurations.clone())
    }

    async fn apply(&self, wanted: &Configuration) -> Result<Written, Infallible> {
        Ok(self.state().apply(wanted))
    }
}
