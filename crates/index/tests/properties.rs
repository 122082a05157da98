//! The index returns the overlaps that a plain list of all keys returns.

use ordinance_contract::{Holding, Key, Scope, Stance};
use ordinance_index::{
    Index, OBJECT_BYTES, ObjectTooLarge, PATH_BYTES, PATH_SEGMENTS, REALM_BYTES, SHOWN_KEY_CHARS, TooMany,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NO_LIMIT: usize = usize::MAX;

/// A change of an object.
#[derive(Clone, Debug)]
enum Step {
    Insert(Scope<'static>, Vec<Key>),
    Remove(Scope<'static>),
}

/// The keys of every object, in a list.
#[derive(Default)]
struct List(Vec<(Scope<'static>, BTreeSet<Key>)>);

impl List {
    fn take(&mut self, step: Step) {
        match step {
            Step::Insert(object, keys) => {
                let Some(stored) = stored(&object, keys) else { return };
                self.0.retain(|(holder, _)| !holder.same_object(&object));
                self.0.push((object, stored));
            }
            Step::Remove(object) => self.0.retain(|(holder, _)| !holder.same_object(&object)),
        }
    }

    fn overlaps(&self, keys: &[Key], except: &Scope<'_>) -> Vec<Holding> {
        let mut answers: Vec<Holding> = Vec::new();
        let stored = stored(&except.clone().into_owned(), keys.to_vec()).unwrap_or_default();
        for key in &keys.iter().map(cut).chain(stored).collect::<BTreeSet<_>>() {
            let mut uses: BTreeMap<(Vec<String>, String), Vec<Holding>> = BTreeMap::new();
            for held in self.held(except).filter(|held| is_whole(key, held)) {
                match held.stance {
                    Stance::Uses => {
                        uses.entry((held.path.clone(), held.note.clone())).or_default().push(held)
                    }
                    _ => answers.push(held),
                }
            }
            answers.extend(uses.into_values().filter_map(first));
            let below = self.held(except).filter(|held| is_below(key, held));
            let mut groups: BTreeMap<(Stance, String), Vec<Holding>> = BTreeMap::new();
            for held in below {
                groups.entry((held.stance, held.note.clone())).or_default().push(held);
            }
            answers.extend(groups.into_values().filter_map(first));
        }
        answers.sort_by_key(order);
        answers.dedup();
        answers
    }

    fn held<'a>(&'a self, except: &'a Scope<'_>) -> impl Iterator<Item = Holding> + 'a {
        let others =
            self.0.iter().filter(|(holder, _)| except.name.is_empty() || !holder.same_object(except));
        others.flat_map(|(holder, keys)| keys.iter().map(|key| holding(holder, key, 1)))
    }
}

/// The keys that an index stores of an object, or `None` if it refuses the object.
fn stored(object: &Scope<'static>, keys: Vec<Key>) -> Option<BTreeSet<Key>> {
    let mut index = Index::default();
    index.insert(object, &keys).ok()?;
    Some(index.keys_of(object).into_iter().collect())
}

/// A key with what the index compares of it.
fn cut(key: &Key) -> Key {
    let realm = key.realm[..key.realm.floor_char_boundary(REALM_BYTES)].to_owned();
    let mut path = Vec::new();
    let mut left = PATH_BYTES;
    for segment in key.path.iter().take(PATH_SEGMENTS) {
        let fits = segment.len() < left;
        let part = &segment[..segment.floor_char_boundary(left.saturating_sub(1))];
        if fits || !part.is_empty() {
            path.push(part.to_owned());
        }
        if !fits {
            break;
        }
        left -= segment.len() + 1;
    }
    Key { realm, path, ..key.clone() }
}

fn overlap(one: &[Key], other: &[Key]) -> bool {
    let overlap = |one: &Key, other: &Key| {
        one.realm == other.realm && (one.path.starts_with(&other.path) || other.path.starts_with(&one.path))
    };
    one.iter().any(|one| other.iter().any(|other| overlap(one, other)))
}

fn holding(holder: &Scope<'static>, key: &Key, count: u32) -> Holding {
    Holding {
        realm: key.realm.clone(),
        path: key.path.clone(),
        stance: key.stance,
        note: key.note.clone(),
        holder: holder.clone(),
        count,
    }
}

fn is_whole(key: &Key, held: &Holding) -> bool {
    key.realm == held.realm && key.path.starts_with(&held.path)
}

fn is_below(key: &Key, held: &Holding) -> bool {
    key.realm == held.realm && held.path.len() > key.path.len() && held.path.starts_with(&key.path)
}

fn by_name(scope: &Scope<'static>) -> [String; 4] {
    [&scope.name, &scope.namespace, &scope.resource, &scope.group].map(|text| text.to_string())
}

fn order(held: &Holding) -> impl Ord + use<> {
    let place = (held.realm.clone(), held.path.clone(), held.stance, held.note.clone());
    (place, by_name(&held.holder), held.count)
}

/// The first key of a group by name, then by path, with the number of objects.
fn first(group: Vec<Holding>) -> Option<Holding> {
    let objects: BTreeSet<_> = group.iter().map(|held| by_name(&held.holder)).collect();
    let first = group.into_iter().min_by_key(|held| (by_name(&held.holder), held.path.clone()))?;
    Some(Holding { count: u32::try_from(objects.len()).ok()?, ..first })
}

fn scope(name: &str) -> Scope<'static> {
    Scope {
        version: "v1".into(),
        resource: "persistentvolumes".into(),
        name: name.to_owned().into(),
        ..Scope::default()
    }
}

fn key(path: &str, stance: Stance, note: &str) -> Key {
    let path = path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    Key { realm: "nfs://nas".to_owned(), path, stance, note: note.to_owned() }
}

fn scopes() -> impl Strategy<Value = Scope<'static>> {
    let resource = prop::sample::select(vec!["persistentvolumes", "statefulsets"]);
    ("[a-d]", resource, "[xy]?").prop_map(|(name, resource, namespace)| Scope {
        resource: resource.into(),
        namespace: namespace.into(),
        ..scope(&name)
    })
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    let stance = prop::sample::select(vec![Stance::Holds, Stance::Uses, Stance::Looks]);
    let key = ("[rs]", prop::collection::vec("[ab]", 0..4), stance, "[np]?")
        .prop_map(|(realm, path, stance, note)| Key { realm, path, stance, note });
    prop::collection::vec(key, 0..4)
}

/// Keys around the limits of one path and of one object.
fn large_keys() -> impl Strategy<Value = Vec<Key>> {
    let stance = || prop::sample::select(vec![Stance::Holds, Stance::Uses, Stance::Looks]);
    let deep = (PATH_SEGMENTS - 2..PATH_SEGMENTS + 3, "[ab]", stance()).prop_map(|(depth, last, stance)| {
        let mut path = vec!["a".to_owned(); depth];
        path.push(last);
        Key { realm: "r".to_owned(), path, stance, note: String::new() }
    });
    let long = (PATH_BYTES - 6..PATH_BYTES + 3, "[aä]{0,2}", prop::collection::vec("[ab]", 0..2), stance())
        .prop_map(|(bytes, end, rest, stance)| {
            let path = std::iter::once("a".repeat(bytes) + &end).chain(rest).collect();
            Key { realm: "r".to_owned(), path, stance, note: String::new() }
        });
    let realm = (REALM_BYTES - 2..REALM_BYTES + 3, stance()).prop_map(|(bytes, stance)| Key {
        realm: "r".repeat(bytes),
        path: Vec::new(),
        stance,
        note: String::new(),
    });
    let key = prop_oneof![deep, long, realm];
    let many = ("[ab]", 1..40_usize, 1..60_usize, stance()).prop_map(|(first, depth, number, stance)| {
        let path = |number: usize| {
            std::iter::once(first.clone())
                .chain(vec!["a".to_owned(); depth])
                .chain([number.to_string()])
                .collect()
        };
        let key = |number| Key { realm: "r".to_owned(), path: path(number), stance, note: String::new() };
        (0..number).map(key).collect()
    });
    prop_oneof![prop::collection::vec(key, 0..4), many]
}

fn any_keys() -> impl Strategy<Value = Vec<Key>> {
    prop_oneof![
        keys(),
        large_keys(),
        (keys(), large_keys()).prop_map(|(some, others)| [some, others].concat())
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (scopes(), any_keys()).prop_map(|(object, keys)| Step::Insert(object, keys)),
        1 => scopes().prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 0..24)
}

fn applied(steps: Vec<Step>) -> Index {
    let mut index = Index::default();
    for step in steps {
        match step {
            Step::Insert(object, keys) => drop(index.insert(&object, &keys)),
            Step::Remove(object) => index.remove(&object),
        }
    }
    index
}

proptest! {
    #[test]
    fn returns_the_overlaps_of_a_plain_list(steps in steps(), asked in any_keys(), mut asker in scopes(), named in any::<bool>()) {
        let mut list = List::default();
        steps.iter().cloned().for_each(|step| list.take(step));
        if !named {
            asker.name = "".into();
        }
        let index = applied(steps);
        prop_assert_eq!(index.overlaps(&asked, &asker, NO_LIMIT), Ok(list.overlaps(&asked, &asker)));
        prop_assert_eq!(index.len(), list.0.iter().filter(|(_, keys)| !keys.is_empty()).count());
        for (object, keys) in &list.0 {
            prop_assert_eq!(index.keys_of(object), keys.iter().cloned().collect::<Vec<_>>());
        }
    }

    #[test]
    fn overlaps_do_not_depend_on_the_order_of_insertions(steps in steps(), asked in keys()) {
        let last: BTreeMap<_, _> = steps.into_iter().filter_map(|step| match step {
            Step::Insert(object, keys) => Some((by_name(&object), (object, keys))),
            Step::Remove(_) => None,
        }).collect();
        let insert = |(object, keys): &(Scope<'static>, Vec<Key>)| Step::Insert(object.clone(), keys.clone());
        let forth = applied(last.values().map(insert).collect());
        let back = applied(last.values().rev().map(insert).collect());
        let unnamed = Scope::default();
        prop_assert_eq!(
            forth.overlaps(&asked, &unnamed, NO_LIMIT),
            back.overlaps(&asked, &unnamed, NO_LIMIT)
        );
    }

    #[test]
    fn an_object_is_stored_with_prefixes_of_all_its_keys(object in scopes(), keys in any_keys()) {
        let mut index = Index::default();
        prop_assert_eq!(index.insert(&object, &keys), Ok(()));
        let stored = index.keys_of(&object);
        let is_cut = |stored: &Key, whole: &Key| {
            (&stored.realm, stored.stance, &stored.note) == (&whole.realm, whole.stance, &whole.note)
                && whole.path.starts_with(&stored.path)
                && (whole.stance != Stance::Holds || whole.path == stored.path)
        };
        let whole: Vec<Key> = keys.iter().filter(|key| key.stance != Stance::Looks).map(cut).collect();
        for key in &whole {
            prop_assert!(stored.iter().any(|stored| is_cut(stored, key)), "{key:?}");
        }
        for stored in &stored {
            prop_assert!(whole.iter().any(|key| is_cut(stored, key)), "{stored:?}");
        }
        if object.namespace.is_empty() || whole.len() < 4 && whole.iter().all(|key| key.path.len() < 8 && key.path.concat().len() < 8) {
            prop_assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), whole.into_iter().collect());
        }
    }

    #[test]
    fn an_object_overlaps_another_one_if_and_only_if_the_other_one_overlaps_it(
        one in any_keys(), other in any_keys(), namespaces in ("[xy]?", "[xy]?"),
    ) {
        let unlooking = |keys: Vec<Key>| keys.into_iter().filter(|key| key.stance != Stance::Looks).collect::<Vec<_>>();
        let (one, other) = (unlooking(one), unlooking(other));
        let a = Scope { namespace: namespaces.0.into(), ..scope("a") };
        let b = Scope { namespace: namespaces.1.into(), ..scope("b") };
        let sees = |asker: &Scope<'_>, keys: &[Key], held: &Scope<'static>, held_keys: &[Key]| {
            let mut index = Index::default();
            index.insert(held, held_keys).expect("few realms");
            !index.overlaps(keys, asker, NO_LIMIT).expect("no limit").is_empty()
        };
        let seen = sees(&a, &one, &b, &other);
        prop_assert_eq!(seen, sees(&b, &other, &a, &one));
        prop_assert!(seen || !overlap(&one, &other), "a cut key overlaps what the whole key overlaps");
    }

    #[test]
    fn the_bytes_are_those_of_the_objects(steps in steps()) {
        let index = applied(steps.clone());
        let objects: BTreeMap<_, _> = steps.into_iter().map(|step| match step {
            Step::Insert(object, _) | Step::Remove(object) => (by_name(&object), object),
        }).collect();
        prop_assert_eq!(index.bytes(), objects.values().map(|object| index.bytes_of(object)).sum::<usize>());
    }

    #[test]
    fn removed_objects_leave_nothing(steps in steps()) {
        let objects: Vec<_> = steps.iter().map(|step| match step {
            Step::Insert(object, _) | Step::Remove(object) => object.clone(),
        }).collect();
        let mut index = applied(steps);
        objects.iter().for_each(|object| index.remove(object));
        prop_assert!(index.is_empty());
        prop_assert_eq!(index.bytes(), 0);
        prop_assert_eq!(format!("{index:?}"), format!("{:?}", Index::default()));
    }
}

#[test]
fn the_first_of_ten_thousand_keys_below_is_returned_with_their_number() {
    let mut index = Index::default();
    for number in 0..10_000 {
        let held = key(&format!("/srv/{}/{number}", number % 7), Stance::Holds, "rw");
        index.insert(&scope(&format!("pv-{number:05}")), &[held]).expect("inserted");
    }
    let asked = [key("/", Stance::Holds, "")];
    let answers = index.overlaps(&asked, &scope("pv-00000"), 256).expect("one group");
    let first = holding(&scope("pv-00001"), &key("/srv/1/1", Stance::Holds, "rw"), 9_999);
    assert_eq!(answers, [first]);
}

#[test]
fn a_subresource_gets_the_keys_of_its_object() {
    let mut index = Index::default();
    index.insert(&scope("web"), &[key("/web", Stance::Uses, "shared")]).expect("inserted");
    let asked = [key("/web", Stance::Looks, "")];
    let scale = Scope { subresource: "scale".into(), ..scope("web") };
    let held = holding(&scope("web"), &key("/web", Stance::Uses, "shared"), 1);
    assert_eq!(index.overlaps(&asked, &scale, NO_LIMIT), Ok(vec![held]));
    assert_eq!(index.overlaps(&asked, &scope("web"), NO_LIMIT), Ok(vec![]));
}

#[test]
fn more_overlaps_than_the_limit_are_an_error() {
    let mut index = Index::default();
    for number in 0..3 {
        let held = key("/srv", Stance::Holds, &number.to_string());
        index.insert(&scope(&format!("pv-{number}")), &[held]).expect("inserted");
    }
    let asked = [key("/", Stance::Looks, ""), key("/srv/www", Stance::Looks, "")];
    let answers = |limit| index.overlaps(&asked, &scope("other"), limit).map(|answers| answers.len());
    assert_eq!(answers(2), Err(TooMany { limit: 2, key: "nfs://nas".to_owned() }));
    assert_eq!(answers(3), Ok(3), "an overlap with two keys is returned once");
}

#[test]
fn more_holders_of_one_place_than_the_limit_are_summarized_by_note() {
    let mut index = Index::default();
    for number in 0..10 {
        let note = if number == 4 { "own" } else { "" };
        index.insert(&scope(&format!("pv-{number}")), &[key("/srv", Stance::Holds, note)]).expect("inserted");
    }
    let asked = [key("/srv", Stance::Holds, "")];
    let answers =
        |asker: &str, limit| index.summarized_overlaps(&asked, &scope(asker), limit).expect("answers");
    assert_eq!(Ok(answers("other", 10)), index.overlaps(&asked, &scope("other"), 10));
    let of_note =
        |name: &str, note: &str, count| holding(&scope(name), &key("/srv", Stance::Holds, note), count);
    let mut expected = vec![of_note("pv-0", "", 9), of_note("pv-4", "own", 1)];
    expected.sort_by_key(order);
    assert_eq!(answers("other", 3), expected);
    let mut without_own = vec![of_note("pv-1", "", 8), of_note("pv-4", "own", 1)];
    without_own.sort_by_key(order);
    assert_eq!(answers("pv-0", 3), without_own);
    let too_many = index.summarized_overlaps(&asked, &scope("other"), 1);
    assert_eq!(too_many, Err(TooMany { limit: 1, key: "nfs://nas/srv".to_owned() }));
}

#[test]
fn no_number_of_uses_is_an_error() {
    let mut index = Index::default();
    for number in 0..1_000 {
        let uses = ["", &number.to_string()].map(|note| key("/", Stance::Uses, note));
        index.insert(&scope(&format!("set-{number:04}")), &uses).expect("inserted");
    }
    let volume = scope("pv");
    index.insert(&volume, &[key("/srv", Stance::Holds, "")]).expect("inserted");
    let answers = index.overlaps(&[key("/srv/www", Stance::Holds, "")], &scope("other"), 3).expect("answers");
    let first = holding(&scope("set-0000"), &key("/", Stance::Uses, ""), 1_000);
    assert_eq!((answers.len(), &answers[0]), (4, &first));
    assert_eq!(answers[3], holding(&volume, &key("/srv", Stance::Holds, ""), 1));
}

#[test]
fn a_long_key_is_cut_in_an_error() {
    let mut index = Index::default();
    let path = "ä".repeat(1_000);
    for number in 0..2 {
        let held = key(&path, Stance::Holds, "");
        index.insert(&scope(&format!("pv-{number}")), &[held]).expect("inserted");
    }
    let error = index.overlaps(&[key(&path, Stance::Looks, "")], &scope("other"), 1).expect_err("too many");
    assert_eq!(error.key.chars().count(), SHOWN_KEY_CHARS + 1);
}

#[test]
fn keys_in_too_many_realms_change_nothing() {
    let set = Scope { namespace: "team".into(), ..scope("web") };
    let uses = |realms: usize| {
        let key = |number: usize| Key { realm: format!("nfs://{number}"), ..key("/srv", Stance::Uses, "") };
        (0..realms).map(key).collect::<Vec<_>>()
    };
    let mut index = Index::default();
    index.insert(&set, &uses(1)).expect("one realm");
    let before = (index.keys_of(&set), index.bytes());
    let error = index.insert(&set, &uses(1_000)).expect_err("too many realms");
    assert!(matches!(error, ObjectTooLarge { bytes, limit: OBJECT_BYTES } if bytes > OBJECT_BYTES));
    assert_eq!(index.growth(&set, &uses(1_000)), Err(error));
    assert_eq!((index.keys_of(&set), index.bytes()), before);
    assert_eq!(index.growth(&set, &uses(1)), Ok(0));
    let held: Vec<Key> = uses(1_000).into_iter().map(|key| Key { stance: Stance::Holds, ..key }).collect();
    assert_eq!(index.insert(&set, &held), Ok(()), "what an object holds always counts");
}

#[test]
fn many_deep_keys_of_one_object_take_no_more_than_its_budget() {
    let set = Scope { namespace: "team".into(), ..scope("web") };
    let uses: Vec<Key> =
        (0..150).map(|number| key(&format!("/{number}{}", "/a".repeat(254)), Stance::Uses, "")).collect();
    let mut index = Index::default();
    index.insert(&set, &uses).expect("one realm");
    assert!(index.bytes() < OBJECT_BYTES + 1_024, "{}", index.bytes());
    let asked = [key("/77/b", Stance::Holds, "")];
    assert_eq!(index.overlaps(&asked, &scope("pv"), 1).map(|overlaps| overlaps.len()), Ok(1));
}

#[test]
fn only_the_realm_that_costs_most_is_cut() {
    let set = Scope { namespace: "team".into(), ..scope("web") };
    let template = Key { realm: "claim/team".to_owned(), ..key("/data-web", Stance::Uses, "other") };
    let export = |number: usize| key(&format!("/{number}/a/b"), Stance::Uses, "");
    let keys: Vec<Key> = (0..150).map(export).chain([template.clone()]).collect();
    let mut index = Index::default();
    index.insert(&set, &keys).expect("two realms");
    assert_eq!(index.keys_of(&set), [template, key("/", Stance::Uses, "")]);
}

#[test]
fn a_node_that_parts_many_keys_is_found_again_after_removals() {
    let mut index = Index::default();
    for number in 0..200 {
        let held = key(&format!("/srv/volumes/{number}"), Stance::Holds, "");
        index.insert(&scope(&format!("pv-{number:03}")), &[held]).expect("inserted");
    }
    let asked = [key("/srv", Stance::Looks, "")];
    let first = holding(&scope("pv-000"), &key("/srv/volumes/0", Stance::Holds, ""), 200);
    for _ in 0..2 {
        assert_eq!(index.overlaps(&asked, &scope("other"), 1), Ok(vec![first.clone()]));
        index.insert(&scope("pv-other"), &[key("/srv/other", Stance::Holds, "")]).expect("inserted");
        let with = index.overlaps(&asked, &scope("other"), 1).expect("one group");
        assert_eq!(with, [Holding { count: 201, ..first.clone() }]);
        index.remove(&scope("pv-other"));
    }
}

#[test]
fn the_deepest_key_fits_a_small_stack() {
    let deep = key(&"a/".repeat(PATH_SEGMENTS), Stance::Holds, "");
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
        let mut index = Index::default();
        for depth in 0..=PATH_SEGMENTS {
            let key = Key { path: deep.path[..depth].to_vec(), ..deep.clone() };
            index.insert(&scope(&depth.to_string()), &[key]).expect("inserted");
        }
        index.remove(&scope(&PATH_SEGMENTS.to_string()));
        index.len()
    });
    assert_eq!(thread.expect("a thread").join().expect("no overflow"), PATH_SEGMENTS);
}
