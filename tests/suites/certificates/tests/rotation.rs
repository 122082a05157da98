//! A short version of `cargo xtask prove certificates`.

use ordinance_certs::{Lifetime, Schedule};
use ordinance_rotation::{Fault, Load, Trial};
use std::time::Duration;

/// Faster than the proof, and with less load: it shares its machine with other tests.
const TRIAL: Trial = Trial {
    schedule: Schedule {
        authority: Lifetime(Duration::from_secs(18)),
        leaf: Lifetime(Duration::from_secs(6)),
        wait: Duration::from_millis(1500),
        skew: Duration::from_millis(250),
        look: Duration::from_millis(100),
    },
    lag: Duration::from_millis(900),
    load: Load { rate: 100, connections: 10 },
    seed: 7,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_under_load_fails_no_request() {
    let rotated = TRIAL.rotate(1).await.expect("it rotates");
    assert_eq!(rotated.outcome.failed, Vec::<String>::new());
    assert!(rotated.outcome.answered.len() > 500 && rotated.leaves.len() >= 6, "{:?}", rotated.leaves.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_costs_requests() {
    let [replaces, hastes, forgets, rivals] = Fault::ALL.map(|fault| TRIAL.catch(fault));
    let (replaces, hastes, forgets, rivals) = tokio::join!(replaces, hastes, forgets, rivals);
    for (fault, caught) in Fault::ALL.into_iter().zip([replaces, hastes, forgets, rivals]) {
        assert!(caught.expect("it starts").is_some(), "{fault:?}");
    }
}
