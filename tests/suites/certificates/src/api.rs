//! An API server in memory: one Secret, two webhook configurations, and watches of their bundle.

use crate::fault::InjectedFault;
use ordinance_certs::{
    Bundle, ConfigurationKind, ConfigurationStore, Record, SecretData, Store, StoreVersion, StoredEntries,
    Webhook, WebhookConfiguration, WriteOutcome,
};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Returns the names of the certificates.
pub fn names() -> Vec<String> {
    vec!["ordinance.ordinance-system.svc".to_owned()]
}

/// The API server, shared by replicas and callers.
#[derive(Clone, Debug)]
pub struct ApiStore(Arc<Mutex<ApiStoreState>>);

#[derive(Debug)]
struct ApiStoreState {
    fault: Option<InjectedFault>,
    data: SecretData,
    version: u64,
    configurations: Vec<WebhookConfiguration>,
    /// The bundle that watches got last.
    seen: Option<Bundle>,
    listeners: Vec<UnboundedSender<Bundle>>,
}

// === impl ApiStore ===

impl ApiStore {
    /// Returns an API server with an empty Secret and configurations with empty bundles.
    pub fn new(fault: Option<InjectedFault>) -> Self {
        let configuration = |kind| WebhookConfiguration {
            kind,
            name: "ordinance".to_owned(),
            version: "0".to_owned(),
            webhooks: vec![Webhook {
                url: None,
                path: None,
                default_path: None,
                name: "one".to_owned(),
                host: None,
                bundle: Vec::new(),
                failure_policy: "Ignore".to_owned(),
                intended_policy: Some("Fail".to_owned()),
            }],
        };
        let configurations = ConfigurationKind::ALL.map(configuration).to_vec();
        let data = SecretData::new();
        Self(Arc::new(Mutex::new(ApiStoreState {
            fault,
            data,
            version: 0,
            configurations,
            seen: None,
            listeners: Vec::new(),
        })))
    }

    /// Watches the bundle: the receiver gets the current one, then every change.
    pub fn watch(&self) -> UnboundedReceiver<Bundle> {
        let (listener, bundles) = unbounded_channel();
        let mut state = self.state();
        if let Some(seen) = &state.seen {
            // The receiver is still in scope, so sending can't fail.
            let _ = listener.send(seen.clone());
        }
        state.listeners.push(listener);
        bundles
    }

    /// Returns the current bundle.
    pub fn bundle(&self) -> Bundle {
        self.state().bundle()
    }

    /// Overwrites all bundles, as a foreign writer does.
    pub fn overwrite_bundles(&self, bundle: &Bundle) {
        let pem = bundle.pem().into_bytes();
        let mut state = self.state();
        for configuration in &mut state.configurations {
            configuration.version.push('+');
            configuration.webhooks.iter_mut().for_each(|webhook| webhook.bundle.clone_from(&pem));
        }
        state.notify();
    }

    fn state(&self) -> MutexGuard<'_, ApiStoreState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl ApiStoreState ===

impl ApiStoreState {
    /// Returns the bundle of the configuration that is written last; the two differ only between two writes.
    fn bundle(&self) -> Bundle {
        let webhook = self.configurations.last().and_then(|configuration| configuration.webhooks.last());
        webhook.map(|webhook| Bundle::read(&webhook.bundle)).unwrap_or_default()
    }

    /// Sends the bundle, distorted by the fault, if it has changed.
    fn notify(&mut self) {
        let record = Record::read(&self.data, &names()).ok().flatten();
        let bundle = self.bundle();
        let seen = self.fault.map_or_else(|| bundle.clone(), |fault| fault.distort(&bundle, record.as_ref()));
        if self.seen.as_ref() != Some(&seen) {
            self.listeners.retain(|listener| listener.send(seen.clone()).is_ok());
            self.seen = Some(seen);
        }
    }

    fn write(&mut self, data: &SecretData, over: &StoreVersion) -> WriteOutcome {
        if *over != StoreVersion::At(self.version.to_string()) {
            return WriteOutcome::Conflict;
        }
        self.data.clone_from(data);
        self.version += 1;
        self.notify();
        WriteOutcome::Done
    }

    fn apply(&mut self, wanted: &WebhookConfiguration) -> WriteOutcome {
        let same =
            |found: &&mut WebhookConfiguration| found.kind == wanted.kind && found.version == wanted.version;
        let Some(found) = self.configurations.iter_mut().find(same) else { return WriteOutcome::Conflict };
        found.webhooks.clone_from(&wanted.webhooks);
        found.version.push('.');
        self.notify();
        WriteOutcome::Done
    }
}

impl Store for ApiStore {
    type Error = Infallible;

    async fn read(&self) -> Result<StoredEntries, Infallible> {
        let state = self.state();
        Ok(StoredEntries { data: state.data.clone(), version: StoreVersion::At(state.version.to_string()) })
    }

    async fn write(&self, data: &SecretData, over: &StoreVersion) -> Result<WriteOutcome, Infallible> {
        Ok(self.state().write(data, over))
    }
}

impl ConfigurationStore for ApiStore {
    type Error = Infallible;

    async fn read(&self) -> Result<Vec<WebhookConfiguration>, Infallible> {
        Ok(self.state().configurations.clone())
    }

    async fn apply(&self, wanted: &WebhookConfiguration) -> Result<WriteOutcome, Infallible> {
        Ok(self.state().apply(wanted))
    }
}
