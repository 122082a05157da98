//! Rotations under load, right ones or with a fault.

use crate::api::Api;
use crate::caller::{Transport, transport};
use crate::clobber::LIMIT;
use crate::fault::Fault;
use crate::load::{Load, Outcome, Requests};
use crate::replica::{Happened, Log, Looker, Replica, Turn};
use anyhow::{Result, bail};
use ordinance_certs::Schedule;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Replicas behind the Service.
const REPLICAS: usize = 3;

/// API servers, each of which hears of a bundle in its own time.
const CALLERS: usize = 2;

/// How many looks one replica leads for on average, before it dies.
const REIGN: u32 = 40;

/// Looks after which who does not lead looks again at the latest.
const LATE: f64 = 10.0;

/// How often the rival writes.
const RIVAL: Duration = Duration::from_secs(2);

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// How fast time runs.
    pub schedule: Schedule,
    /// How late callers hear of a bundle at most; less than the schedule's wait.
    pub lag: Duration,
    /// What is asked meanwhile.
    pub load: Load,
    /// Where chance begins.
    pub seed: u64,
}

/// What a trial came to.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// Rotations of CAs.
    pub authorities: usize,
    /// When leaves were replaced.
    pub leaves: Vec<Instant>,
    /// What became of requests.
    pub outcome: Outcome,
}

/// Everything that runs.
struct Stage {
    api: Api,
    log: Log,
    requests: Requests,
    _replicas: Vec<Replica>,
}

// === impl Trial ===

impl Trial {
    /// Goes on until so many CAs were rotated.
    ///
    /// # Errors
    ///
    /// If replicas can't be started, or the rotation stands still.
    pub async fn rotate(&self, authorities: usize) -> Result<Rotated> {
        let stage = self.set(None).await?;
        let limit = self.schedule.authority.0 * u32::try_from(authorities + 1)?;
        let end = Instant::now() + limit;
        while stage.log.happened().authorities < authorities {
            if Instant::now() > end {
                bail!("{:?} in {} s: the rotation stands still", stage.log.happened(), limit.as_secs());
            }
            tokio::time::sleep(self.schedule.look).await;
        }
        // Until the last leaf of the last one is forgotten.
        tokio::time::sleep(self.schedule.leaf.0 + 3 * self.schedule.skew).await;
        let Happened { leaves, authorities, .. } = stage.log.happened();
        Ok(Rotated { authorities, leaves, outcome: stage.requests.outcome() })
    }

    /// How long it takes until a fault costs a request; none if it does not within two rotations.
    ///
    /// # Errors
    ///
    /// If replicas can't be started.
    pub async fn catch(&self, fault: Fault) -> Result<Option<Duration>> {
        let stage = self.set(Some(fault)).await?;
        let begun = Instant::now();
        let rival = (fault == Fault::Rivals).then(|| tokio::spawn(rival(stage.api.clone())));
        while begun.elapsed() < 2 * self.schedule.authority.0 && stage.requests.failed() == 0 {
            tokio::time::sleep(self.schedule.look).await;
        }
        rival.inspect(JoinHandle::abort);
        Ok((stage.requests.failed() > 0).then(|| begun.elapsed()))
    }

    /// Replicas that are ready, and requests from then on.
    async fn set(&self, fault: Option<Fault>) -> Result<Stage> {
        let (api, log) = (Api::new(fault), Log::default());
        let mut schedule = self.schedule;
        if fault == Some(Fault::Hastes) {
            schedule.wait = Duration::ZERO;
        }
        let mut random = fastrand::Rng::with_seed(self.seed);
        let transports: Vec<Transport> =
            (0..CALLERS).map(|_| transport(&api, self.lag(random.fork()))).collect();
        let mut replicas = Vec::new();
        let leader = Arc::new(AtomicUsize::new(0));
        for index in 0..REPLICAS {
            let turn = turns(index, Arc::clone(&leader), schedule.look, random.fork());
            replicas.push(Replica::start(Looker::new(&api, schedule, &log), turn).await?);
        }
        wait_for(&transports).await?;
        for replica in &replicas {
            replica.serves().await?;
        }
        let addresses: Arc<[SocketAddr]> = replicas.iter().map(|replica| replica.address).collect();
        let requests = self.load.start(&transports, &addresses, self.seed);
        Ok(Stage { api, log, requests, _replicas: replicas })
    }

    fn lag(&self, mut random: fastrand::Rng) -> impl FnMut() -> Duration + Send + 'static + use<> {
        let most = self.lag;
        move || most.mul_f64(random.f64())
    }
}

/// One leads until it dies; then another does. The others learn of a switch late.
fn turns(
    index: usize,
    leader: Arc<AtomicUsize>,
    look: Duration,
    mut random: fastrand::Rng,
) -> impl FnMut() -> (Turn, Duration) + Send + 'static {
    move || {
        if leader.load(SeqCst) % REPLICAS != index {
            return (Turn::Follows, look.mul_f64(1.0 + (LATE - 1.0) * random.f64()));
        }
        if random.u32(..REIGN) == 0 {
            leader.fetch_add(1, SeqCst);
            return (Turn::Dies, look);
        }
        (Turn::Leads, look)
    }
}

/// Until every caller has a bundle that trusts somebody.
async fn wait_for(transports: &[Transport]) -> Result<()> {
    for transport in transports {
        let mut transport = transport.clone();
        tokio::time::timeout(LIMIT, transport.wait_for(Option::is_some)).await??;
    }
    Ok(())
}

/// Writes again and again the bundle that it once saw.
async fn rival(api: Api) {
    let own = api.bundle();
    loop {
        tokio::time::sleep(RIVAL).await;
        api.clobber(&own);
    }
}
