//! Rotations under load, with or without an injected fault.

use crate::api::ApiStore;
use crate::caller::{Transport, transport};
use crate::fault::InjectedFault;
use crate::load::{LoadOutcome, RequestLoad, Requests};
use crate::replica::{EventLog, PollingReplica, ReplicaAction, RotationEvents, ServingReplica};
use crate::wait::LIMIT;
use anyhow::{Result, bail};
use ordinance_certs::Schedule;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The number of replicas behind the Service.
const REPLICAS: usize = 3;

/// The number of API servers, each with its own lag.
const CALLERS: usize = 2;

/// The average number of polls for which a replica leads before it restarts.
const LEADER_POLLS: u32 = 40;

/// The longest interval between polls of a follower, in poll intervals of the leader.
const FOLLOWER_INTERVALS: f64 = 10.0;

/// The interval between two writes of the foreign writer.
const FOREIGN_INTERVAL: Duration = Duration::from_secs(2);

/// The parameters of a trial.
#[derive(Clone, Copy, Debug)]
pub struct RotationTrial {
    /// The compressed schedule.
    pub schedule: Schedule,
    /// The largest lag of a caller that gets a bundle; less than the schedule's wait.
    pub lag: Duration,
    /// The requests meanwhile.
    pub load: RequestLoad,
    /// The seed of the random numbers.
    pub seed: u64,
}

/// The result of a trial.
#[derive(Clone, Debug)]
pub struct TrialResult {
    /// The number of rotations of the CA.
    pub authorities: usize,
    /// When each leaf certificate was replaced.
    pub leaves: Vec<Instant>,
    /// The results of the requests.
    pub outcome: LoadOutcome,
}

/// The running API server, replicas and requests.
struct Testbed {
    api: ApiStore,
    log: EventLog,
    requests: Requests,
    _replicas: Vec<ServingReplica>,
}

// === impl RotationTrial ===

impl RotationTrial {
    /// Runs until the CA was rotated this many times.
    ///
    /// # Errors
    ///
    /// If replicas can't be started, or the rotation stalls.
    pub async fn rotate(&self, authorities: usize) -> Result<TrialResult> {
        let testbed = self.start(None).await?;
        let limit = self.schedule.authority.0 * u32::try_from(authorities + 1)?;
        let end = Instant::now() + limit;
        while testbed.log.events().authorities < authorities {
            if Instant::now() > end {
                bail!("{:?} in {} s: the rotation stalled", testbed.log.events(), limit.as_secs());
            }
            tokio::time::sleep(self.schedule.poll_interval).await;
        }
        // Until the last leaf certificate of the last former CA has expired and the bundle has shrunk.
        tokio::time::sleep(self.schedule.leaf.0 + 3 * self.schedule.skew).await;
        let RotationEvents { leaves, authorities, .. } = testbed.log.events();
        Ok(TrialResult { authorities, leaves, outcome: testbed.requests.outcome() })
    }

    /// Returns the time until a fault fails a request, or `None` if it fails none within two lifetimes of a CA.
    ///
    /// # Errors
    ///
    /// If replicas can't be started.
    pub async fn time_to_failure(&self, fault: InjectedFault) -> Result<Option<Duration>> {
        let testbed = self.start(Some(fault)).await?;
        let started = Instant::now();
        let writer = (fault == InjectedFault::ForeignWriter)
            .then(|| tokio::spawn(write_foreign_bundle(testbed.api.clone())));
        while started.elapsed() < 2 * self.schedule.authority.0 && testbed.requests.failed() == 0 {
            tokio::time::sleep(self.schedule.poll_interval).await;
        }
        writer.inspect(JoinHandle::abort);
        Ok((testbed.requests.failed() > 0).then(|| started.elapsed()))
    }

    /// Starts replicas, waits until they are ready, and starts the requests.
    async fn start(&self, fault: Option<InjectedFault>) -> Result<Testbed> {
        let (api, log) = (ApiStore::new(fault), EventLog::default());
        let mut schedule = self.schedule;
        if fault == Some(InjectedFault::SkipsWait) {
            schedule.wait = Duration::ZERO;
        }
        let mut random = fastrand::Rng::with_seed(self.seed);
        let transports: Vec<Transport> =
            (0..CALLERS).map(|_| transport(&api, self.lag(random.fork()))).collect();
        let mut replicas = Vec::new();
        let leader = Arc::new(AtomicUsize::new(0));
        for index in 0..REPLICAS {
            let actions = actions(index, Arc::clone(&leader), schedule.poll_interval, random.fork());
            replicas.push(ServingReplica::start(PollingReplica::new(&api, schedule, &log), actions).await?);
        }
        wait_for(&transports).await?;
        for replica in &replicas {
            replica.wait_for_certificate().await?;
        }
        let addresses: Arc<[SocketAddr]> = replicas.iter().map(|replica| replica.address).collect();
        let requests = self.load.start(&transports, &addresses, self.seed);
        Ok(Testbed { api, log, requests, _replicas: replicas })
    }

    fn lag(&self, mut random: fastrand::Rng) -> impl FnMut() -> Duration + Send + 'static + use<> {
        let most = self.lag;
        move || most.mul_f64(random.f64())
    }
}

/// Returns the actions of a replica. One replica leads until it restarts, then the next one does. Followers poll rarely, so
/// that they learn of a switch late.
fn actions(
    index: usize,
    leader: Arc<AtomicUsize>,
    poll_interval: Duration,
    mut random: fastrand::Rng,
) -> impl FnMut() -> (ReplicaAction, Duration) + Send + 'static {
    move || {
        if leader.load(SeqCst) % REPLICAS != index {
            return (
                ReplicaAction::Follow,
                poll_interval.mul_f64(1.0 + (FOLLOWER_INTERVALS - 1.0) * random.f64()),
            );
        }
        if random.u32(..LEADER_POLLS) == 0 {
            leader.fetch_add(1, SeqCst);
            return (ReplicaAction::Restart, poll_interval);
        }
        (ReplicaAction::Lead, poll_interval)
    }
}

/// Waits until every caller has a bundle that is not empty.
async fn wait_for(transports: &[Transport]) -> Result<()> {
    for transport in transports {
        let mut transport = transport.clone();
        tokio::time::timeout(LIMIT, transport.wait_for(Option::is_some)).await??;
    }
    Ok(())
}

/// Overwrites the bundle periodically with the one at the start.
async fn write_foreign_bundle(api: ApiStore) {
    let own = api.bundle();
    loop {
        tokio::time::sleep(FOREIGN_INTERVAL).await;
        api.overwrite_bundles(&own);
    }
}
