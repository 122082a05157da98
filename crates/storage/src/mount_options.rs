//! Mount options that decide which directory is mounted, and whether it can be written.

/// Mount options in force, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountOptions<'a> {
    options: Vec<&'a str>,
}

// === impl MountOptions ===

impl<'a> MountOptions<'a> {
    /// Splits entries, each of which may hold several options separated by commas; the last of two values wins.
    pub fn of(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let options = entries.into_iter().flat_map(|entry| entry.split(',')).map(str::trim);
        Self { options: options.filter(|option| !option.is_empty()).collect() }
    }

    /// Returns these options followed by others.
    pub fn followed_by(mut self, entry: Option<&'a str>) -> Self {
        self.options.extend(Self::of(entry).options);
        self
    }

    /// Returns the value of an option, written as `name=value`, `name value` or `name:value`, with or without dashes before the
    /// name. `None` if it is absent or empty.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        let value = |option: &&'a str| {
            let rest = option.trim_start_matches('-').strip_prefix(name)?;
            let value = rest.strip_prefix(['=', ' ', '\t', ':'])?.trim();
            (!value.is_empty()).then_some(value)
        };
        self.options.iter().rev().find_map(value)
    }

    /// Returns whether there is an option without a value, e.g. `guest`.
    pub fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    /// Returns whether the kernel refuses writes. `ro` beside `rw` does not count: the kubelet sorts options, so either
    /// may come last.
    pub fn is_read_only(&self) -> bool {
        // FUSE clients take the longer spellings too.
        (self.has("ro") || self.has("read-only") || self.has("--read-only")) && !self.has("rw")
    }

    /// Returns whether NFS version 4 is used, which is the default: its paths are below the server's pseudo-root.
    pub fn is_version_4(&self) -> bool {
        self.options
            .iter()
            .rev()
            .find_map(|option| nfs_version(option))
            .is_none_or(|version| version.starts_with('4'))
    }

    /// The server's port, or `None` if the options leave it to the protocol.
    pub fn port(&self) -> Option<u16> {
        // Port 0 means the one that the server's port mapper announces.
        self.value("port")?.parse().ok().filter(|port| *port != 0)
    }
}

/// Returns the version that an option asks for, e.g. `4.1`.
fn nfs_version(option: &str) -> Option<&str> {
    match option.split_once('=') {
        Some(("vers" | "nfsvers", version)) => Some(version),
        None if matches!(option, "v2" | "v3" | "v4" | "v4.0" | "v4.1" | "v4.2") => option.get(1..),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_split_at_commas() {
        let options = MountOptions::of(["hard,ro", "port=2050, nfsvers=3"]);
        assert!(options.is_read_only());
        assert_eq!(options.port(), Some(2050));
        assert!(!options.is_version_4());
    }

    #[test]
    fn version_4_is_the_default() {
        for (entries, expected) in [
            (vec![], true),
            (vec!["vers=4.1"], true),
            (vec!["nfsvers=4"], true),
            (vec!["vers=3"], false),
            (vec!["v3"], false),
            (vec!["v3", "vers=4.2"], true),
        ] {
            assert_eq!(MountOptions::of(entries.iter().copied()).is_version_4(), expected, "{entries:?}");
        }
    }

    #[test]
    fn ro_beside_rw_is_not_read_only() {
        assert!(!MountOptions::of(["ro", "rw"]).is_read_only());
        assert!(!MountOptions::of(["rom", "ro=1"]).is_read_only());
    }

    #[test]
    fn the_last_value_of_an_option_counts_however_it_is_written() {
        for (entries, value) in [
            (vec!["only-dir=a", "only-dir=/b/"], Some("/b/")),
            (vec!["--only-dir=a"], Some("a")),
            (vec!["only-dir a b"], Some("a b")),
            (vec!["only-dir:a"], Some("a")),
            (vec!["only-dir", "only-dir=", "only-directory=x"], None),
        ] {
            assert_eq!(MountOptions::of(entries.iter().copied()).value("only-dir"), value, "{entries:?}");
        }
    }
}
