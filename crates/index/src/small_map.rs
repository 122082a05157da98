//! A sorted map that is as small as its entry while it has at most one.
//!
//! `smallvec` and `tinyvec` add a length to an inline entry, `arrayvec` does not grow, and `thin-vec` allocates for the
//! first entry. All are vectors: adding a holder to a node above a hundred thousand volumes shifts the entries after
//! it. One entry inline, and a boxed B-tree for more, has neither cost and keeps the order that look-ups need.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;

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

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::One(one) => {
                let (found, value) = one.as_ref()?;
                (found.borrow() == key).then_some((found, value))
            }
            Self::Many(many) => many.get_key_value(key),
        }
    }

    pub(crate) fn value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get(key).map(|(_, value)| value)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(&K, &mut V)>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::One(one) => {
                let (found, value) = one.as_mut()?;
                ((*found).borrow() == key).then_some((found, value))
            }
            Self::Many(many) => {
                let mut at = many.range_mut((Bound::Included(key), Bound::Included(key)));
                at.next()
            }
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

    /// Removes an entry, and returns it.
    pub(crate) fn take<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::One(one) => one.take_if(|(found, _)| (*found).borrow() == key),
            Self::Many(many) => {
                let taken = many.remove_entry(key);
                if many.len() == 1 {
                    *self = Self::One(many.pop_first());
                }
                taken
            }
        }
    }
}
