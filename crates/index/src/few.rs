//! A sorted map that most often has one entry, or none: then it takes no more room than that.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// Entries by their keys. Without values, a set.
#[derive(Debug)]
pub(crate) enum Few<K, V = ()> {
    One(Option<(K, V)>),
    /// Two at least.
    #[expect(clippy::box_collection, reason = "this is rare, and sets the size of all others")]
    Many(Box<BTreeMap<K, V>>),
}

// === impl Few ===

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<K: Ord, V> Few<K, V> {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::One(None))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(one) => usize::from(one.is_some()),
            Self::Many(many) => many.len(),
        }
    }

    /// All entries, sorted by key.
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

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::One(one) => {
                let (found, value) = one.as_mut()?;
                ((*found).borrow() == key).then_some(value)
            }
            Self::Many(many) => many.get_mut(key),
        }
    }

    /// The value of a key, which is put there if there was none.
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

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        match self {
            Self::One(one) => drop(one.take_if(|(found, _)| (*found).borrow() == key)),
            Self::Many(many) => {
                many.remove(key);
                if many.len() == 1 {
                    *self = Self::One(many.pop_first());
                }
            }
        }
    }
}
