//! Long simulations of several rotations, with every fault.

use crate::executor::{run, run_one};
use crate::replica::{Replica, ReplicaRole};
use crate::simulation::{KillPoint, KillSide, MINUTE, Simulation};
use ordinance_certs::Record;
use std::time::{Duration, SystemTime};

/// The simulated time of a run: more than three rotations.
const DURATION: Duration = Duration::from_secs(2600 * 60);

/// Advances the time between polls: a minute during a rotation, more in the steady phase.
fn advance(simulation: &Simulation) {
    let is_quiet =
        simulation.record().is_some_and(|record| record.next.is_none() && record.confirmed_at.is_some());
    simulation.advance(if is_quiet { 12 * MINUTE } else { MINUTE });
}

fn is_over(simulation: &Simulation, begin: SystemTime) -> bool {
    simulation.now() >= begin + DURATION
}

fn check_replicas(replicas: &[Replica]) {
    for replica in replicas {
        replica.check_trusted_by_clients();
        replica.check_in_date_for_clients();
    }
}

/// Generations only grow.
fn check_generations(simulation: &Simulation) {
    let generations = simulation.generations();
    assert!(generations.is_sorted_by(|one, next| one < next), "{generations:?}");
}

#[test]
fn every_client_trusts_every_leaf_over_three_rotations() {
    let simulation = Simulation::new();
    let mut replicas: Vec<Replica> = [0, 110, -110].map(|ahead| Replica::new(&simulation, ahead)).into();
    let (begin, mut currents) = (simulation.now(), Vec::new());
    while !is_over(&simulation, begin) {
        for (index, replica) in replicas.iter_mut().enumerate() {
            run_one(replica.poll(if index == 0 { ReplicaRole::Leads } else { ReplicaRole::Follows }));
        }
        check_replicas(&replicas);
        currents.push(simulation.record().unwrap().current.certificate);
        advance(&simulation);
    }
    currents.dedup();
    assert_eq!(currents.len(), 4, "three rotations");
    assert!(replicas.iter().all(|replica| replica.is_ready() && replica.signed > 20));
    check_generations(&simulation);
}

/// Replicas act in random order: they lead at the same time, are killed between any two operations, lose the connection
/// for a while, and have skewed clocks.
#[test]
fn every_client_trusts_every_leaf_in_any_order_of_events() {
    for seed in 0..12 {
        let (simulation, mut random) = (Simulation::new(), fastrand::Rng::with_seed(seed));
        let mut replicas: Vec<Replica> = (0..3).map(|_| random_replica(&simulation, &mut random)).collect();
        let (begin, mut cut_off) = (simulation.now(), [0_u32; 3]);
        while !is_over(&simulation, begin) {
            replicas.iter().for_each(|replica| maybe_kill(replica, &mut random));
            cut_off.iter_mut().for_each(|polls| *polls = polls_cut_off(*polls, &mut random));
            let polls = replicas.iter_mut().zip(cut_off).map(|(replica, remaining)| {
                let role = if remaining > 0 {
                    ReplicaRole::CutOff
                } else {
                    [ReplicaRole::Leads, ReplicaRole::Follows][random.usize(..2)]
                };
                Box::pin(replica.poll(role)) as _
            });
            let polls = polls.collect();
            run(polls, |count| random.usize(..count));
            for replica in replicas.iter_mut().filter(|replica| !replica.connection.is_alive()) {
                *replica = random_replica(&simulation, &mut random);
            }
            check_replicas(&replicas);
            advance(&simulation);
        }
        check_generations(&simulation);
        assert_eq!(simulation.authorities(), 1);
        assert!(simulation.generations().len() > 10, "seed {seed}: {:?}", simulation.generations());
    }
}

fn random_replica(simulation: &Simulation, random: &mut fastrand::Rng) -> Replica {
    Replica::new(simulation, random.i64(-110..=110))
}

/// Kills the replica during one poll in a hundred.
fn maybe_kill(replica: &Replica, random: &mut fastrand::Rng) {
    if random.u8(..100) == 0 {
        let side = if random.bool() { KillSide::Before } else { KillSide::After };
        replica.connection.kill_at(KillPoint { operations: random.usize(1..6), side });
    }
}

/// Returns the number of polls that a replica is still cut off for: now and then up to three.
fn polls_cut_off(polls: u32, random: &mut fastrand::Rng) -> u32 {
    if polls > 0 {
        return polls - 1;
    }
    if random.u8(..50) == 0 { random.u32(1..=3) } else { 0 }
}

/// A leader is killed at each operation of a rotation in turn; the next leader completes the rotation.
#[test]
fn the_next_leader_completes_the_rotation_of_a_killed_one() {
    for (operation, side) in
        (1..40).flat_map(|operation| [(operation, KillSide::Before), (operation, KillSide::After)])
    {
        let simulation = Simulation::new();
        let mut replicas: Vec<Replica> = [90, -90].map(|ahead| Replica::new(&simulation, ahead)).into();
        replicas[0].connection.kill_at(KillPoint { operations: operation, side });
        let first = until_rotated(&simulation, &mut replicas);
        assert!(first.is_some(), "killed at operation {operation}, {side:?}");
        check_generations(&simulation);
        assert_eq!(simulation.authorities(), 1);
    }
}

/// Polls until the first CA is out of the record. The first replica leads until it is killed.
fn until_rotated(simulation: &Simulation, replicas: &mut [Replica]) -> Option<Record> {
    let (begin, mut first) = (simulation.now(), None);
    while !is_over(simulation, begin) {
        let leads = usize::from(!replicas[0].connection.is_alive());
        for (index, replica) in replicas.iter_mut().enumerate().skip(leads) {
            run_one(replica.poll(if index == leads { ReplicaRole::Leads } else { ReplicaRole::Follows }));
        }
        check_replicas(&replicas[leads..]);
        let record = simulation.record();
        let first = first.get_or_insert_with(|| record.clone()).clone();
        if record.as_ref().is_some_and(|record| is_done(record, first.as_ref())) {
            return record;
        }
        advance(simulation);
    }
    None
}

fn is_done(record: &Record, first: Option<&Record>) -> bool {
    let is_other = first.is_none_or(|first| first.current.certificate != record.current.certificate);
    is_other && record.previous.is_none() && record.next.is_none()
}

/// There is one CA, whichever replica is first.
#[test]
fn replicas_that_start_together_make_one_ca() {
    for seed in 0..50 {
        let (simulation, mut random) = (Simulation::new(), fastrand::Rng::with_seed(seed));
        let mut replicas: Vec<Replica> = (0..5).map(|_| random_replica(&simulation, &mut random)).collect();
        let polls =
            replicas.iter_mut().map(|replica| Box::pin(replica.poll(ReplicaRole::Leads)) as _).collect();
        run(polls, |count| random.usize(..count));
        assert_eq!(simulation.authorities(), 1);
        let served: Vec<_> =
            replicas.iter().map(|replica| replica.served().unwrap().certificates()[0].clone()).collect();
        let issuer = crate::replica::names_of(&served[0]).0;
        assert!(served.iter().all(|leaf| crate::replica::names_of(leaf).0 == issuer));
    }
}

/// A replica that is cut off before a switch signs with the former CA, which clients trust for long enough.
#[test]
fn clients_trust_a_replica_that_misses_a_switch() {
    for ahead in [-110, 0, 110] {
        let simulation = Simulation::new();
        let mut replicas: Vec<Replica> = [0, ahead].map(|ahead| Replica::new(&simulation, ahead)).into();
        let begin = simulation.now();
        while simulation.now() < begin + 1200 * MINUTE {
            let role = if simulation.now() < begin + 600 * MINUTE {
                ReplicaRole::Follows
            } else {
                ReplicaRole::CutOff
            };
            run_one(replicas[0].poll(ReplicaRole::Leads));
            run_one(replicas[1].poll(role));
            replicas.iter().for_each(Replica::check_trusted_by_clients);
            advance(&simulation);
        }
        assert!(simulation.record().unwrap().generation > 4, "it rotated");
    }
}
