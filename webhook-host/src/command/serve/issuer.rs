//! Issues the self-managed certificate: a task that reads the CA from the cluster, rotates it if this replica holds the
//! Lease, and signs a certificate for this replica.

use crate::config::SelfManaged;
use crate::metrics::{Metrics, ReloadOutcome, Reloaded};
use crate::server::{Readiness, State};
use kube::Client;
use ordinance_certs::cluster::{Configurations, Lease, SecretStore};
use ordinance_certs::{Change, Keeper, Reading, Record, Renewal, Rotation, Schedule, Served, Signing};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// The duration of the Lease, in intervals of the schedule.
const LEASE_INTERVALS: u32 = 3;

/// The longest interval while there is no certificate to serve.
const FIRST_INTERVAL: Duration = Duration::from_millis(300);

/// How long the API server may take to respond.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long releasing the Lease may take at shutdown. An unreleased Lease expires by itself.
const STOP_TIME: Duration = Duration::from_secs(2);

/// An issuer that is not running yet.
#[derive(Debug)]
pub(super) struct Issuer {
    config: SelfManaged,
    signing: Signing,
    metrics: Arc<Metrics>,
}

/// A running issuer. Dropping it ends its task.
#[derive(Debug)]
pub(super) struct RunningIssuer {
    status: watch::Receiver<IssuerStatus>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// The progress of an issuer.
#[derive(Clone, Debug)]
struct IssuerStatus {
    /// What is missing before the server may be ready, in one line; `None` if nothing is.
    waiting_for: Option<String>,
    /// The CA certificates to trust the server by, PEM.
    bundle: String,
}

/// The state of the issuer's task.
struct IssuerTask {
    keeper: Keeper<SecretStore, Configurations>,
    lease: Lease,
    signing: Signing,
    schedule: Schedule,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    status: watch::Sender<IssuerStatus>,
    read_at: Option<SystemTime>,
    /// The last error, which is logged only when it changes.
    error: Option<String>,
}

// === impl Issuer ===

impl Issuer {
    /// Returns an issuer that serves no certificate before it is started.
    pub(super) fn new(config: SelfManaged, metrics: &Arc<Metrics>) -> Self {
        let signing = Signing::new(config.schedule);
        Self { config, signing, metrics: Arc::clone(metrics) }
    }

    /// Returns the certificate to serve, which is empty until the first one is signed.
    pub(super) fn served(&self) -> Arc<Served> {
        self.signing.served()
    }

    /// Starts the issuer's task. Must run on a tokio runtime.
    ///
    /// # Errors
    ///
    /// No client can be made from the configuration.
    pub(super) fn start(self, mut api: kube::Config, readiness: Readiness) -> kube::Result<RunningIssuer> {
        api.connect_timeout = Some(ANSWER_TIME);
        api.read_timeout = Some(ANSWER_TIME);
        // The task itself retries at its next interval.
        api.default_retry = false;
        let namespace = self.config.namespace(&api.default_namespace).to_owned();
        let client = Client::try_from(api)?;
        let waiting_for = Some("the CA".to_owned());
        let (sender, status) = watch::channel(IssuerStatus { waiting_for, bundle: String::new() });
        let task = self.task(&client, &namespace, readiness, sender);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(task.run(stopped));
        Ok(RunningIssuer { status, stop: Some(stop), task })
    }

    fn task(
        self,
        client: &Client,
        namespace: &str,
        readiness: Readiness,
        status: watch::Sender<IssuerStatus>,
    ) -> IssuerTask {
        let SelfManaged { secret, lease, webhooks, schedule, .. } = self.config.clone();
        let store = SecretStore::new(client.clone(), namespace, &secret);
        let configurations = Configurations::new(client.clone(), webhooks);
        let rotation = Rotation::new(self.config.names(namespace), schedule);
        let duration = LEASE_INTERVALS * schedule.look;
        IssuerTask {
            keeper: Keeper::new(store, configurations, rotation),
            lease: Lease::new(client.clone(), namespace, &lease, identity(), duration),
            signing: self.signing,
            schedule,
            readiness,
            metrics: self.metrics,
            status,
            read_at: None,
            error: None,
        }
    }
}

/// Returns a unique holder for the Lease: the name of the pod or machine, the process id, and the current time.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "ordinance".to_owned());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{host}_{}_{}", std::process::id(), now.as_nanos())
}

// === impl RunningIssuer ===

impl RunningIssuer {
    /// Returns what is missing before the server may be ready, in one line, or `None` if nothing is.
    pub(super) fn waiting_for(&self) -> Option<String> {
        self.status.borrow().waiting_for.clone()
    }

    /// Waits until the status changes.
    pub(super) async fn changed(&self) {
        // This fails only after the task has ended, and the task runs as long as `self`.
        let _ = self.status.clone().changed().await;
    }

    /// Returns the CA certificates to trust the server by, PEM.
    pub(super) fn bundle(&self) -> String {
        self.status.borrow().bundle.clone()
    }

    /// Ends the task and releases the Lease, so that another replica can take it at once.
    pub(super) async fn stop(mut self) {
        self.stop = None;
        // The panic hook has already reported a panic of this task.
        let _ = tokio::time::timeout(STOP_TIME, &mut self.task).await;
    }
}

impl Drop for RunningIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl IssuerTask ===

impl IssuerTask {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                interval = self.step() => {
                    if tokio::time::timeout(interval, &mut stop).await.is_ok() {
                        break;
                    }
                }
                _ = &mut stop => break,
            }
        }
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "can't release the Lease");
        }
    }

    /// Updates the CA and the certificate once, and returns the time to wait before the next step.
    async fn step(&mut self) -> Duration {
        let now = SystemTime::now();
        let outcome = match self.update_authority(now).await {
            Ok(()) => self.sign(now),
            Err(error) => self.sign(now).and(Err(error)),
        };
        self.report(outcome);
        if self.read_at.is_some() { self.schedule.look } else { self.schedule.look.min(FIRST_INTERVAL) }
    }

    /// Rotates the CA if this replica holds the Lease, and reads the CA.
    async fn update_authority(&mut self, now: SystemTime) -> Result<(), String> {
        let leads = self.lease.renew(now, Instant::now()).await;
        let led = match leads {
            Ok(true) => self.lead(now).await,
            Ok(false) => Ok(()),
            Err(error) => Err(format!("the Lease: {error}")),
        };
        self.keeper.follow().await.map_err(|error| error.to_string())?;
        self.read_at = Some(now);
        led
    }

    async fn lead(&mut self, now: SystemTime) -> Result<(), String> {
        let is_ready = self.readiness.state() == State::Ready;
        let readiness =
            if is_ready { ordinance_certs::Readiness::Ready } else { ordinance_certs::Readiness::NotYet };
        let changes = self.keeper.lead(now, readiness).await.map_err(|error| error.to_string())?;
        for change in changes {
            match change {
                Change::Stored(phase) => tracing::info!(?phase, "wrote the Secret of the CA"),
                Change::Applied(configuration) => {
                    tracing::info!(%configuration, "wrote the CA to a webhook configuration")
                }
            }
        }
        Ok(())
    }

    /// Signs and serves a new certificate if one is due.
    fn sign(&mut self, now: SystemTime) -> Result<(), String> {
        let (Some(record), Some(at)) = (self.keeper.record(), self.read_at) else { return Ok(()) };
        let renewal = self.signing.look(Reading { record, at }, now).map_err(|error| error.to_string())?;
        if renewal == Renewal::Signed {
            self.metrics.reloaded(Reloaded::Certificate, ReloadOutcome::Taken);
            tracing::info!("serving a new certificate");
        }
        self.show(record);
        self.publish(record, now);
        Ok(())
    }

    fn show(&self, record: &Record) {
        if let Some(pair) = self.signing.served().current() {
            self.metrics.certificate(pair.validity());
        }
        if let Some(validity) = record.current.validity() {
            self.metrics.authority(validity);
        }
    }

    fn publish(&self, record: &Record, now: SystemTime) {
        let waiting_for = (!record.is_trusted(now, &self.schedule))
            .then(|| "webhook configurations to trust the CA".to_owned());
        let bundle = record.bundle().pem();
        self.status.send_if_modified(|status| {
            let changes = status.waiting_for != waiting_for || status.bundle != bundle;
            *status = IssuerStatus { waiting_for, bundle };
            changes
        });
    }

    /// Counts each failed step. Logs an error once, and not again while it repeats.
    fn report(&mut self, outcome: Result<(), String>) {
        let Err(error) = outcome else {
            self.error = None;
            return;
        };
        self.metrics.reloaded(Reloaded::Authority, ReloadOutcome::Refused);
        if self.error.as_ref() != Some(&error) {
            // The field keeps its name, because log queries may use it.
            tracing::error!(trouble = %error, "can't update the CA; the served certificate stays in use");
            self.error = Some(error);
        }
    }
}
