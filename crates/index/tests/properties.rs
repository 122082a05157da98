//! The index returns the overlaps that a plain list of all keys returns.

use ordinance_contract::{Holding, Key, Scope, Stance};
use ordinance_index::{Index, MAX_DEPTH, SHOWN_KEY_CHARS, TooDeep, TooMany};
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
                self.0.retain(|(holder, _)| !holder.same_object(&object));
                self.0.push((object, keys.into_iter().filter(|key| key.stance != Stance::Looks).collect()));
            }
            Step::Remove(object) => self.0.retain(|(holder, _)| !holder.same_object(&object)),
        }
    }

    fn overlaps(&self, keys: &[Key], except: &Scope<'_>) -> Vec<Holding> {
        let mut answers: Vec<Holding> = Vec::new();
        for key in keys {
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

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (scopes(), keys()).prop_map(|(object, keys)| Step::Insert(object, keys)),
        1 => scopes().prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 0..24)
}

fn applied(steps: Vec<Step>) -> Index {
    let mut index = Index::default();
    for step in steps {
        match step {
            Step::Insert(object, keys) => index.insert(object, keys).expect("no key is deep"),
            Step::Remove(object) => index.remove(&object),
        }
    }
    index
}

proptest! {
    #[test]
    fn returns_the_overlaps_of_a_plain_list(steps in steps(), asked in keys(), mut asker in scopes(), named in any::<bool>()) {
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
    fn removed_objects_leave_nothing(steps in steps()) {
        let objects: Vec<_> = steps.iter().map(|step| match step {
            Step::Insert(object, _) | Step::Remove(object) => object.clone(),
        }).collect();
        let mut index = applied(steps);
        objects.iter().for_each(|object| index.remove(object));
        prop_assert!(index.is_empty());
        prop_assert_eq!(index.segments(), 0);
        prop_assert_eq!(format!("{index:?}"), format!("{:?}", Index::default()));
    }
}

#[test]
fn the_first_of_ten_thousand_keys_below_is_returned_with_their_number() {
    let mut index = Index::default();
    for number in 0..10_000 {
        let held = key(&format!("/srv/{}/{number}", number % 7), Stance::Holds, "rw");
        index.insert(scope(&format!("pv-{number:05}")), vec![held]).expect("no key is deep");
    }
    let asked = [key("/", Stance::Holds, "")];
    let answers = index.overlaps(&asked, &scope("pv-00000"), 256).expect("one group");
    let first = holding(&scope("pv-00001"), &key("/srv/1/1", Stance::Holds, "rw"), 9_999);
    assert_eq!(answers, [first]);
}

#[test]
fn a_subresource_gets_the_keys_of_its_object() {
    let mut index = Index::default();
    index.insert(scope("web"), vec![key("/web", Stance::Uses, "shared")]).expect("not deep");
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
        index.insert(scope(&format!("pv-{number}")), vec![held]).expect("no key is deep");
    }
    let asked = [key("/", Stance::Looks, ""), key("/srv/www", Stance::Looks, "")];
    let answers = |limit| index.overlaps(&asked, &scope("other"), limit).map(|answers| answers.len());
    assert_eq!(answers(2), Err(TooMany { limit: 2, key: "nfs://nas".to_owned() }));
    assert_eq!(answers(3), Ok(3), "an overlap with two keys is returned once");
}

#[test]
fn no_number_of_uses_is_an_error() {
    let mut index = Index::default();
    for number in 0..1_000 {
        let uses = ["", &number.to_string()].map(|note| key("/", Stance::Uses, note));
        index.insert(scope(&format!("set-{number:04}")), uses.into()).expect("no key is deep");
    }
    let volume = scope("pv");
    index.insert(volume.clone(), vec![key("/srv", Stance::Holds, "")]).expect("not deep");
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
        index.insert(scope(&format!("pv-{number}")), vec![held]).expect("no key is deep");
    }
    let error = index.overlaps(&[key(&path, Stance::Looks, "")], &scope("other"), 1).expect_err("too many");
    assert_eq!(error.key.chars().count(), SHOWN_KEY_CHARS + 1);
}

#[test]
fn a_key_that_is_too_deep_changes_nothing() {
    let mut index = Index::default();
    index.insert(scope("pv"), vec![key("/srv", Stance::Holds, "")]).expect("not deep");
    let deep = key(&"a/".repeat(MAX_DEPTH + 1), Stance::Holds, "");
    assert_eq!(index.insert(scope("pv"), vec![deep]), Err(TooDeep { segments: MAX_DEPTH + 1 }));
    assert!(index.contains(&scope("pv")));
}

#[test]
fn the_deepest_key_fits_a_small_stack() {
    let deep = key(&"a/".repeat(MAX_DEPTH), Stance::Holds, "");
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
        let mut index = Index::default();
        index.insert(scope("a"), vec![deep.clone()]).expect("as deep as may be");
        index.insert(scope("b"), vec![deep]).expect("as deep as may be");
        index.remove(&scope("a"));
        index.len()
    });
    assert_eq!(thread.expect("a thread").join().expect("no overflow"), 1);
}
