//! The prefixes of `envFrom`.

use crate::EnvFrom;

/// Prefixes of which none begins another one, sorted.
#[derive(Debug)]
pub(super) struct Prefixes<'a>(Vec<&'a str>);

// === impl Prefixes ===

impl<'a> Prefixes<'a> {
    pub(super) fn of(sources: &'a [EnvFrom<'a>]) -> Self {
        let mut prefixes: Vec<&str> = sources.iter().map(|from| &*from.prefix).collect();
        prefixes.sort_unstable();
        // The texts that a prefix begins follow it directly.
        prefixes.dedup_by(|longer, prefix| longer.starts_with(*prefix));
        Self(prefixes)
    }

    /// Returns whether one of them begins a name. Only the last one that is not greater can, since none begins another one.
    pub(super) fn begin(&self, name: &str) -> bool {
        let end = self.0.partition_point(|prefix| *prefix <= name);
        let last = end.checked_sub(1).and_then(|last| self.0.get(last));
        last.is_some_and(|prefix| name.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(prefixes: &[&'static str]) -> Vec<EnvFrom<'static>> {
        prefixes.iter().map(|prefix| EnvFrom { prefix: (*prefix).into() }).collect()
    }

    #[test]
    fn a_name_begins_with_the_nearest_prefix() {
        let sources = prefixes(&["B", "A_", "A_X", "C_"]);
        let prefixes = Prefixes::of(&sources);
        assert_eq!(prefixes.0, ["A_", "B", "C_"]);
        for (name, begins) in
            [("A_Z", true), ("A", false), ("BA", true), ("C", false), ("D", false), ("", false)]
        {
            assert_eq!(prefixes.begin(name), begins, "{name}");
        }
    }

    #[test]
    fn every_name_begins_with_an_empty_prefix() {
        let sources = prefixes(&["A", ""]);
        assert!(Prefixes::of(&sources).begin("B"));
        assert!(!Prefixes::of(&[]).begin("B"));
    }
}
