//! Requests at a steady rate, each recorded with its end and its duration.

use crate::caller::{Transport, WebhookCaller};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// The request rate and the number of connections.
#[derive(Clone, Copy, Debug)]
pub struct RequestLoad {
    /// Requests per second, over all callers.
    pub rate: u32,
    /// Persistent connections, over all callers.
    pub connections: u32,
}

/// The results of the requests.
#[derive(Clone, Debug, Default)]
pub struct LoadOutcome {
    /// The end and the duration of each successful request.
    pub answered: Vec<(Instant, Duration)>,
    /// The error of each failed request.
    pub failed: Vec<String>,
}

/// Running requests; stopped on drop.
pub struct Requests {
    outcome: Arc<Mutex<LoadOutcome>>,
    _tasks: JoinSet<()>,
}

// === impl RequestLoad ===

impl RequestLoad {
    /// Starts the requests. Callers use the transports round-robin.
    pub fn start(self, transports: &[Transport], replicas: &Arc<[SocketAddr]>, seed: u64) -> Requests {
        let outcome = Arc::new(Mutex::new(LoadOutcome::default()));
        let mut tasks = JoinSet::new();
        for index in 0..self.connections {
            let transport = transports[index as usize % transports.len()].clone();
            let caller = WebhookCaller::new(transport, Arc::clone(replicas));
            let random = fastrand::Rng::with_seed(seed ^ u64::from(index) << 32);
            tasks.spawn(self.run(caller, random, Arc::clone(&outcome)));
        }
        Requests { outcome, _tasks: tasks }
    }

    async fn run(
        self,
        mut caller: WebhookCaller,
        mut random: fastrand::Rng,
        outcome: Arc<Mutex<LoadOutcome>>,
    ) {
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
    /// Returns the results so far.
    pub fn outcome(&self) -> LoadOutcome {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the number of failed requests so far.
    pub fn failed(&self) -> usize {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).failed.len()
    }
}

// === impl LoadOutcome ===

impl LoadOutcome {
    /// Returns the 99th percentile of durations between two times, in milliseconds, or `None` if no request succeeded then.
    pub fn p99(&self, from: Instant, until: Instant) -> Option<f64> {
        let within = self.answered.iter().filter(|(ended, _)| (from..until).contains(ended));
        let mut times: Vec<Duration> = within.map(|(_, took)| *took).collect();
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        times.get(last * 99 / 100).map(|time| time.as_secs_f64() * 1000.0)
    }
}
