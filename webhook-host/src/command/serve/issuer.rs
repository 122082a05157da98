//! A certificate of a CA that the host keeps itself: the task that looks at it, and what the server needs to know of it.

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

/// A Lease falls to others after so many looks.
const LEASE_LOOKS: u32 = 3;

/// How often is looked while there is nothing to serve.
const FIRST_LOOKS: Duration = Duration::from_millis(300);

/// How long the API server may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long the end may take: it is only good manners.
const END_TIME: Duration = Duration::from_secs(2);

/// What is to be done, before there is a client.
#[derive(Debug)]
pub(super) struct Issuer {
    config: SelfManaged,
    signing: Signing,
    metrics: Arc<Metrics>,
}

/// The task that does it; dropping this ends it.
#[derive(Debug)]
pub(super) struct Issuing {
    status: watch::Receiver<Status>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// How far it is.
#[derive(Clone, Debug)]
struct Status {
    /// What is missing before the server may be ready, in one line; none if nothing is.
    waits_for: Option<String>,
    /// Whom the server can be trusted by, PEM.
    bundle: String,
}

/// The task's own.
struct Looks {
    keeper: Keeper<SecretStore, Configurations>,
    lease: Lease,
    signing: Signing,
    schedule: Schedule,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    status: watch::Sender<Status>,
    read_at: Option<SystemTime>,
    /// What went wrong last, so that it is said once.
    trouble: Option<String>,
}

// === impl Issuer ===

impl Issuer {
    /// Nothing is served before it is started.
    pub(super) fn new(config: SelfManaged, metrics: &Arc<Metrics>) -> Self {
        let signing = Signing::new(config.schedule);
        Self { config, signing, metrics: Arc::clone(metrics) }
    }

    /// What will be served.
    pub(super) fn served(&self) -> Arc<Served> {
        self.signing.served()
    }

    /// Looks from now on. Must run on a runtime.
    ///
    /// # Errors
    ///
    /// The configuration is none that a client can be made of.
    pub(super) fn start(self, mut api: kube::Config, readiness: Readiness) -> kube::Result<Issuing> {
        api.connect_timeout = Some(ANSWER_TIME);
        api.read_timeout = Some(ANSWER_TIME);
        // Each look is a try of its own.
        api.default_retry = false;
        let namespace = self.config.namespace(&api.default_namespace).to_owned();
        let client = Client::try_from(api)?;
        let waits_for = Some("the CA".to_owned());
        let (status, watched) = watch::channel(Status { waits_for, bundle: String::new() });
        let looks = self.looks(&client, &namespace, readiness, status);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(looks.run(stopped));
        Ok(Issuing { status: watched, stop: Some(stop), task })
    }

    fn looks(
        self,
        client: &Client,
        namespace: &str,
        readiness: Readiness,
        status: watch::Sender<Status>,
    ) -> Looks {
        let SelfManaged { secret, lease, webhooks, schedule, .. } = self.config.clone();
        let store = SecretStore::new(client.clone(), namespace, &secret);
        let configurations = Configurations::new(client.clone(), webhooks);
        let rotation = Rotation::new(self.config.names(namespace), schedule);
        let duration = LEASE_LOOKS * schedule.look;
        Looks {
            keeper: Keeper::new(store, configurations, rotation),
            lease: Lease::new(client.clone(), namespace, &lease, identity(), duration),
            signing: self.signing,
            schedule,
            readiness,
            metrics: self.metrics,
            status,
            read_at: None,
            trouble: None,
        }
    }
}

/// Nobody else's: the pod's name, or the machine's, and what tells processes of one machine apart.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "ordinance".to_owned());
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{host}_{}_{}", std::process::id(), begun.as_nanos())
}

// === impl Issuing ===

impl Issuing {
    /// What is missing before the server may be ready, in one line. Asked at start only.
    pub(super) fn waits_for(&self) -> Option<String> {
        self.status.borrow().waits_for.clone()
    }

    /// Returns when that may have changed.
    pub(super) async fn changed(&self) {
        // The task ends only with this.
        let _ = self.status.clone().changed().await;
    }

    /// Whom the server can be trusted by, PEM.
    pub(super) fn bundle(&self) -> String {
        self.status.borrow().bundle.clone()
    }

    /// Ends it, so that another replica goes on at once.
    pub(super) async fn end(mut self) {
        self.stop = None;
        // A panic there was reported there.
        let _ = tokio::time::timeout(END_TIME, &mut self.task).await;
    }
}

impl Drop for Issuing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Looks ===

impl Looks {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                rest = self.look() => {
                    if tokio::time::timeout(rest, &mut stop).await.is_ok() {
                        break;
                    }
                }
                _ = &mut stop => break,
            }
        }
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "the Lease was not given up");
        }
    }

    /// One look, and how long to rest then.
    async fn look(&mut self) -> Duration {
        let now = SystemTime::now();
        let outcome = match self.keep(now).await {
            Ok(()) => self.sign(now),
            Err(trouble) => self.sign(now).and(Err(trouble)),
        };
        self.tell(outcome);
        if self.read_at.is_some() { self.schedule.look } else { self.schedule.look.min(FIRST_LOOKS) }
    }

    /// Reads the CA; who has the Lease rotates it.
    async fn keep(&mut self, now: SystemTime) -> Result<(), String> {
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
                Change::Stored(phase) => tracing::info!(?phase, "the CA's Secret was written"),
                Change::Applied(configuration) => {
                    tracing::info!(%configuration, "trusts the CA as it should")
                }
            }
        }
        Ok(())
    }

    /// Serves another leaf if it is time for one.
    fn sign(&mut self, now: SystemTime) -> Result<(), String> {
        let (Some(record), Some(at)) = (self.keeper.record(), self.read_at) else { return Ok(()) };
        let renewal = self.signing.look(Reading { record, at }, now).map_err(|error| error.to_string())?;
        if renewal == Renewal::Signed {
            self.metrics.reloaded(Reloaded::Certificate, ReloadOutcome::Taken);
            tracing::info!("a new certificate is served");
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
        let waits_for = (!record.is_trusted(now, &self.schedule))
            .then(|| "webhook configurations to trust the CA".to_owned());
        let bundle = record.bundle().pem();
        self.status.send_if_modified(|status| {
            let changes = status.waits_for != waits_for || status.bundle != bundle;
            *status = Status { waits_for, bundle };
            changes
        });
    }

    /// Counts every look that failed; says once what is wrong.
    fn tell(&mut self, outcome: Result<(), String>) {
        let Err(trouble) = outcome else {
            self.trouble = None;
            return;
        };
        self.metrics.reloaded(Reloaded::Authority, ReloadOutcome::Refused);
        if self.trouble.as_ref() != Some(&trouble) {
            tracing::error!(%trouble, "the CA can't be looked after; what is served stays");
            self.trouble = Some(trouble);
        }
    }
}
