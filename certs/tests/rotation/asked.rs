//! Steps that somebody asks for, beside replicas that go on by themselves.

use crate::executor::run_one;
use crate::replica::{Replica, Role};
use crate::world::{LAG, MINUTE, SCHEDULE, World};
use ordinance_certs::{Asked, Bundle, Haste, Phase, Record, Step, ask};
use std::time::Duration;

fn begun() -> (World, Replica) {
    let world = World::new();
    let mut replica = Replica::new(&world, 0);
    run_one(replica.look(Role::Leads));
    (world, replica)
}

fn asked(world: &World, haste: Haste) -> Asked {
    run_one(ask(&world.door(), &world.door(), SCHEDULE, haste, world.now())).unwrap().unwrap()
}

fn step(world: &World, haste: Haste) -> Option<Step> {
    match asked(world, haste) {
        Asked::Step(step, _) => Some(step),
        _ => None,
    }
}

fn record(world: &World) -> Record {
    world.record().unwrap()
}

/// Whether every client that learns so late trusts what signs now.
fn is_trusted(world: &World, late: Duration) -> bool {
    let signing = record(world).signing();
    world.seen(late).iter().all(|bundle: &Bundle| bundle.contains(&signing))
}

#[test]
fn nobody_s_ca_is_not_rotated() {
    let world = World::new();
    let answer = run_one(ask(&world.door(), &world.door(), SCHEDULE, Haste::AtOnce, world.now())).unwrap();
    assert_eq!((answer, world.record()), (None, None));
}

#[test]
fn after_the_first_step_whoever_leads_takes_the_others() {
    let (world, mut replica) = begun();
    let first = record(&world);
    assert_eq!(step(&world, Haste::Safely), Some(Step::Publish));
    assert_eq!(record(&world).current, first.current);
    for _ in 0..5 {
        assert!(is_trusted(&world, LAG * MINUTE) && record(&world).current == first.current);
        run_one(replica.look(Role::Leads));
        world.pass(MINUTE);
    }
    run_one(replica.look(Role::Leads));
    assert!(record(&world).phase() == Phase::Drain && is_trusted(&world, LAG * MINUTE));
}

#[test]
fn a_next_ca_lives_as_long_as_the_one_before() {
    let (world, _) = begun();
    let longer = ordinance_certs::Schedule::default();
    run_one(ask(&world.door(), &world.door(), longer, Haste::Safely, world.now())).unwrap();
    let next = record(&world).next.unwrap().issued.validity().unwrap();
    assert_eq!(next.left(world.now()), SCHEDULE.authority.0);
}

#[test]
fn without_anybody_who_leads_each_step_is_taken_once_it_is_safe() {
    let (world, mut replica) = begun();
    step(&world, Haste::Safely);
    assert_eq!(asked(&world, Haste::Safely), Asked::Untrusted);
    run_one(replica.look(Role::Leads));
    let confirmed = record(&world).next.unwrap().confirmed_at.unwrap();
    let safe = confirmed + SCHEDULE.wait + 2 * SCHEDULE.skew;
    assert_eq!(asked(&world, Haste::Safely), Asked::Bundles(safe), "another clock may have confirmed it");
    world.pass(safe.duration_since(world.now()).unwrap());
    assert_eq!(step(&world, Haste::Safely), Some(Step::Switch));
    assert!(is_trusted(&world, LAG * MINUTE));
    let until = record(&world).previous.unwrap().until;
    assert_eq!(asked(&world, Haste::Safely), Asked::Leaves(until));
    world.pass(until.duration_since(world.now()).unwrap());
    assert_eq!(step(&world, Haste::Safely), Some(Step::Shrink));
}

#[test]
fn a_bundle_that_shrank_since_it_was_confirmed_holds_a_step_up() {
    let (world, mut replica) = begun();
    step(&world, Haste::Safely);
    run_one(replica.look(Role::Leads));
    let signing = record(&world).signing().pem().into_bytes();
    world.edit(|found| found[0].webhooks[0].bundle = signing);
    world.pass(100 * MINUTE);
    assert_eq!(asked(&world, Haste::Safely), Asked::Untrusted);
}

#[test]
fn haste_goes_before_trust_and_the_bundle_still_keeps_what_may_be_served() {
    let (world, mut replica) = begun();
    let first = record(&world).signing();
    for step_wanted in [Step::Publish, Step::Switch] {
        assert_eq!(step(&world, Haste::AtOnce), Some(step_wanted));
        assert!(record(&world).bundle().contains(&first));
    }
    run_one(replica.look(Role::Leads));
    assert!(is_trusted(&world, Duration::ZERO));
    assert_eq!(step(&world, Haste::AtOnce), Some(Step::Shrink));
    run_one(replica.look(Role::Leads));
    assert!(world.seen(Duration::ZERO).iter().all(|bundle| !bundle.contains(&first)));
}

#[test]
fn a_hasty_switch_while_another_is_drained_keeps_both() {
    let (world, _) = begun();
    let first = record(&world);
    step(&world, Haste::AtOnce);
    step(&world, Haste::AtOnce);
    let second = record(&world);
    let published = second.clone().with_next(&crate::world::names(), world.now(), &SCHEDULE).unwrap();
    world.overwrite(published.data());
    assert_eq!(step(&world, Haste::AtOnce), Some(Step::Switch));
    let bundle = record(&world).bundle();
    assert!(bundle.contains(&first.signing()) && bundle.contains(&second.signing()));
    assert_eq!(bundle.certificates().len(), 3);
}

#[test]
fn generations_only_grow() {
    let (world, mut replica) = begun();
    for _ in 0..3 {
        step(&world, Haste::AtOnce);
        run_one(replica.look(Role::Leads));
    }
    let generations = world.generations();
    assert!(generations.windows(2).all(|pair| pair[0] < pair[1]), "{generations:?}");
}
