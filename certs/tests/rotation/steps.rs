//! Single steps, and foreign changes to the store and the configurations.

use crate::executor::run_one;
use crate::replica::{Replica, ReplicaRole};
use crate::simulation::{MINUTE, SCHEDULE, Simulation, names};
use ordinance_certs::{
    AcceptedPaths, Bundle, PathToken, PemPair, Record, Rotation, RotationPhase, SecretData,
};
use std::time::Duration;

fn started() -> (Simulation, Replica) {
    let simulation = Simulation::new();
    let mut replica = Replica::new(&simulation, 0);
    run_one(replica.poll(ReplicaRole::Leads));
    run_one(replica.poll(ReplicaRole::Leads));
    (simulation, replica)
}

fn record(simulation: &Simulation) -> Record {
    simulation.record().unwrap()
}

/// Polls once a minute until the rotation is in a phase, and returns the minutes that took.
fn until(simulation: &Simulation, replica: &mut Replica, phase: RotationPhase) -> u32 {
    let begin = simulation.now();
    while simulation.now() < begin + 2000 * MINUTE {
        let record = record(simulation);
        if record.phase() == phase {
            return (simulation.now().duration_since(begin).unwrap().as_secs() / 60) as u32;
        }
        simulation.advance(if record.phase() == RotationPhase::Steady { 2 * MINUTE } else { MINUTE });
        run_one(replica.poll(ReplicaRole::Leads));
    }
    panic!("{phase:?} not reached");
}

fn policies(simulation: &Simulation) -> Vec<String> {
    let webhooks = simulation.configurations().into_iter().flat_map(|found| found.webhooks);
    webhooks.map(|webhook| webhook.failure_policy).collect()
}

#[test]
fn sets_the_failure_policies_only_after_configurations_trust_the_first_ca() {
    let simulation = Simulation::new();
    let mut replica = Replica::new(&simulation, 0);
    run_one(replica.poll(ReplicaRole::Leads));
    assert!(replica.is_ready());
    assert_eq!(policies(&simulation), ["Ignore"; 4]);
    assert_eq!(simulation.seen_after(Duration::ZERO), vec![record(&simulation).bundle(); 4]);
    run_one(replica.poll(ReplicaRole::Leads));
    assert_eq!(policies(&simulation), ["Fail"; 4]);
}

#[test]
fn a_rotation_goes_through_all_its_phases() {
    let (simulation, mut replica) = started();
    let first = record(&simulation);
    assert_eq!(first.phase(), RotationPhase::Steady);
    let due = until(&simulation, &mut replica, RotationPhase::Wait);
    assert!((666..=668).contains(&due), "{due}");
    assert_eq!(record(&simulation).current, first.current);
    assert_eq!(record(&simulation).bundle().certificates().len(), 2);
    let wait = until(&simulation, &mut replica, RotationPhase::Drain);
    assert_eq!(wait, 5);
    assert_ne!(record(&simulation).current, first.current);
    assert_eq!(record(&simulation).bundle().certificates().len(), 2);
    let drain = until(&simulation, &mut replica, RotationPhase::Steady);
    assert_eq!(drain, 154);
    assert_eq!(record(&simulation).bundle(), record(&simulation).signing());
    assert_eq!(simulation.seen_after(Duration::ZERO), vec![record(&simulation).bundle(); 4]);
}

/// Returns the paths of the webhooks, each once.
fn paths(simulation: &Simulation) -> Vec<String> {
    let webhooks = simulation.webhooks_after(Duration::ZERO).into_iter();
    let mut paths: Vec<String> = webhooks.filter_map(|webhook| webhook.path).collect();
    paths.dedup();
    paths
}

fn path(token: Option<&PathToken>) -> Vec<String> {
    vec![token.unwrap().before("/validate/storage")]
}

#[test]
fn the_paths_get_the_token_of_the_ca_that_signs() {
    let (simulation, mut replica) = started();
    let first = record(&simulation);
    assert_eq!(paths(&simulation), path(first.token.as_ref()));
    let accepted = |tokens: &[&Option<PathToken>]| {
        let tokens = tokens.iter().filter_map(|token| (*token).clone()).collect();
        AcceptedPaths { tokens, anyone: false }
    };
    assert_eq!(first.accepted_paths(), accepted(&[&first.token, &first.next_token]));
    until(&simulation, &mut replica, RotationPhase::Wait);
    assert_eq!(paths(&simulation), path(first.token.as_ref()));
    until(&simulation, &mut replica, RotationPhase::Drain);
    let second = record(&simulation);
    assert_eq!(paths(&simulation), path(first.next_token.as_ref()));
    assert_eq!(second.accepted_paths(), accepted(&[&first.token, &second.token, &second.next_token]));
    until(&simulation, &mut replica, RotationPhase::Steady);
    assert_eq!(record(&simulation).accepted_paths(), accepted(&[&second.token, &second.next_token]));
    assert_eq!(second.accepted_paths().tokens.len(), 3);
}

/// Replicas of another configuration, which know no token, may serve until all of them are replaced.
#[test]
fn webhooks_that_trusted_another_ca_get_a_token_only_after_the_replicas_are_replaced() {
    let simulation = Simulation::new();
    let foreign = record(&started().0).signing().pem().into_bytes();
    simulation.edit(|found| found[0].webhooks[0].bundle = foreign);
    let mut replica = Replica::new(&simulation, 0);
    run_one(replica.poll(ReplicaRole::Leads));
    let (begin, token) = (simulation.now(), record(&simulation).token);
    while paths(&simulation) != path(token.as_ref()) {
        assert_eq!(paths(&simulation), ["/validate/storage"]);
        assert!(simulation.now() < begin + 20 * MINUTE);
        simulation.advance(MINUTE);
        run_one(replica.poll(ReplicaRole::Leads));
    }
    assert_eq!(simulation.now(), begin + 2 * (SCHEDULE.wait + SCHEDULE.skew));
    assert!(record(&simulation).accepted_paths().anyone);
    until(&simulation, &mut replica, RotationPhase::Steady);
    assert!(!record(&simulation).accepted_paths().anyone);
}

#[test]
fn a_ca_without_a_token_gets_one_with_its_next_rotation() {
    let (simulation, _) = started();
    let mut data = record(&simulation).data();
    data.retain(|name, _| !name.ends_with(".token"));
    simulation.overwrite(data);
    let mut replica = Replica::new(&simulation, 0);
    run_one(replica.poll(ReplicaRole::Leads));
    assert_eq!(paths(&simulation), ["/validate/storage"]);
    until(&simulation, &mut replica, RotationPhase::Drain);
    assert_eq!(paths(&simulation), ["/validate/storage"]);
    until(&simulation, &mut replica, RotationPhase::Steady);
    assert_eq!(paths(&simulation), path(record(&simulation).token.as_ref()));
    assert!(!record(&simulation).accepted_paths().anyone);
}

#[test]
fn predicts_the_time_of_the_next_step() {
    let (simulation, mut replica) = started();
    for phase in [RotationPhase::Wait, RotationPhase::Drain, RotationPhase::Steady] {
        let expected = record(&simulation).next_step(&SCHEDULE).unwrap();
        until(&simulation, &mut replica, phase);
        let late = simulation.now().duration_since(expected).unwrap();
        assert!(late < 2 * MINUTE, "{phase:?}: {late:?}");
    }
}

#[test]
fn restarts_the_wait_after_a_configuration_lost_the_bundle() {
    let (simulation, mut replica) = started();
    until(&simulation, &mut replica, RotationPhase::Wait);
    simulation.advance(4 * MINUTE);
    let shrunk = record(&simulation).signing().pem().into_bytes();
    simulation.edit(|found| found[1].webhooks[0].bundle = shrunk);
    run_one(replica.poll(ReplicaRole::Leads));
    assert_eq!(until(&simulation, &mut replica, RotationPhase::Drain), 5);
}

#[test]
fn waits_by_its_own_clock_after_another_replica_began_the_wait() {
    let (simulation, mut ahead) = started();
    until(&simulation, &mut ahead, RotationPhase::Wait);
    let mut other = Replica::new(&simulation, 290);
    run_one(other.poll(ReplicaRole::Leads));
    assert_eq!(record(&simulation).phase(), RotationPhase::Wait);
    assert_eq!(until(&simulation, &mut other, RotationPhase::Drain), 5);
}

#[test]
fn repairs_a_foreign_edit_at_the_next_poll() {
    let (simulation, mut replica) = started();
    let before = simulation.configurations();
    simulation.edit(|found| {
        found[0].webhooks[0].bundle = b"foreign".to_vec();
        found[0].webhooks[1].bundle.clear();
        found[1].webhooks[1].failure_policy = "Ignore".to_owned();
    });
    run_one(replica.poll(ReplicaRole::Leads));
    let webhooks = |found: Vec<ordinance_certs::WebhookConfiguration>| -> Vec<_> {
        found.into_iter().map(|found| found.webhooks).collect()
    };
    assert_eq!(webhooks(simulation.configurations()), webhooks(before));
}

#[test]
fn rotates_without_configurations_and_repairs_them_when_they_are_back() {
    let (simulation, mut replica) = started();
    let mut known = simulation.configurations();
    known.iter_mut().flat_map(|found| &mut found.webhooks).for_each(|webhook| webhook.bundle.clear());
    simulation.edit(Vec::clear);
    until(&simulation, &mut replica, RotationPhase::Drain);
    simulation.edit(|found| found.extend(known));
    run_one(replica.poll(ReplicaRole::Leads));
    assert_eq!(simulation.seen_after(Duration::ZERO), vec![record(&simulation).bundle(); 4]);
}

#[test]
fn a_replica_restores_a_deleted_damaged_or_outdated_record_that_it_remembers() {
    let (simulation, mut replica) = started();
    let known = record(&simulation);
    let truncated = with(&known, |data| {
        let half = data["current.key"].len() / 2;
        data.entry("current.key".to_owned()).and_modify(|key| key.truncate(half));
    });
    let older = with(&Record { generation: 1, ..known.clone() }, |_| {});
    for data in [SecretData::new(), truncated, older] {
        let before = record_or(&simulation, &known);
        simulation.overwrite(data);
        run_one(replica.poll(ReplicaRole::Leads));
        assert_eq!(record(&simulation), before.next_generation());
    }
}

fn record_or(simulation: &Simulation, known: &Record) -> Record {
    simulation.record().unwrap_or_else(|| known.clone())
}

#[test]
fn a_new_replica_does_not_overwrite_a_damaged_record() {
    let (simulation, _) = started();
    let broken = with(&record(&simulation), |data| {
        data.remove("current.key");
    });
    simulation.overwrite(broken);
    let mut other = Replica::new(&simulation, 0);
    let error = run_one(other.reconciler.lead(simulation.now(), ordinance_certs::WebhookReadiness::Ready))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store of the CA: current.key is missing; put back what was there, or remove everything: then a new CA is made"
    );
}

#[test]
fn keeps_trusting_foreign_cas_for_a_while_after_the_first_start() {
    let (other, _) = started();
    let foreign = record(&other).bundle();
    let simulation = Simulation::new();
    simulation.edit(|found| {
        found.iter_mut().flat_map(|found| &mut found.webhooks).for_each(|webhook| {
            webhook.bundle = foreign.pem().into_bytes();
        });
    });
    let mut replica = Replica::new(&simulation, 0);
    run_one(replica.poll(ReplicaRole::Leads));
    assert!(simulation.seen_after(Duration::ZERO).iter().all(|bundle| bundle.contains(&foreign)));
    assert!(!replica.is_ready(), "clients may not know the new CA yet");
    simulation.advance(5 * MINUTE);
    run_one(replica.poll(ReplicaRole::Leads));
    assert!(replica.is_ready());
    until(&simulation, &mut replica, RotationPhase::Steady);
    assert!(simulation.seen_after(Duration::ZERO).iter().all(|bundle| !bundle.contains(&foreign)));
}

#[test]
fn replaces_an_expired_ca_at_once() {
    let (simulation, _) = started();
    let old = record(&simulation);
    simulation.advance(1001 * MINUTE);
    let mut replica = Replica::new(&simulation, 0);
    run_one(replica.poll(ReplicaRole::Leads));
    assert_ne!(record(&simulation).current, old.current);
    assert_eq!(simulation.seen_after(Duration::ZERO), vec![record(&simulation).signing(); 4]);
    assert!(replica.is_ready());
}

#[test]
fn does_not_make_a_second_next_ca() {
    let (simulation, _) = started();
    let rotation = Rotation::new(names(), SCHEDULE);
    let once = rotation.with_next(&record(&simulation), simulation.now()).unwrap();
    assert_eq!(rotation.with_next(&once, simulation.now()).unwrap(), once);
}

#[test]
fn refuses_a_key_of_another_certificate_and_a_ca_for_other_names() {
    let (simulation, _) = started();
    let (known, (other, _)) = (record(&simulation), started());
    let mixed = PemPair { key: record(&other).current.key, ..known.current.clone() };
    let data = Record { current: mixed, ..known.clone() }.data();
    let error = Record::read(&data, &names()).unwrap_err().to_string();
    assert_eq!(error, "current.crt and current.key: the key does not match the certificate");
    let renamed = Record::read(&known.data(), &["other.svc".to_owned()]).unwrap_err().to_string();
    assert_eq!(renamed, "current.crt signs for ordinance.ordinance-system.svc, not for other.svc");
}

#[test]
fn reads_a_record_as_it_was_written() {
    let (simulation, mut replica) = started();
    for phase in [RotationPhase::Wait, RotationPhase::Drain, RotationPhase::Steady] {
        until(&simulation, &mut replica, phase);
        let record = record(&simulation);
        assert_eq!(Record::read(&record.data(), &names()), Ok(Some(record)));
    }
    assert_eq!(Record::read(&SecretData::new(), &names()), Ok(None));
}

#[test]
fn reads_a_bundle_as_go_does() {
    let (simulation, _) = started();
    let pem = record(&simulation).bundle().pem();
    let text =
        format!("a remark\n{pem}-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n");
    assert_eq!(Bundle::read(text.as_bytes()), record(&simulation).bundle());
    assert!(Bundle::read(b"nothing of the kind").is_empty());
}

fn with(record: &Record, change: impl FnOnce(&mut SecretData)) -> SecretData {
    let mut data = record.data();
    change(&mut data);
    data
}
