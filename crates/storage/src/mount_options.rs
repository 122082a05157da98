//! Mount options that decide which directory is mounted, and whether it can be written.

/// Parsed mount options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountOptions {
    read_only: bool,
    read_write: bool,
    port: Option<u16>,
    version: Option<String>,
    access_point: Option<String>,
}

// === impl MountOptions ===

impl MountOptions {
    /// Parses entries, each of which may hold several options separated by commas; the last of two values wins.
    pub fn of<'t>(entries: impl IntoIterator<Item = &'t str>) -> Self {
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
            // Port 0 means the one that the server's port mapper announces.
            ("port", port) => self.port = port.parse().ok().filter(|port| *port != 0),
            ("vers" | "nfsvers", version) => self.version = Some(version.to_owned()),
            ("v2" | "v3" | "v4" | "v4.0" | "v4.1" | "v4.2", "") => {
                self.version = option.get(1..).map(str::to_owned)
            }
            ("accesspoint", id) => self.access_point = Some(id.to_owned()),
            _ => {}
        }
    }

    /// Returns whether the kernel refuses writes. `ro` beside `rw` does not count: the kubelet sorts options, so either
    /// may come last.
    pub fn is_read_only(&self) -> bool {
        self.read_only && !self.read_write
    }

    /// Returns whether NFS version 4 is used, which is the default: its paths are below the server's pseudo-root.
    pub fn is_version_4(&self) -> bool {
        self.version.as_deref().is_none_or(|version| version.starts_with('4'))
    }

    /// The server's port, or `None` if the options leave it to the protocol.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The access point of an EFS file system, e.g. `fsap-0123`.
    pub fn access_point(&self) -> Option<&str> {
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
    fn version_4_is_the_default() {
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
    fn ro_beside_rw_is_not_read_only() {
        assert!(!MountOptions::of(["ro", "rw"]).is_read_only());
        assert!(!MountOptions::of(["rom", "ro=1"]).is_read_only());
    }
}
