//! The steps of one replica: what it wants after each input.

use ordinance_reservation::{
    Answer, AttemptId, Creation, Draft, HeldKey, Holder, Input, Judgement, Output, Replica, Reservation,
    WatchEvent,
};

const ID: AttemptId = 1;

/// Returns the draft of a volume on `/srv`.
fn draft(name: &str) -> Draft {
    let holder = Holder {
        group: String::new(),
        version: "v1".to_owned(),
        resource: "persistentvolumes".to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
        uid: format!("uid-of-{name}"),
    };
    let key = HeldKey { realm: "nfs://nas".to_owned(), path: vec!["srv".to_owned()], note: String::new() };
    Draft { name: format!("r-{name}"), holder, keys: vec![key] }
}

fn reservation(name: &str, revision: impl Into<Option<u64>>) -> Reservation {
    Reservation { revision: revision.into(), draft: draft(name) }
}

fn added(name: &str, revision: u64) -> Input {
    Input::Watched(WatchEvent::Added(reservation(name, revision)))
}

/// Returns a replica whose attempt for the volume `own` is stored, and not yet reported.
fn awaiting() -> Replica {
    let mut replica = Replica::default();
    assert_eq!(replica.step(Input::Reserve(ID, draft("own"))), [Output::Create(ID, draft("own"))]);
    assert_eq!(replica.step(Input::Created(ID, Creation::Stored)), []);
    replica
}

fn observed(name: &str, keys: Vec<HeldKey>) -> Input {
    Input::Observed(draft(name).holder, keys)
}

fn unavailable() -> [Output; 2] {
    [Output::Delete("r-own".to_owned()), Output::Answer(ID, Answer::Unavailable)]
}

#[test]
fn an_attempt_is_judged_on_what_precedes_it() {
    let mut replica = awaiting();
    replica.step(added("first", 1));
    let judge = Output::Judge(ID, vec![reservation("first", 1)]);
    assert_eq!(replica.step(added("own", 2)), [judge]);
    // What follows plays no part, and is judged on the first attempt itself.
    assert_eq!(replica.step(added("later", 3)), []);
    assert_eq!(replica.step(Input::Judged(ID, Judgement::Allowed)), [Output::Answer(ID, Answer::Allow)]);
    assert!(replica.is_idle());
}

#[test]
fn the_event_may_arrive_before_the_reply_to_the_write() {
    let mut replica = Replica::default();
    replica.step(Input::Reserve(ID, draft("own")));
    assert_eq!(replica.step(added("own", 1)), [Output::Judge(ID, Vec::new())]);
    assert_eq!(replica.step(Input::Created(ID, Creation::Unknown)), []);
    assert_eq!(replica.step(Input::Judged(ID, Judgement::Allowed)), [Output::Answer(ID, Answer::Allow)]);
}

#[test]
fn only_an_admitted_object_keeps_its_reservation() {
    for (judgement, answer) in
        [(Judgement::Denied, Answer::Deny), (Judgement::Undecided, Answer::Unavailable)]
    {
        let mut replica = awaiting();
        replica.step(added("own", 1));
        let outputs = replica.step(Input::Judged(ID, judgement));
        assert_eq!(outputs, [Output::Delete("r-own".to_owned()), Output::Answer(ID, answer)]);
    }
}

#[test]
fn a_write_that_may_have_failed_admits_nothing() {
    for (creation, outputs) in [
        (Creation::Unknown, unavailable().to_vec()),
        (Creation::Refused, vec![Output::Answer(ID, Answer::Unreserved)]),
    ] {
        let mut replica = Replica::default();
        replica.step(Input::Reserve(ID, draft("own")));
        assert_eq!(replica.step(Input::Created(ID, creation)), outputs);
        assert_eq!(replica.step(Input::Judged(ID, Judgement::Allowed)), [], "the attempt has ended");
    }
}

#[test]
fn a_late_watch_leads_to_a_list() {
    let mut replica = awaiting();
    let list = [Output::List(ID, vec!["nfs://nas".to_owned()])];
    assert_eq!(replica.step(Input::WatchIsLate(ID)), list);
    assert_eq!(replica.step(Input::WatchIsLate(ID)), [], "one list at a time");
    assert_eq!(replica.step(Input::Listed(ID, None)), []);
    assert_eq!(replica.step(Input::WatchIsLate(ID)), list, "again after a failure");
    let listed =
        ["first", "own", "later"].iter().zip(1..).map(|(name, revision)| reservation(name, revision));
    let judge = Output::Judge(ID, vec![reservation("first", 1)]);
    assert_eq!(replica.step(Input::Listed(ID, Some(listed.collect()))), [judge]);
}

#[test]
fn a_list_of_the_watch_is_not_taken_for_events() {
    let mut replica = awaiting();
    replica.step(Input::Watched(WatchEvent::ListStarted));
    let listed = replica.step(Input::Watched(WatchEvent::Listed(reservation("own", 2))));
    assert_eq!(listed, [Output::List(ID, vec!["nfs://nas".to_owned()])]);
}

#[test]
fn a_reservation_that_another_client_has_deleted_admits_nothing() {
    let removed = || Input::Watched(WatchEvent::Removed("r-own".to_owned()));
    assert_eq!(awaiting().step(removed()), unavailable());
    let mut judged = awaiting();
    judged.step(added("own", 1));
    assert_eq!(judged.step(removed()), unavailable());
    let mut listing = awaiting();
    listing.step(Input::WatchIsLate(ID));
    assert_eq!(listing.step(Input::Listed(ID, Some(Vec::new()))), unavailable());
}

#[test]
fn an_edited_reservation_precedes_every_other_one() {
    let mut replica = awaiting();
    replica.step(Input::WatchIsLate(ID));
    let listed = vec![reservation("edited", None), reservation("own", 5)];
    let judge = Output::Judge(ID, vec![reservation("edited", None)]);
    assert_eq!(replica.step(Input::Listed(ID, Some(listed))), [judge]);
    let mut edited = awaiting();
    edited.step(Input::WatchIsLate(ID));
    let listed = vec![reservation("later", 9), reservation("own", None)];
    let judge = Output::Judge(ID, vec![reservation("later", 9)]);
    assert_eq!(edited.step(Input::Listed(ID, Some(listed))), [judge]);
}

#[test]
fn an_attempt_ends_when_its_time_is_up() {
    let stages: [&[Input]; 4] = [
        &[],
        &[Input::Created(ID, Creation::Stored)],
        &[Input::Created(ID, Creation::Stored), Input::WatchIsLate(ID)],
        &[Input::Created(ID, Creation::Stored), added("own", 1)],
    ];
    for inputs in stages {
        let mut replica = Replica::default();
        replica.step(Input::Reserve(ID, draft("own")));
        for input in inputs {
            replica.step(input.clone());
        }
        assert_eq!(replica.step(Input::TimeIsUp(ID)), unavailable(), "after {inputs:?}");
        assert_eq!(replica.step(Input::TimeIsUp(ID)), []);
    }
}

#[test]
fn an_observed_object_excludes_others_by_itself_whichever_watch_is_first() {
    for observed_first in [true, false] {
        let mut replica = Replica::default();
        let (event, report) = (added("first", 1), observed("first", draft("first").keys));
        let inputs = if observed_first { [report, event] } else { [event, report] };
        for input in inputs {
            replica.step(input);
        }
        assert!(replica.log().conflicts(&draft("own")).is_empty());
        assert_eq!(replica.log().len(), 1);
    }
}

#[test]
fn an_update_is_reserved_until_its_keys_are_stored() {
    let mut replica = Replica::default();
    // What the object held before the update.
    replica.step(observed("updated", Vec::new()));
    replica.step(added("updated", 1));
    replica.step(observed("updated", Vec::new()));
    assert_eq!(replica.log().conflicts(&draft("own")).len(), 1);
    assert!(replica.log().is_open("uid-of-updated"));
    replica.step(observed("updated", draft("updated").keys));
    assert!(replica.log().conflicts(&draft("own")).is_empty());
    assert!(!replica.log().is_open("uid-of-updated"));
}

#[test]
fn a_deleted_object_excludes_nothing() {
    let mut replica = Replica::default();
    replica.step(added("first", 1));
    replica.step(Input::Deleted(draft("first").holder));
    assert!(replica.log().conflicts(&draft("own")).is_empty());
}
