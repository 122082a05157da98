//! Long courses: rotation after rotation, with everything that can go wrong.

use crate::executor::{run, run_one};
use crate::replica::{Replica, Role};
use crate::world::{Fuse, MINUTE, Side, World};
use ordinance_certs::Record;
use std::time::{Duration, SystemTime};

/// How long a course is: more than three rotations.
const COURSE: Duration = Duration::from_secs(2600 * 60);

/// Everybody looks every minute while something is under way, and less often otherwise.
fn pass(world: &World) {
    let is_quiet =
        world.record().is_some_and(|record| record.next.is_none() && record.confirmed_at.is_some());
    world.pass(if is_quiet { 12 * MINUTE } else { MINUTE });
}

fn is_over(world: &World, begin: SystemTime) -> bool {
    world.now() >= begin + COURSE
}

fn everybody_is_well(replicas: &[Replica]) {
    for replica in replicas {
        replica.is_trusted_by_everybody();
        replica.is_in_date_for_everybody();
    }
}

/// C3: generations only grow.
fn grew(world: &World) {
    let generations = world.generations();
    assert!(generations.is_sorted_by(|one, next| one < next), "{generations:?}");
}

#[test]
fn rotates_again_and_again_without_a_leaf_that_somebody_does_not_trust() {
    let world = World::new();
    let mut replicas: Vec<Replica> = [0, 110, -110].map(|ahead| Replica::new(&world, ahead)).into();
    let (begin, mut currents) = (world.now(), Vec::new());
    while !is_over(&world, begin) {
        for (index, replica) in replicas.iter_mut().enumerate() {
            run_one(replica.look(if index == 0 { Role::Leads } else { Role::Follows }));
        }
        everybody_is_well(&replicas);
        currents.push(world.record().unwrap().current.certificate);
        pass(&world);
    }
    currents.dedup();
    assert_eq!(currents.len(), 4, "three rotations");
    assert!(replicas.iter().all(|replica| replica.is_ready() && replica.signed > 20));
    grew(&world);
}

/// C1 to C6, in any order of events: replicas that lead at the same time, die between any two operations, are cut off for
/// a while, and have clocks that are off.
#[test]
fn no_order_of_events_serves_a_leaf_that_somebody_does_not_trust() {
    for seed in 0..12 {
        let (world, mut random) = (World::new(), fastrand::Rng::with_seed(seed));
        let mut replicas: Vec<Replica> = (0..3).map(|_| begun(&world, &mut random)).collect();
        let (begin, mut cut_off) = (world.now(), [0_u32; 3]);
        while !is_over(&world, begin) {
            replicas.iter().for_each(|replica| misfortune(replica, &mut random));
            cut_off.iter_mut().for_each(|looks| *looks = absence(*looks, &mut random));
            let looks = replicas.iter_mut().zip(cut_off).map(|(replica, absent)| {
                let role =
                    if absent > 0 { Role::IsCutOff } else { [Role::Leads, Role::Follows][random.usize(..2)] };
                Box::pin(replica.look(role)) as _
            });
            let looks = looks.collect();
            run(looks, |count| random.usize(..count));
            for replica in replicas.iter_mut().filter(|replica| !replica.door.is_safe()) {
                *replica = begun(&world, &mut random);
            }
            everybody_is_well(&replicas);
            pass(&world);
        }
        grew(&world);
        assert_eq!(world.authorities(), 1);
        assert!(world.generations().len() > 10, "seed {seed}: {:?}", world.generations());
    }
}

fn begun(world: &World, random: &mut fastrand::Rng) -> Replica {
    Replica::new(world, random.i64(-110..=110))
}

/// One look in a hundred is somebody's last.
fn misfortune(replica: &Replica, random: &mut fastrand::Rng) {
    if random.u8(..100) == 0 {
        let side = if random.bool() { Side::Before } else { Side::After };
        replica.door.light(Fuse { operations: random.usize(1..6), side });
    }
}

/// Now and then somebody is cut off, for up to three looks.
fn absence(looks: u32, random: &mut fastrand::Rng) -> u32 {
    if looks > 0 {
        return looks - 1;
    }
    if random.u8(..50) == 0 { random.u32(1..=3) } else { 0 }
}

/// C6: whoever leads is killed at each operation of a whole rotation in turn; the next one completes it.
#[test]
fn a_leader_killed_at_any_operation_leaves_what_the_next_one_completes() {
    for (operation, side) in
        (1..40).flat_map(|operation| [(operation, Side::Before), (operation, Side::After)])
    {
        let world = World::new();
        let mut replicas: Vec<Replica> = [90, -90].map(|ahead| Replica::new(&world, ahead)).into();
        replicas[0].door.light(Fuse { operations: operation, side });
        let first = until_rotated(&world, &mut replicas);
        assert!(first.is_some(), "killed at operation {operation}, {side:?}");
        grew(&world);
        assert_eq!(world.authorities(), 1);
    }
}

/// Looks until nothing of the first CA is left. The first replica leads for as long as it lives.
fn until_rotated(world: &World, replicas: &mut [Replica]) -> Option<Record> {
    let (begin, mut first) = (world.now(), None);
    while !is_over(world, begin) {
        let leads = usize::from(!replicas[0].door.is_safe());
        for (index, replica) in replicas.iter_mut().enumerate().skip(leads) {
            run_one(replica.look(if index == leads { Role::Leads } else { Role::Follows }));
        }
        everybody_is_well(&replicas[leads..]);
        let record = world.record();
        let begun = first.get_or_insert_with(|| record.clone()).clone();
        if record.as_ref().is_some_and(|record| is_done(record, begun.as_ref())) {
            return record;
        }
        pass(world);
    }
    None
}

fn is_done(record: &Record, first: Option<&Record>) -> bool {
    let is_other = first.is_none_or(|first| first.current.certificate != record.current.certificate);
    is_other && record.previous.is_none() && record.next.is_none()
}

/// C3: whoever is first, there is one CA.
#[test]
fn replicas_that_start_together_make_one_authority() {
    for seed in 0..50 {
        let (world, mut random) = (World::new(), fastrand::Rng::with_seed(seed));
        let mut replicas: Vec<Replica> = (0..5).map(|_| begun(&world, &mut random)).collect();
        let looks = replicas.iter_mut().map(|replica| Box::pin(replica.look(Role::Leads)) as _).collect();
        run(looks, |count| random.usize(..count));
        assert_eq!(world.authorities(), 1);
        let served: Vec<_> =
            replicas.iter().map(|replica| replica.served().unwrap().certificates()[0].clone()).collect();
        let issuer = crate::replica::names_of(&served[0]).0;
        assert!(served.iter().all(|leaf| crate::replica::names_of(leaf).0 == issuer));
    }
}

/// C2: who is cut off before a switch goes on signing with the old CA, and no client forgets that too early.
#[test]
fn a_replica_that_misses_a_switch_serves_nothing_that_is_forgotten() {
    for ahead in [-110, 0, 110] {
        let world = World::new();
        let mut replicas: Vec<Replica> = [0, ahead].map(|ahead| Replica::new(&world, ahead)).into();
        let begin = world.now();
        while world.now() < begin + 1200 * MINUTE {
            let role = if world.now() < begin + 600 * MINUTE { Role::Follows } else { Role::IsCutOff };
            run_one(replicas[0].look(Role::Leads));
            run_one(replicas[1].look(role));
            replicas.iter().for_each(Replica::is_trusted_by_everybody);
            pass(&world);
        }
        assert!(world.record().unwrap().generation > 4, "it rotated");
    }
}
