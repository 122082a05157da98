//! Mount options, as far as they say which directory is mounted, and how.

/// The mount options in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MountOptions {
    read_only: bool,
    read_write: bool,
    port: Option<u16>,
    version: Option<String>,
    access_point: Option<String>,
}

// === impl MountOptions ===

impl MountOptions {
    /// Reads entries, each of which may hold several options, by comma; of two values the later one counts.
    pub(crate) fn of<'t>(entries: impl IntoIterator<Item = &'t str>) -> Self {
        let mut options = Self::default();
        for option in entries.into_iter().flat_map(|entry| entry.split(',')) {
            options.add(option.trim());
        }
        options
    }

    fn add(&mut self, option: &str) {
        match option.split_once('=').unwrap_or((option, "")) {
            ("ro", "") => self.read_only = true,
            ("rw", "") => self.read_write = true,
            // 0 stands for the port that the server announces.
            ("port", port) => self.port = port.parse().ok().filter(|port| *port != 0),
            ("vers" | "nfsvers", version) => self.version = Some(version.to_owned()),
            ("v2" | "v3" | "v4" | "v4.0" | "v4.1" | "v4.2", "") => {
                self.version = option.get(1..).map(str::to_owned)
            }
            ("accesspoint", id) => self.access_point = Some(id.to_owned()),
            _ => {}
        }
    }

    /// Whether the kernel refuses writes. Of `ro` beside `rw` it is not known which comes last: the kubelet sorts.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only && !self.read_write
    }

    /// Whether the paths of a server are those below its pseudo-root.
    pub(crate) fn is_version_4(&self) -> bool {
        self.version.as_deref().is_none_or(|version| version.starts_with('4'))
    }

    /// The server's port, if one is named.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// The access point of an EFS file system.
    pub(crate) fn access_point(&self) -> Option<&str> {
        self.access_point.as_deref()
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
    fn without_a_version_it_is_4() {
        for (entries, expected) in [
            (vec![], true),
            (vec!["vers=4.1"], true),
            (vec!["nfsvers=4"], true),
            (vec!["vers=3"], false),
            (vec!["v3"], false),
        ] {
            assert_eq!(MountOptions::of(entries.iter().copied()).is_version_4(), expected, "{entries:?}");
        }
    }

    #[test]
    fn ro_beside_rw_proves_nothing() {
        assert!(!MountOptions::of(["ro", "rw"]).is_read_only());
        assert!(!MountOptions::of(["rom", "ro=1"]).is_read_only());
    }
}
