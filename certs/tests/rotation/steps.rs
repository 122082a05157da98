//! Single steps, and what others do to the store and to configurations.

use crate::executor::run_one;
use crate::replica::{Replica, Role};
use crate::world::{MINUTE, SCHEDULE, World, names};
use ordinance_certs::{Bundle, Data, Issued, Phase, Record};
use std::time::Duration;

fn begun() -> (World, Replica) {
    let world = World::new();
    let mut replica = Replica::new(&world, 0);
    run_one(replica.look(Role::Leads));
    run_one(replica.look(Role::Leads));
    (world, replica)
}

fn record(world: &World) -> Record {
    world.record().unwrap()
}

/// Looks once a minute until the rotation is in a phase, and returns how many minutes that took.
fn until(world: &World, replica: &mut Replica, phase: Phase) -> u32 {
    let begin = world.now();
    while world.now() < begin + 2000 * MINUTE {
        let record = record(world);
        if record.phase() == phase {
            return (world.now().duration_since(begin).unwrap().as_secs() / 60) as u32;
        }
        world.pass(if record.phase() == Phase::Steady { 2 * MINUTE } else { MINUTE });
        run_one(replica.look(Role::Leads));
    }
    panic!("{phase:?} never came");
}

fn policies(world: &World) -> Vec<String> {
    let webhooks = world.configurations().into_iter().flat_map(|found| found.webhooks);
    webhooks.map(|webhook| webhook.failure_policy).collect()
}

#[test]
fn the_first_look_makes_a_ca_and_trusts_it_and_only_then_requests_are_refused_for_want_of_an_answer() {
    let world = World::new();
    let mut replica = Replica::new(&world, 0);
    run_one(replica.look(Role::Leads));
    assert!(replica.is_ready());
    assert_eq!(policies(&world), ["Ignore"; 4]);
    assert_eq!(world.seen(Duration::ZERO), vec![record(&world).bundle(); 4]);
    run_one(replica.look(Role::Leads));
    assert_eq!(policies(&world), ["Fail"; 4]);
}

#[test]
fn a_rotation_goes_through_all_its_phases() {
    let (world, mut replica) = begun();
    let first = record(&world);
    assert_eq!(first.phase(), Phase::Steady);
    let due = until(&world, &mut replica, Phase::Wait);
    assert!((666..=668).contains(&due), "{due}");
    assert_eq!(record(&world).current, first.current);
    assert_eq!(record(&world).bundle().certificates().len(), 2);
    let wait = until(&world, &mut replica, Phase::Drain);
    assert_eq!(wait, 5);
    assert_ne!(record(&world).current, first.current);
    assert_eq!(record(&world).bundle().certificates().len(), 2);
    let drain = until(&world, &mut replica, Phase::Steady);
    assert_eq!(drain, 154);
    assert_eq!(record(&world).bundle(), record(&world).signing());
    assert_eq!(world.seen(Duration::ZERO), vec![record(&world).bundle(); 4]);
}

#[test]
fn says_when_the_next_step_is_due() {
    let (world, mut replica) = begun();
    for phase in [Phase::Wait, Phase::Drain, Phase::Steady] {
        let expected = record(&world).next_step(&SCHEDULE).unwrap();
        until(&world, &mut replica, phase);
        let late = world.now().duration_since(expected).unwrap();
        assert!(late < 2 * MINUTE, "{phase:?}: {late:?}");
    }
}

#[test]
fn a_shrink_seen_while_waiting_starts_the_wait_again() {
    let (world, mut replica) = begun();
    until(&world, &mut replica, Phase::Wait);
    world.pass(4 * MINUTE);
    let shrunk = record(&world).signing().pem().into_bytes();
    world.edit(|found| found[1].webhooks[0].bundle = shrunk);
    run_one(replica.look(Role::Leads));
    assert_eq!(until(&world, &mut replica, Phase::Drain), 5);
}

#[test]
fn a_wait_that_another_clock_began_is_not_trusted() {
    let (world, mut ahead) = begun();
    until(&world, &mut ahead, Phase::Wait);
    let mut other = Replica::new(&world, 290);
    run_one(other.look(Role::Leads));
    assert_eq!(record(&world).phase(), Phase::Wait);
    assert_eq!(until(&world, &mut other, Phase::Drain), 5);
}

#[test]
fn a_foreign_edit_is_repaired_at_the_next_look() {
    let (world, mut replica) = begun();
    let before = world.configurations();
    world.edit(|found| {
        found[0].webhooks[0].bundle = b"foreign".to_vec();
        found[0].webhooks[1].bundle.clear();
        found[1].webhooks[1].failure_policy = "Ignore".to_owned();
    });
    run_one(replica.look(Role::Leads));
    let webhooks = |found: Vec<ordinance_certs::Configuration>| -> Vec<_> {
        found.into_iter().map(|found| found.webhooks).collect()
    };
    assert_eq!(webhooks(world.configurations()), webhooks(before));
}

#[test]
fn configurations_that_are_gone_hold_nothing_up_and_are_trusted_again_when_they_are_back() {
    let (world, mut replica) = begun();
    let mut kept = world.configurations();
    kept.iter_mut().flat_map(|found| &mut found.webhooks).for_each(|webhook| webhook.bundle.clear());
    world.edit(Vec::clear);
    until(&world, &mut replica, Phase::Drain);
    world.edit(|found| found.extend(kept));
    run_one(replica.look(Role::Leads));
    assert_eq!(world.seen(Duration::ZERO), vec![record(&world).bundle(); 4]);
}

#[test]
fn what_was_removed_or_broken_or_put_back_is_mended_by_who_remembers() {
    let (world, mut replica) = begun();
    let kept = record(&world);
    let truncated = with(&kept, |data| {
        let half = data["current.key"].len() / 2;
        data.entry("current.key".to_owned()).and_modify(|key| key.truncate(half));
    });
    let older = with(&Record { generation: 1, ..kept.clone() }, |_| {});
    for data in [Data::new(), truncated, older] {
        let before = record_or(&world, &kept);
        world.overwrite(data);
        run_one(replica.look(Role::Leads));
        assert_eq!(record(&world), before.changed());
    }
}

fn record_or(world: &World, kept: &Record) -> Record {
    world.record().unwrap_or_else(|| kept.clone())
}

#[test]
fn what_nobody_remembers_is_not_written_over() {
    let (world, _) = begun();
    let broken = with(&record(&world), |data| {
        data.remove("current.key");
    });
    world.overwrite(broken);
    let mut other = Replica::new(&world, 0);
    let said = run_one(other.keeper.lead(world.now(), ordinance_certs::Readiness::Ready)).unwrap_err();
    assert_eq!(
        said.to_string(),
        "the store of the CA: current.key is missing; put back what was there, or remove everything: then a new CA is made"
    );
}

#[test]
fn what_was_trusted_before_the_first_ca_stays_trusted_for_a_while() {
    let (other, _) = begun();
    let foreign = record(&other).bundle();
    let world = World::new();
    world.edit(|found| {
        found.iter_mut().flat_map(|found| &mut found.webhooks).for_each(|webhook| {
            webhook.bundle = foreign.pem().into_bytes();
        });
    });
    let mut replica = Replica::new(&world, 0);
    run_one(replica.look(Role::Leads));
    assert!(world.seen(Duration::ZERO).iter().all(|bundle| bundle.contains(&foreign)));
    assert!(!replica.is_ready(), "clients may not know the new CA yet");
    world.pass(5 * MINUTE);
    run_one(replica.look(Role::Leads));
    assert!(replica.is_ready());
    until(&world, &mut replica, Phase::Steady);
    assert!(world.seen(Duration::ZERO).iter().all(|bundle| !bundle.contains(&foreign)));
}

#[test]
fn a_ca_that_expired_while_nobody_looked_is_replaced_at_once() {
    let (world, _) = begun();
    let old = record(&world);
    world.pass(1001 * MINUTE);
    let mut replica = Replica::new(&world, 0);
    run_one(replica.look(Role::Leads));
    assert_ne!(record(&world).current, old.current);
    assert_eq!(world.seen(Duration::ZERO), vec![record(&world).signing(); 4]);
    assert!(replica.is_ready());
}

#[test]
fn a_next_that_is_there_is_not_made_again() {
    let (world, _) = begun();
    let once = record(&world).with_next(&names(), world.now(), &SCHEDULE).unwrap();
    assert_eq!(once.clone().with_next(&names(), world.now(), &SCHEDULE).unwrap(), once);
}

#[test]
fn a_pair_that_belongs_to_two_generations_is_none() {
    let (world, _) = begun();
    let (kept, (other, _)) = (record(&world), begun());
    let mixed = Issued { key: record(&other).current.key, ..kept.current.clone() };
    let data = Record { current: mixed, ..kept.clone() }.data();
    let said = Record::read(&data, &names()).unwrap_err().to_string();
    assert_eq!(said, "current.crt and current.key: the key is not the certificate's");
    let renamed = Record::read(&kept.data(), &["other.svc".to_owned()]).unwrap_err().to_string();
    assert_eq!(renamed, "current.crt signs for ordinance.ordinance-system.svc, not for other.svc");
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let (world, mut replica) = begun();
    for phase in [Phase::Wait, Phase::Drain, Phase::Steady] {
        until(&world, &mut replica, phase);
        let record = record(&world);
        assert_eq!(Record::read(&record.data(), &names()), Ok(Some(record)));
    }
    assert_eq!(Record::read(&Data::new(), &names()), Ok(None));
}

#[test]
fn a_bundle_is_read_as_go_reads_it() {
    let (world, _) = begun();
    let pem = record(&world).bundle().pem();
    let text =
        format!("a remark\n{pem}-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n");
    assert_eq!(Bundle::read(text.as_bytes()), record(&world).bundle());
    assert!(Bundle::read(b"nothing of the kind").is_empty());
}

fn with(record: &Record, change: impl FnOnce(&mut Data)) -> Data {
    let mut data = record.data();
    change(&mut data);
    data
}
