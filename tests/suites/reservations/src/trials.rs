//! Many simulated trials, on every processor.

use crate::mutant::Mutant;
use crate::simulation::{self, TrialResult};
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many trials a thread takes at a time.
const CHUNK: u64 = 100;

/// The time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// What some trials showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialsResult {
    /// Trials after which two overlapping volumes were stored.
    pub doubles: u64,
    /// Trials that kept a client out although nothing excluded its volume.
    pub locked_out: u64,
    /// Events in all trials.
    pub events: u64,
    /// The first seed that shows a fault.
    pub first: Option<u64>,
}

/// Runs trials with the seeds from `seed` on. Shows the progress on a terminal.
pub fn run(seed: u64, trials: u64) -> TrialsResult {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn({
                    let next = &next;
                    move || work(seed, trials, next, number == 0)
                })
            })
            .collect();
        workers.into_iter().fold(TrialsResult::default(), |sum, worker| {
            sum.with(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    })
}

/// Returns the first of these trials in which a mutant stores two overlapping volumes or locks a client out.
pub fn first_failure(seed: u64, trials: u64, mutant: Mutant) -> Option<u64> {
    (0..trials)
        .map(|trial| seed.wrapping_add(trial))
        .find(|seed| !simulation::run(*seed, Some(mutant)).is_sound())
}

/// Runs the next trials until there are none left.
fn work(seed: u64, trials: u64, next: &AtomicU64, shows_progress: bool) -> TrialsResult {
    let shows_progress = shows_progress && std::io::stderr().is_terminal();
    let (mut sum, mut shown) = (TrialsResult::default(), Instant::now());
    loop {
        let first = next.fetch_add(CHUNK, Ordering::Relaxed);
        if first >= trials {
            return sum;
        }
        for trial in first..trials.min(first + CHUNK) {
            let seed = seed.wrapping_add(trial);
            sum = sum.with_trial(seed, &simulation::run(seed, None));
        }
        if shows_progress && shown.elapsed() >= PROGRESS_INTERVAL {
            shown = Instant::now();
            anstream::eprint!("  {first} trials\r");
        }
    }
}

// === impl TrialsResult ===

impl TrialsResult {
    fn with_trial(self, seed: u64, result: &TrialResult) -> Self {
        self.with(Self {
            doubles: u64::from(result.doubles > 0),
            locked_out: u64::from(result.locked_out),
            events: result.events,
            first: (!result.is_sound()).then_some(seed),
        })
    }

    fn with(self, other: Self) -> Self {
        Self {
            doubles: self.doubles + other.doubles,
            locked_out: self.locked_out + other.locked_out,
            events: self.events + other.events,
            first: self.first.into_iter().chain(other.first).min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_sound_and_a_seed_repeats_its_trials() {
        let result = run(7, 2_000);
        assert_eq!((result.doubles, result.locked_out, result.first), (0, 0, None));
        assert!(result.events > 2_000 * 20, "{} events are too few for races", result.events);
        assert_eq!(run(7, 2_000), result);
    }

    #[test]
    fn mutants_that_fail_often_are_caught_by_few_trials() {
        for mutant in
            [Mutant::ShortGrace, Mutant::NoWait, Mutant::NoFreshness, Mutant::TextPaths, Mutant::HolderByUid]
        {
            assert!(first_failure(1, 2_000, mutant).is_some(), "{mutant:?}");
        }
    }
}
