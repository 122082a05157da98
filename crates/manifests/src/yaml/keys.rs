//! The keys of a mapping, to find duplicates.

use std::collections::HashSet;
use std::ops::Range;

/// Up to this number of keys, comparing them one by one is faster than hashing.
const FEW: usize = 16;

/// The keys so far, as ranges of the JSON that they were written to.
#[derive(Default)]
pub(super) struct Keys {
    few: Vec<Range<usize>>,
    many: HashSet<String>,
}

// === impl Keys ===

impl Keys {
    /// Adds a key. Returns whether it is new.
    pub(super) fn add(&mut self, json: &str, key: Range<usize>) -> bool {
        let text = json.get(key.clone()).unwrap_or_default();
        if !self.many.is_empty() {
            return self.many.insert(text.to_owned());
        }
        let is_new = !self.few.iter().any(|other| json.get(other.clone()) == Some(text));
        self.few.push(key);
        if self.few.len() > FEW {
            self.many = self.few.iter().filter_map(|key| json.get(key.clone())).map(str::to_owned).collect();
        }
        is_new
    }

    /// Returns whether a key was added.
    pub(super) fn contains(&self, json: &str, key: &str) -> bool {
        self.many.contains(key) || self.few.iter().any(|other| json.get(other.clone()) == Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_duplicate_among_few_keys_and_among_many() {
        let json: String = ('a'..='z').chain('A'..='Z').chain("aZ".chars()).collect();
        let mut keys = Keys::default();
        let is_new: Vec<bool> = (0..json.len()).map(|start| keys.add(&json, start..start + 1)).collect();
        assert_eq!(is_new.iter().filter(|is_new| !**is_new).count(), 2);
        assert!(keys.contains(&json, "Z") && keys.contains(&json, "a") && !keys.contains(&json, "1"));
        let mut keys = Keys::default();
        assert!(keys.add("aba", 0..1) && keys.add("aba", 1..2) && !keys.add("aba", 2..3));
    }
}
