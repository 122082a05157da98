//! The log finds exactly the reservations that overlap, whatever was written, deleted, listed and stored before.

use ordinance_reservation::{Draft, HeldKey, Holder, Input, Replica, Reservation, WatchEvent};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Something that the watches report.
#[derive(Clone, Debug)]
enum Change {
    Added(usize, Vec<HeldKey>),
    Removed(usize),
    /// A list with these reservations; all others are gone.
    Listed(Vec<usize>),
    Observed(usize, Vec<HeldKey>),
    Deleted(usize),
}

/// What is known of one reservation: its keys until its object is stored.
#[derive(Default)]
struct Known {
    drafts: BTreeMap<String, Draft>,
    /// What the objects hold that a watch has reported, by uid; `None` if they are deleted.
    observed: BTreeMap<String, Option<Vec<HeldKey>>>,
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("ab"), Just("b"), Just("")].prop_map(str::to_owned)
}

fn key() -> impl Strategy<Value = HeldKey> {
    (prop_oneof![Just("nfs://one"), Just("nfs://two")], prop::collection::vec(segment(), 0..4))
        .prop_map(|(realm, path)| HeldKey { realm: realm.to_owned(), path, note: String::new() })
}

fn keys() -> impl Strategy<Value = Vec<HeldKey>> {
    prop::collection::vec(key(), 1..3)
}

fn change() -> impl Strategy<Value = Change> {
    let number = 0_usize..8;
    prop_oneof![
        4 => (number.clone(), keys()).prop_map(|(number, keys)| Change::Added(number, keys)),
        1 => number.clone().prop_map(Change::Removed),
        1 => prop::collection::vec(number.clone(), 0..8).prop_map(Change::Listed),
        1 => (number.clone(), keys()).prop_map(|(number, keys)| Change::Observed(number, keys)),
        1 => number.prop_map(Change::Deleted),
    ]
}

/// Two reservations each are attempts of one object.
fn holder(number: usize) -> Holder {
    Holder {
        group: String::new(),
        version: "v1".to_owned(),
        resource: "persistentvolumes".to_owned(),
        namespace: String::new(),
        name: format!("pv-{}", number / 2),
        uid: format!("uid-{number}"),
    }
}

fn draft(number: usize, keys: Vec<HeldKey>) -> Draft {
    Draft { name: format!("r-{number}"), holder: holder(number), keys }
}

fn happen(replica: &mut Replica, known: &mut Known, change: Change) {
    match change {
        Change::Added(number, keys) => {
            let mut draft = draft(number, keys);
            let reservation = Reservation { revision: Some(1), draft: draft.clone() };
            replica.step(Input::Watched(WatchEvent::Added(reservation)));
            reduce(&known.observed, &mut draft);
            known.drafts.entry(draft.name.clone()).or_insert(draft);
        }
        Change::Removed(number) => {
            let name = format!("r-{number}");
            known.drafts.remove(&name);
            replica.step(Input::Watched(WatchEvent::Removed(name)));
        }
        Change::Listed(numbers) => {
            let is_listed = |name: &str| numbers.iter().any(|number| name == format!("r-{number}"));
            known.drafts.retain(|name, _| is_listed(name));
            replica.step(Input::Watched(WatchEvent::ListStarted));
            for draft in known.drafts.values() {
                let listed = Reservation { revision: None, draft: draft.clone() };
                replica.step(Input::Watched(WatchEvent::Listed(listed)));
            }
            replica.step(Input::Watched(WatchEvent::ListFinished));
        }
        Change::Observed(number, keys) => {
            known.observe(&holder(number), Some(keys.clone()));
            replica.step(Input::Observed(holder(number), keys));
        }
        Change::Deleted(number) => {
            known.observe(&holder(number), None);
            replica.step(Input::Deleted(holder(number)));
        }
    }
}

// === impl Known ===

impl Known {
    /// Records what an object holds, or that it is deleted.
    fn observe(&mut self, holder: &Holder, keys: Option<Vec<HeldKey>>) {
        self.observed.insert(holder.uid.clone(), keys);
        let Self { drafts, observed } = self;
        drafts.values_mut().for_each(|draft| reduce(observed, draft));
    }
}

/// Removes from a draft what its object holds by itself.
fn reduce(observed: &BTreeMap<String, Option<Vec<HeldKey>>>, draft: &mut Draft) {
    let is_held = |key: &HeldKey, held: &[HeldKey]| {
        held.iter().any(|held| held.realm == key.realm && held.path == key.path)
    };
    match observed.get(&draft.holder.uid) {
        Some(Some(held)) => draft.keys.retain(|key| !is_held(key, held)),
        Some(None) => draft.keys.clear(),
        None => {}
    }
}

proptest! {
    #[test]
    fn the_log_finds_what_a_search_of_everything_finds(
        changes in prop::collection::vec(change(), 0..40),
        asked in keys(),
    ) {
        let (mut replica, mut known) = (Replica::default(), Known::default());
        changes.into_iter().for_each(|change| happen(&mut replica, &mut known, change));
        // `r-9` belongs to an object of its own, `r-1` has the name of `r-0`.
        for number in [9, 1] {
            let own = draft(number, asked.clone());
            let found: Vec<&Draft> =
                replica.log().conflicts(&own).into_iter().map(|found| &found.draft).collect();
            let expected: Vec<&Draft> = known.drafts.values().filter(|other| other.conflicts_with(&own)).collect();
            prop_assert_eq!(found, expected);
        }
        prop_assert_eq!(replica.log().len(), known.drafts.len());
    }

    #[test]
    fn keys_overlap_if_one_path_begins_with_the_other(one in key(), other in key()) {
        // A separator that no segment has makes prefixes of texts prefixes of paths.
        let text = |key: &HeldKey| key.path.iter().fold(key.realm.clone() + "\n", |text, part| text + part + "\n");
        let (one_text, other_text) = (text(&one), text(&other));
        let expected = one_text.starts_with(&other_text) || other_text.starts_with(&one_text);
        prop_assert_eq!(one.overlaps(&other), expected);
        prop_assert_eq!(other.overlaps(&one), expected);
    }
}
