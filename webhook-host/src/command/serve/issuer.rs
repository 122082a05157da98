//! The background task of a self-managed CA: reconciles it in the cluster and renews the leaf certificate.

use super::identity::identity;
use crate::config::SelfManaged;
use crate::metrics::{Metrics, ReloadOutcome, Reloaded};
use crate::server::{Callers, Readiness, ServerState};
use kube::Client;
use ordinance_certs::cluster::{ClusterConfigurations, Lease, SecretStore};
use ordinance_certs::{
    CertificateResolver, LeafSigner, ReconcileChange, Reconciler, Record, RecordReading, Renewal, Rotation,
    Schedule, WebhookReadiness,
};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// The duration of the Lease, in poll intervals.
const LEASE_POLLS: u32 = 3;

/// The longest interval between polls until there is a certificate to serve.
const FIRST_POLL_INTERVAL: Duration = Duration::from_millis(300);

/// The timeout of a request to the API server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The timeout of the release of the Lease at shutdown. Without the release, the next leader only starts later.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// The task before its start, when there is no client yet.
#[derive(Debug)]
pub(super) struct Issuer {
    config: SelfManaged,
    signer: LeafSigner,
    callers: Callers,
    metrics: Arc<Metrics>,
}

/// The running task; aborted on drop.
#[derive(Debug)]
pub(super) struct RunningIssuer {
    status: watch::Receiver<IssuerStatus>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// The status of the task.
#[derive(Clone, Debug)]
struct IssuerStatus {
    /// What the server waits for before it is ready, or `None` if it is.
    waiting_for: Option<String>,
    /// The trust bundle for clients, PEM.
    bundle: String,
}

/// The state of the running task.
struct IssuingLoop {
    reconciler: Reconciler<SecretStore, ClusterConfigurations>,
    lease: Lease,
    signer: LeafSigner,
    callers: Callers,
    schedule: Schedule,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    status: watch::Sender<IssuerStatus>,
    read_at: Option<SystemTime>,
    /// The last error, so that the log has it once.
    last_error: Option<String>,
}

// === impl Issuer ===

impl Issuer {
    /// Returns a task that serves nothing, and accepts no caller, until it is started.
    pub(super) fn new(config: SelfManaged, callers: Callers, metrics: &Arc<Metrics>) -> Self {
        let signer = LeafSigner::new(config.schedule);
        Self { config, signer, callers, metrics: Arc::clone(metrics) }
    }

    /// Returns the resolver that the task publishes certificates to.
    pub(super) fn served(&self) -> Arc<CertificateResolver> {
        self.signer.served()
    }

    /// Starts the task. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If no client can be made from the configuration.
    pub(super) fn start(self, mut api: kube::Config, readiness: Readiness) -> kube::Result<RunningIssuer> {
        api.connect_timeout = Some(REQUEST_TIMEOUT);
        api.read_timeout = Some(REQUEST_TIMEOUT);
        // The next poll is the retry.
        api.default_retry = false;
        let namespace = self.config.namespace(&api.default_namespace).to_owned();
        let client = Client::try_from(api)?;
        let waiting_for = Some("the CA".to_owned());
        let (status, watched) = watch::channel(IssuerStatus { waiting_for, bundle: String::new() });
        let task = self.into_loop(&client, &namespace, readiness, status);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(task.run(stopped));
        Ok(RunningIssuer { status: watched, stop: Some(stop), task })
    }

    fn into_loop(
        self,
        client: &Client,
        namespace: &str,
        readiness: Readiness,
        status: watch::Sender<IssuerStatus>,
    ) -> IssuingLoop {
        let SelfManaged { secret, lease, webhooks, schedule, .. } = self.config.clone();
        let store = SecretStore::new(client.clone(), namespace, &secret);
        let configurations = ClusterConfigurations::new(client.clone(), webhooks);
        let rotation = Rotation::new(self.config.names(namespace), schedule).with_path_tokens();
        let duration = LEASE_POLLS * schedule.poll_interval;
        IssuingLoop {
            reconciler: Reconciler::new(store, configurations, rotation),
            lease: Lease::new(client.clone(), namespace, &lease, identity(), duration),
            signer: self.signer,
            callers: self.callers,
            schedule,
            readiness,
            metrics: self.metrics,
            status,
            read_at: None,
            last_error: None,
        }
    }
}

// === impl RunningIssuer ===

impl RunningIssuer {
    /// Returns what the server waits for before it is ready, in one line. Only a starting server uses it.
    pub(super) fn waiting_for(&self) -> Option<String> {
        self.status.borrow().waiting_for.clone()
    }

    /// Completes when the status has changed.
    pub(super) async fn changed(&self) {
        // The sender is dropped only with the task, when the process shuts down.
        let _ = self.status.clone().changed().await;
    }

    /// Returns the trust bundle for clients, PEM.
    pub(super) fn bundle(&self) -> String {
        self.status.borrow().bundle.clone()
    }

    /// Stops the task and releases the Lease, so that another replica can lead at once.
    pub(super) async fn stop(mut self) {
        self.stop = None;
        // The panic hook has reported a panic of the task.
        let _ = tokio::time::timeout(RELEASE_TIMEOUT, &mut self.task).await;
    }
}

impl Drop for RunningIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl IssuingLoop ===

impl IssuingLoop {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                pause = self.poll() => {
                    if tokio::time::timeout(pause, &mut stop).await.is_ok() {
                        break;
                    }
                }
                _ = &mut stop => break,
            }
        }
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "could not release the Lease");
        }
    }

    /// Polls once, and returns the pause until the next poll.
    async fn poll(&mut self) -> Duration {
        let now = SystemTime::now();
        let outcome = match self.reconcile(now).await {
            Ok(()) => self.renew_leaf(now),
            Err(error) => self.renew_leaf(now).and(Err(error)),
        };
        self.report(outcome);
        if self.read_at.is_some() {
            self.schedule.poll_interval
        } else {
            self.schedule.poll_interval.min(FIRST_POLL_INTERVAL)
        }
    }

    /// Reads the CA. The replica that holds the Lease also rotates it.
    async fn reconcile(&mut self, now: SystemTime) -> Result<(), String> {
        let led = match self.lease.renew(now, Instant::now()).await {
            Ok(true) => self.lead(now).await,
            Ok(false) => return self.follow(now).await,
            Err(error) => Err(format!("the Lease: {error}")),
        };
        if led.is_ok() {
            // `lead` reads the record before each step, so a second read here would only load the API server.
            self.read_at = Some(now);
        } else {
            // A leader that can't reach the Lease or the configurations still serves certificates of the current CA.
            self.follow(now).await?;
        }
        led
    }

    async fn follow(&mut self, now: SystemTime) -> Result<(), String> {
        self.reconciler.follow().await.map_err(|error| error.to_string())?;
        self.read_at = Some(now);
        Ok(())
    }

    async fn lead(&mut self, now: SystemTime) -> Result<(), String> {
        let is_ready = self.readiness.state() == ServerState::Ready;
        let readiness = if is_ready { WebhookReadiness::Ready } else { WebhookReadiness::NotReady };
        let changes = self.reconciler.lead(now, readiness).await.map_err(|error| error.to_string())?;
        for change in changes {
            match change {
                ReconcileChange::Stored(phase) => tracing::info!(?phase, "wrote the Secret of the CA"),
                ReconcileChange::Applied(configuration) => {
                    tracing::info!(%configuration, "wrote the webhook configuration")
                }
            }
        }
        Ok(())
    }

    /// Renews the leaf certificate if it is due, and updates the accepted callers, metrics and status.
    fn renew_leaf(&mut self, now: SystemTime) -> Result<(), String> {
        let (Some(record), Some(at)) = (self.reconciler.record(), self.read_at) else { return Ok(()) };
        self.callers.accept(record.accepted_paths());
        let renewal =
            self.signer.renew(RecordReading { record, at }, now).map_err(|error| error.to_string())?;
        if renewal == Renewal::Signed {
            self.metrics.reloaded(Reloaded::Certificate, ReloadOutcome::Taken);
            tracing::info!("serving a new certificate");
        }
        self.update_metrics(record);
        self.update_status(record, now);
        Ok(())
    }

    fn update_metrics(&self, record: &Record) {
        if let Some(pair) = self.signer.served().current() {
            self.metrics.certificate(pair.validity());
        }
        if let Some(validity) = record.current.validity() {
            self.metrics.authority(validity);
        }
    }

    fn update_status(&self, record: &Record, now: SystemTime) {
        let waiting_for = (!record.is_trusted(now, &self.schedule))
            .then(|| "webhook configurations to trust the CA".to_owned());
        let bundle = record.bundle().pem();
        self.status.send_if_modified(|status| {
            let is_changed = status.waiting_for != waiting_for || status.bundle != bundle;
            *status = IssuerStatus { waiting_for, bundle };
            is_changed
        });
    }

    /// Counts every failed poll, and logs each error once.
    fn report(&mut self, outcome: Result<(), String>) {
        let Err(trouble) = outcome else {
            self.last_error = None;
            return;
        };
        self.metrics.reloaded(Reloaded::Authority, ReloadOutcome::Refused);
        if self.last_error.as_ref() != Some(&trouble) {
            tracing::error!(%trouble, "could not reconcile the CA; the certificate in use stays");
            self.last_error = Some(trouble);
        }
    }
}
