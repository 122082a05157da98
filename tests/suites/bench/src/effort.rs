//! How much a run measures.

use std::time::Duration;

/// The number of rounds, and how long each server is under load in a round.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub time: Duration,
}
