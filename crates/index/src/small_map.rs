//! A sorted map that is as small as its entry while it has at most one.
//!
//! `smallvec` and `tinyvec` add a length to an inline entry, `arrayvec` does not grow, and `thin-vec` allocates for the
//! first entry. All are vectors: adding a holder to a node above a hundred thousand volumes shifts the entries after
//! it. One entry inline, and a boxed B-tree for more, has neither cost and keeps the order that look-ups need.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// Entries by key. Without values, a set.
#[derive(Clone, Debug)]
pub(crate) enum SmallMap<K, V = ()> {
    One(Option<(K, V)>),
    /// At least two entries.
    #[expect(clippy::box_collection, reason = "this is rare, and sets the size of all others")]
    Many(Box<BTreeMap<K, V>>),
}

// === impl SmallMap ===

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<K: Ord, V> SmallMap<K, V> {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::One(None))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(one) => usize::from(one.is_some()),
            Self::Many(many) => many.len(),
        }
    }

    /// The entries, sorted by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (one, many) = match self {
            Self::One(one) => (one.as_ref(), None),
            Self::Many(many) => (None, Some(many)),
        };
        let many = many.into_iter().flat_map(|many| many.iter());
        one.map(|(key, value)| (key, value)).into_iter().chain(many)
    }

    pub(crate) fn value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::One(one) => one.as_ref().filter(|(found, _)| found.borrow() == key).map(|(_, value)| value),
            Self::Many(many) => many.get(key),
        }
    }

    pub(crate) fn value_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::One(one) => {
                one.as_mut().filter(|(found, _)| (*found).borrow() == key).map(|(_, value)| value)
            }
            Self::Many(many) => many.get_mut(key),
        }
    }

    /// The value of a key; inserts the default if the key is absent.
    pub(crate) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if let Self::One(one) = self
            && let Some(other) = one.take_if(|(found, _)| *found != key)
        {
            *self = Self::Many(Box::new(BTreeMap::from([other])));
        }
        match self {
            Self::One(one) => &mut one.get_or_insert_with(|| (key, V::default())).1,
            Self::Many(many) => many.entry(key).or_default(),
        }
    }

    /// Removes the entry of a key, if there is one.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        match self {
            Self::One(one) => {
                one.take_if(|(found, _)| (*found).borrow() == key);
            }
            Self::Many(many) => {
                many.remove(key);
                if many.len() == 1 {
                    *self = Self::One(many.pop_first());
                }
            }
        }
    }
}
