//! Keys of the contract as reservations have them, and reservations as an index.

use crate::Index;
use ordinance_contract::{Key, Scope, Stance};
use ordinance_reservation::{Draft, HeldKey, Holder, Reservation};

/// Returns an index of reservations, or `None` if there are none.
pub fn index_of(reservations: &[Reservation]) -> Option<Box<Index>> {
    if reservations.is_empty() {
        return None;
    }
    let mut index = Index::default();
    for Reservation { draft: Draft { holder, keys, .. }, .. } in reservations {
        let scope = scope(holder);
        let mut all = index.keys_of(&scope);
        all.extend(keys.iter().map(contract_key));
        // What an object holds has no limit.
        let _ = index.insert(&scope, &all);
    }
    Some(Box::new(index))
}

/// Returns the scope of a holder.
pub fn scope(holder: &Holder) -> Scope<'static> {
    let Holder { group, version, resource, namespace, name, .. } = holder.clone();
    Scope {
        group: group.into(),
        version: version.into(),
        resource: resource.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Scope::default()
    }
}

/// Returns an object as the holder of a reservation.
pub fn holder(scope: &Scope<'_>, uid: &str) -> Holder {
    Holder {
        group: scope.group.to_string(),
        version: scope.version.to_string(),
        resource: scope.resource.to_string(),
        namespace: scope.namespace.to_string(),
        name: scope.name.to_string(),
        uid: uid.to_owned(),
    }
}

/// Returns keys that are held as the index keeps them, which cuts long ones: a cut key overlaps more.
pub fn held_keys(scope: &Scope<'_>, keys: &[Key]) -> Vec<HeldKey> {
    let held: Vec<Key> = keys.iter().map(|key| Key { stance: Stance::Holds, ..key.clone() }).collect();
    let (mut index, object) = (Index::default(), Scope { name: "object".into(), ..scope.borrowed() });
    // What an object holds has no limit.
    let _ = index.insert(&object, &held);
    index
        .keys_of(&object)
        .into_iter()
        .map(|Key { realm, path, note, .. }| HeldKey { realm, path, note })
        .collect()
}

/// Returns a reserved key as the object that reserved it has it.
pub fn contract_key(key: &HeldKey) -> Key {
    let HeldKey { realm, path, note } = key.clone();
    Key { realm, path, note, stance: Stance::Holds }
}
