//! Who holds what, in a list.

use ordinance_contract::{Holding, Key, Scope, Stance};

/// The keys of all that exists.
#[derive(Default)]
pub(crate) struct Index(Vec<Holding>);

impl Index {
    pub(crate) fn insert(&mut self, holder: Scope<'static>, keys: Vec<Key>) {
        self.0.extend(keys.into_iter().filter(|key| key.stance != Stance::Looks).map(|key| Holding {
            realm: key.realm,
            path: key.path,
            stance: key.stance,
            note: key.note,
            holder: holder.clone(),
            count: 1,
        }));
    }

    pub(crate) fn overlaps(
        &self,
        keys: &[Key],
        except: &Scope<'_>,
        _limit: usize,
    ) -> Result<Vec<Holding>, String> {
        let meets = |holding: &&Holding| {
            keys.iter().any(|key| {
                key.realm == holding.realm
                    && (key.path.starts_with(&holding.path) || holding.path.starts_with(&key.path))
            })
        };
        Ok(self
            .0
            .iter()
            .filter(meets)
            .filter(|holding| !holding.holder.same_object(except))
            .cloned()
            .collect())
    }
}
