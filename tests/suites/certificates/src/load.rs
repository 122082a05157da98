//! Requests at a steady rate, each noted with when it ended and how long it took.

use crate::caller::{Caller, Transport};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests a second.
    pub rate: u32,
    /// Connections that are kept, over all callers.
    pub connections: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// When each request that was answered ended, and how long it took.
    pub answered: Vec<(Instant, Duration)>,
    /// What was said of those that failed.
    pub failed: Vec<String>,
}

/// Requests under way; they end with this value.
pub struct Requests {
    outcome: Arc<Mutex<Outcome>>,
    _tasks: JoinSet<()>,
}

// === impl Load ===

impl Load {
    /// Asks from now on; callers have these transports in turn.
    pub fn start(self, transports: &[Transport], replicas: &Arc<[SocketAddr]>, seed: u64) -> Requests {
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let mut tasks = JoinSet::new();
        for index in 0..self.connections {
            let transport = transports[index as usize % transports.len()].clone();
            let caller = Caller::new(transport, Arc::clone(replicas));
            let random = fastrand::Rng::with_seed(seed ^ u64::from(index) << 32);
            tasks.spawn(self.ask(caller, random, Arc::clone(&outcome)));
        }
        Requests { outcome, _tasks: tasks }
    }

    async fn ask(self, mut caller: Caller, mut random: fastrand::Rng, outcome: Arc<Mutex<Outcome>>) {
        let pause = Duration::from_secs(1) * self.connections / self.rate;
        tokio::time::sleep(pause.mul_f64(random.f64())).await;
        let mut ticks = interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let began = Instant::now();
            let called = caller.call(&mut random).await;
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            match called {
                Ok(()) => outcome.answered.push((Instant::now(), began.elapsed())),
                Err(error) => outcome.failed.push(format!("{error:#}")),
            }
        }
    }
}

// === impl Requests ===

impl Requests {
    /// What came of it until now.
    pub fn outcome(&self) -> Outcome {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many failed until now.
    pub fn failed(&self) -> usize {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).failed.len()
    }
}

// === impl Outcome ===

impl Outcome {
    /// The 99th percentile between two moments, in milliseconds; none if nothing was answered then.
    pub fn p99(&self, from: Instant, until: Instant) -> Option<f64> {
        let within = self.answered.iter().filter(|(ended, _)| (from..until).contains(ended));
        let mut times: Vec<Duration> = within.map(|(_, took)| *took).collect();
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        times.get(last * 99 / 100).map(|time| time.as_secs_f64() * 1000.0)
    }
}
