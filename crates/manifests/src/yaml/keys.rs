//! The keys of one mapping, to find one that is there twice.

use std::collections::HashSet;
use std::ops::Range;

/// Up to so many keys it is faster to compare them one by one.
const FEW: usize = 16;

/// Keys that were seen, as ranges of the JSON that they were written to.
#[derive(Default)]
pub(super) struct Keys {
    few: Vec<Range<usize>>,
    many: HashSet<String>,
}

// === impl Keys ===

impl Keys {
    /// Whether a key is there for the first time.
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

    /// Whether a key is there.
    pub(super) fn contains(&self, json: &str, key: &str) -> bool {
        self.many.contains(key) || self.few.iter().any(|other| json.get(other.clone()) == Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_key_that_is_there_twice_among_few_and_among_many() {
        let json: String = ('a'..='z').chain('A'..='Z').chain("aZ".chars()).collect();
        let mut keys = Keys::default();
        let is_new: Vec<bool> = (0..json.len()).map(|start| keys.add(&json, start..start + 1)).collect();
        assert_eq!(is_new.iter().filter(|is_new| !**is_new).count(), 2);
        assert!(keys.contains(&json, "Z") && keys.contains(&json, "a") && !keys.contains(&json, "1"));
        let mut keys = Keys::default();
        assert!(keys.add("aba", 0..1) && keys.add("aba", 1..2) && !keys.add("aba", 2..3));
    }
}
