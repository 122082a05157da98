//! A short version of `cargo xtask prove certificates`.

use ordinance_certs::{Lifetime, Schedule};
use ordinance_rotation::{InjectedFault, RequestLoad, RotationTrial};
use std::time::Duration;

/// Faster than the proof and with less load, because other tests run on the same machine.
const TRIAL: RotationTrial = RotationTrial {
    schedule: Schedule {
        authority: Lifetime(Duration::from_secs(18)),
        leaf: Lifetime(Duration::from_secs(6)),
        wait: Duration::from_millis(1500),
        skew: Duration::from_millis(250),
        poll_interval: Duration::from_millis(100),
    },
    lag: Duration::from_millis(900),
    load: RequestLoad { rate: 100, connections: 10 },
    seed: 7,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_under_load_fails_no_request() {
    let rotated = TRIAL.rotate(1).await.expect("it rotates");
    assert_eq!(rotated.outcome.failed, Vec::<String>::new());
    assert!(rotated.outcome.answered.len() > 500 && rotated.leaves.len() >= 6, "{:?}", rotated.leaves.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_fails_requests() {
    let [replaces_bundle, skips_wait, shrinks_early, foreign_writer] =
        InjectedFault::ALL.map(|fault| TRIAL.time_to_failure(fault));
    let results = tokio::join!(replaces_bundle, skips_wait, shrinks_early, foreign_writer);
    for (fault, failed) in InjectedFault::ALL.into_iter().zip(<[_; 4]>::from(results)) {
        assert!(failed.expect("it starts").is_some(), "{fault:?}");
    }
}
