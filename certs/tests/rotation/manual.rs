//! Steps requested by an operator, alone and beside replicas that take due steps.

use crate::executor::run_one;
use crate::replica::{Replica, ReplicaRole};
use crate::simulation::{LAG, MINUTE, SCHEDULE, Simulation};
use ordinance_certs::{
    Bundle, Record, Rotation, RotationPhase, RotationStep, StepDecision, StepPolicy, take_next_step,
};
use std::time::Duration;

fn started() -> (Simulation, Replica) {
    let simulation = Simulation::new();
    let mut replica = Replica::new(&simulation, 0);
    run_one(replica.poll(ReplicaRole::Leads));
    (simulation, replica)
}

fn decision(simulation: &Simulation, policy: StepPolicy) -> StepDecision {
    run_one(take_next_step(
        &simulation.connection(),
        &simulation.connection(),
        SCHEDULE,
        policy,
        simulation.now(),
    ))
    .unwrap()
    .unwrap()
}

fn step(simulation: &Simulation, policy: StepPolicy) -> Option<RotationStep> {
    match decision(simulation, policy) {
        StepDecision::Take(step, _) => Some(step),
        _ => None,
    }
}

fn record(simulation: &Simulation) -> Record {
    simulation.record().unwrap()
}

/// Returns whether every client with this lag trusts the current CA.
fn is_trusted(simulation: &Simulation, late: Duration) -> bool {
    let signing = record(simulation).signing();
    simulation.seen_after(late).iter().all(|bundle: &Bundle| bundle.contains(&signing))
}

#[test]
fn rotates_nothing_without_a_ca() {
    let simulation = Simulation::new();
    let answer = run_one(take_next_step(
        &simulation.connection(),
        &simulation.connection(),
        SCHEDULE,
        StepPolicy::Force,
        simulation.now(),
    ))
    .unwrap();
    assert_eq!((answer, simulation.record()), (None, None));
}

#[test]
fn a_leader_continues_after_a_requested_publish() {
    let (simulation, mut replica) = started();
    let first = record(&simulation);
    assert_eq!(step(&simulation, StepPolicy::WhenSafe), Some(RotationStep::Publish));
    assert_eq!(record(&simulation).current, first.current);
    for _ in 0..5 {
        assert!(is_trusted(&simulation, LAG * MINUTE) && record(&simulation).current == first.current);
        run_one(replica.poll(ReplicaRole::Leads));
        simulation.advance(MINUTE);
    }
    run_one(replica.poll(ReplicaRole::Leads));
    assert!(record(&simulation).phase() == RotationPhase::Drain && is_trusted(&simulation, LAG * MINUTE));
}

#[test]
fn a_next_ca_has_the_lifetime_of_the_current_one() {
    let (simulation, _) = started();
    let longer = ordinance_certs::Schedule::default();
    run_one(take_next_step(
        &simulation.connection(),
        &simulation.connection(),
        longer,
        StepPolicy::WhenSafe,
        simulation.now(),
    ))
    .unwrap();
    let next = record(&simulation).next.unwrap().pair.validity().unwrap();
    assert_eq!(next.left(simulation.now()), SCHEDULE.authority.0);
}

#[test]
fn takes_each_step_once_it_is_safe_without_a_leader() {
    let (simulation, mut replica) = started();
    step(&simulation, StepPolicy::WhenSafe);
    assert_eq!(decision(&simulation, StepPolicy::WhenSafe), StepDecision::Untrusted);
    run_one(replica.poll(ReplicaRole::Leads));
    let confirmed = record(&simulation).next.unwrap().confirmed_at.unwrap();
    let safe = confirmed + SCHEDULE.wait + 2 * SCHEDULE.skew;
    assert_eq!(
        decision(&simulation, StepPolicy::WhenSafe),
        StepDecision::WaitsForClients(safe),
        "another replica's clock may have confirmed it"
    );
    simulation.advance(safe.duration_since(simulation.now()).unwrap());
    assert_eq!(step(&simulation, StepPolicy::WhenSafe), Some(RotationStep::Switch));
    assert!(is_trusted(&simulation, LAG * MINUTE));
    let until = record(&simulation).previous.unwrap().until;
    assert_eq!(decision(&simulation, StepPolicy::WhenSafe), StepDecision::WaitsForLeaves(until));
    simulation.advance(until.duration_since(simulation.now()).unwrap());
    assert_eq!(step(&simulation, StepPolicy::WhenSafe), Some(RotationStep::Shrink));
}

#[test]
fn refuses_a_switch_after_a_configuration_lost_the_bundle() {
    let (simulation, mut replica) = started();
    step(&simulation, StepPolicy::WhenSafe);
    run_one(replica.poll(ReplicaRole::Leads));
    let signing = record(&simulation).signing().pem().into_bytes();
    simulation.edit(|found| found[0].webhooks[0].bundle = signing);
    simulation.advance(100 * MINUTE);
    assert_eq!(decision(&simulation, StepPolicy::WhenSafe), StepDecision::Untrusted);
}

#[test]
fn a_forced_switch_keeps_the_former_ca_in_the_bundle() {
    let (simulation, mut replica) = started();
    let first = record(&simulation).signing();
    for expected in [RotationStep::Publish, RotationStep::Switch] {
        assert_eq!(step(&simulation, StepPolicy::Force), Some(expected));
        assert!(record(&simulation).bundle().contains(&first));
    }
    run_one(replica.poll(ReplicaRole::Leads));
    assert!(is_trusted(&simulation, Duration::ZERO));
    assert_eq!(step(&simulation, StepPolicy::Force), Some(RotationStep::Shrink));
    run_one(replica.poll(ReplicaRole::Leads));
    assert!(simulation.seen_after(Duration::ZERO).iter().all(|bundle| !bundle.contains(&first)));
}

#[test]
fn a_forced_switch_during_a_drain_keeps_both_former_cas() {
    let (simulation, _) = started();
    let first = record(&simulation);
    step(&simulation, StepPolicy::Force);
    step(&simulation, StepPolicy::Force);
    let second = record(&simulation);
    let published =
        Rotation::new(crate::simulation::names(), SCHEDULE).with_next(&second, simulation.now()).unwrap();
    simulation.overwrite(published.data());
    assert_eq!(step(&simulation, StepPolicy::Force), Some(RotationStep::Switch));
    let bundle = record(&simulation).bundle();
    assert!(bundle.contains(&first.signing()) && bundle.contains(&second.signing()));
    assert_eq!(bundle.certificates().len(), 3);
}

#[test]
fn generations_only_grow() {
    let (simulation, mut replica) = started();
    for _ in 0..3 {
        step(&simulation, StepPolicy::Force);
        run_one(replica.poll(ReplicaRole::Leads));
    }
    let generations = simulation.generations();
    assert!(generations.windows(2).all(|pair| pair[0] < pair[1]), "{generations:?}");
}
