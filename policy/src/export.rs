//! Exports: the directory of a server that a volume names, normalised.
//!
//! Two exports are one directory exactly if their realms and segments are equal. The policy does not ask DNS: two names
//! are two servers unless `exports.serverAliases` declares that they are one.

mod csi;
mod inline;
mod server;

pub(crate) use server::{StorageServer, is_ipv6, normalised_server};

use crate::display::shorten;
use crate::settings::Exports;
use ordinance_storage::path::{joined, segments};
use ordinance_storage::{CephfsSource, MountOptions, NfsSource};
use std::fmt;

/// The longest export in a message, in characters: a warning has 240 for everything.
const SHOWN_CHARS: usize = 80;

/// A directory that a server exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    protocol: Protocol,
    server: StorageServer,
    /// `None` for the default port of the protocol.
    port: Option<u16>,
    /// The file system of CephFS, if the volume names it.
    file_system: Option<String>,
    segments: Vec<String>,
    /// The number of segments that belong to a pseudo-root.
    pseudo_root: usize,
    /// The path as written, if it differs from its normal form.
    respelled: Option<String>,
}

/// The protocol by which a directory is mounted; the scheme of the realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// In-tree and by CSI.
    Nfs,
    /// By CSI.
    Smb,
    /// A file system of AWS; the server is its id.
    Efs,
    /// The server is the cluster's id, or its monitors.
    Cephfs,
}

/// A directory that a setting names as `server:path`, for all protocols and ports of the server. The path is absolute
/// on the server, as NFSv3 has it, so no pseudo-root is prepended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerPath {
    server: StorageServer,
    segments: Vec<String>,
}

/// Where a volume is located.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VolumeLocation {
    /// On this export.
    Export(Export),
    /// On a path with variables that cannot be resolved.
    Unresolved(String),
    /// On storage that has no export, or that the API server or the driver rejects.
    Unsupported,
}

// === impl VolumeLocation ===

impl VolumeLocation {
    /// Returns the export, if it is known.
    pub(crate) fn export(self) -> Option<Export> {
        match self {
            Self::Export(export) => Some(export),
            Self::Unresolved(_) | Self::Unsupported => None,
        }
    }

    fn of(export: Option<Export>) -> Self {
        export.map_or(Self::Unsupported, Self::Export)
    }
}

// === impl Protocol ===

impl Protocol {
    fn scheme(self) -> &'static str {
        match self {
            Self::Nfs => "nfs",
            Self::Smb => "smb",
            Self::Efs => "efs",
            Self::Cephfs => "cephfs",
        }
    }

    /// Returns the port that is used without a mount option.
    fn default_port(self) -> Option<u16> {
        match self {
            Self::Nfs => Some(2049),
            Self::Smb => Some(445),
            Self::Efs | Self::Cephfs => None,
        }
    }
}

// === impl Export ===

impl Export {
    /// Returns the export of a path, which is split into its segments.
    fn new(protocol: Protocol, server: StorageServer, path: &str) -> Self {
        let segments = segments(path);
        let respelled = (!path.is_empty() && joined(&segments) != path).then(|| path.to_owned());
        Self { protocol, server, port: None, file_system: None, segments, pseudo_root: 0, respelled }
    }

    /// Returns the export of the source `nfs`, or `None` for a source that the API server rejects.
    pub(crate) fn of_nfs(source: &NfsSource<'_>, options: &MountOptions, settings: &Exports) -> Option<Self> {
        if !source.path.starts_with('/') {
            return None;
        }
        Self::nfs(&source.server, &source.path, options, settings)
    }

    /// Returns the export of the source `cephfs`, or `None` without a monitor.
    pub(crate) fn of_cephfs(source: &CephfsSource<'_>, settings: &Exports) -> Option<Self> {
        let server = StorageServer::of_monitors(source.monitors.iter().map(|monitor| &**monitor), settings)?;
        Some(Self::new(Protocol::Cephfs, server, &source.path))
    }

    /// Returns the export of a path on an NFS server, or `None` without a server.
    fn nfs(server: &str, path: &str, options: &MountOptions, settings: &Exports) -> Option<Self> {
        let server = StorageServer::resolve(server, settings)?;
        let export = Self::new(Protocol::Nfs, server, path).on_port(options);
        Some(if options.is_version_4() { export.below_pseudo_root(settings) } else { export })
    }

    /// Returns the export of a path on an SMB server, which ignores case.
    fn smb(server: &str, path: &str, options: &MountOptions, settings: &Exports) -> Option<Self> {
        let server = StorageServer::resolve(server, settings)?;
        let mut export = Self::new(Protocol::Smb, server, &path.to_lowercase()).on_port(options);
        if path.chars().any(char::is_uppercase) {
            export.respelled = Some(path.to_owned());
        }
        Some(export)
    }

    fn on_port(mut self, options: &MountOptions) -> Self {
        self.port = options.port().filter(|port| Some(*port) != self.protocol.default_port());
        self
    }

    /// Prepends the pseudo-root of NFSv4 to the path.
    fn below_pseudo_root(mut self, settings: &Exports) -> Self {
        if let Some(mut segments) = pseudo_root(self.server.name(), settings) {
            self.pseudo_root = segments.len();
            segments.append(&mut self.segments);
            self.segments = segments;
        }
        self
    }

    /// Returns the realm of the export's key, e.g. `nfs://10.0.0.5` or `nfs://[fd00::1]:2050`.
    pub(crate) fn realm(&self) -> String {
        let mut realm = format!("{}://{}", self.protocol.scheme(), self.server.host());
        if let Some(port) = self.port {
            realm.push_str(&format!(":{port}"));
        }
        if let Some(file_system) = &self.file_system {
            realm.push('/');
            realm.push_str(file_system);
        }
        realm
    }

    /// The path below the realm; empty for its root.
    pub(crate) fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The segments as the volume writes them, without those of a pseudo-root.
    pub(crate) fn written(&self) -> &[String] {
        self.segments.get(self.pseudo_root..).unwrap_or_default()
    }

    /// The segments of the pseudo-root that the volume's path is below; empty without one.
    pub(crate) fn pseudo_root(&self) -> &[String] {
        self.segments.get(..self.pseudo_root).unwrap_or_default()
    }

    /// Returns whether the first segment is an access point of EFS.
    pub(crate) fn has_access_point(&self) -> bool {
        self.protocol == Protocol::Efs
            && self.segments.first().is_some_and(|segment| segment.starts_with("fsap-"))
    }

    /// The server, by its canonical name.
    pub(crate) fn server(&self) -> &StorageServer {
        &self.server
    }

    /// The path as written, if it differs from its normal form, e.g. by a trailing slash.
    pub(crate) fn respelled_path(&self) -> Option<&str> {
        self.respelled.as_deref()
    }

    /// Returns whether the export lies at or below a path of a server.
    pub(crate) fn is_within(&self, root: &ServerPath) -> bool {
        self.server.name() == root.server.name() && self.starts_with(root)
    }

    /// Returns whether the path starts with that of a root, as the protocol compares names.
    fn starts_with(&self, root: &ServerPath) -> bool {
        let equal = |(own, its): (&String, &String)| match self.protocol {
            Protocol::Smb => *own == its.to_lowercase(),
            Protocol::Nfs | Protocol::Efs | Protocol::Cephfs => own == its,
        };
        root.segments.len() <= self.segments.len() && self.segments.iter().zip(&root.segments).all(equal)
    }
}

// === impl ServerPath ===

impl ServerPath {
    /// Parses `server:path`. An IPv6 address stands in brackets, or ends at the last colon before a slash.
    pub(crate) fn parse(text: &str, settings: &Exports) -> Option<Self> {
        let (server, path) = text.trim().split_once(":/")?;
        let server = StorageServer::resolve(server, settings)?;
        Some(Self { server, segments: segments(path) })
    }

    /// The server, by its canonical name.
    pub(crate) fn server(&self) -> &str {
        self.server.name()
    }

    /// The number of segments of the path.
    pub(crate) fn depth(&self) -> usize {
        self.segments.len()
    }
}

/// Returns the path on a server that NFSv4 calls `/`, if the settings declare one.
pub(crate) fn pseudo_root(server: &str, settings: &Exports) -> Option<Vec<String>> {
    settings
        .pseudo_roots
        .iter()
        .find(|(name, _)| {
            StorageServer::resolve(name, settings).is_some_and(|resolved| resolved.name() == server)
        })
        .map(|(_, root)| segments(root))
}

/// The export as messages show it: shortened in the middle, without control characters.
impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.realm(), &self.segments))
    }
}

/// Returns a path in a realm as messages show it: shortened in the middle, without control characters.
pub(crate) fn shown(realm: &str, segments: &[String]) -> String {
    shorten(&format!("{realm}{}", joined(segments)), SHOWN_CHARS)
}

/// Returns a path as messages show it.
pub(crate) fn shown_path(segments: &[String]) -> String {
    shorten(&joined(segments), SHOWN_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_storage::VolumeSource;

    fn nfs<'a>(server: &'a str, path: &'a str) -> NfsSource<'a> {
        NfsSource { server: server.into(), path: path.into(), read_only: false }
    }

    fn inline(server: &str, path: &str, settings: &Exports) -> Option<Export> {
        Export::of_inline(&VolumeSource::Nfs(nfs(server, path)), settings)
    }

    fn shown_inline(server: &str, path: &str, settings: &Exports) -> Option<String> {
        inline(server, path, settings).map(|export| export.to_string())
    }

    fn with_pseudo_root() -> Exports {
        Exports {
            server_aliases: [("nas.example.com".to_owned(), vec!["nas".to_owned()])].into(),
            pseudo_roots: [("NAS".to_owned(), "/srv/".to_owned())].into(),
            ..Exports::default()
        }
    }

    #[test]
    fn realm_and_segments_are_normalised() {
        let options = MountOptions::of(["port=2050"]);
        let export = Export::of_nfs(&nfs("[FD00::1]", "/srv//www/"), &options, &Exports::default());
        assert_eq!(export.as_ref().map(Export::realm).as_deref(), Some("nfs://[fd00::1]:2050"));
        assert_eq!(export.as_ref().map(Export::segments), Some(["srv", "www"].map(String::from).as_slice()));
        assert_eq!(export.as_ref().and_then(Export::respelled_path), Some("/srv//www/"));
    }

    #[test]
    fn the_default_port_is_left_out() {
        for options in ["port=2049", "port=0", "hard"] {
            let export = Export::of_nfs(&nfs("nas", "/"), &MountOptions::of([options]), &Exports::default());
            assert_eq!(export.map(|export| export.realm()).as_deref(), Some("nfs://nas"));
        }
    }

    #[test]
    fn only_version_4_mounts_below_the_pseudo_root() {
        let settings = with_pseudo_root();
        assert_eq!(shown_inline("nas", "/www", &settings).as_deref(), Some("nfs://nas.example.com/srv/www"));
        assert_eq!(
            shown_inline("nas.example.com", "/srv/www", &settings).as_deref(),
            Some("nfs://nas.example.com/srv/srv/www")
        );
        let export = Export::of_nfs(&nfs("nas", "/srv/www"), &MountOptions::of(["nfsvers=3"]), &settings);
        assert_eq!(export.map(|export| export.to_string()).as_deref(), Some("nfs://nas.example.com/srv/www"));
    }

    #[test]
    fn a_path_below_a_pseudo_root_keeps_its_written_segments() {
        let export = inline("nas", "/www", &with_pseudo_root());
        assert_eq!(export.as_ref().map(Export::written), Some(["www".to_owned()].as_slice()));
        assert_eq!(export.as_ref().map(Export::pseudo_root), Some(["srv".to_owned()].as_slice()));
    }

    #[test]
    fn a_source_that_the_api_server_rejects_has_no_export() {
        assert_eq!(inline("nas", "srv/www", &Exports::default()), None);
        assert_eq!(inline(" ", "/srv", &Exports::default()), None);
    }

    #[test]
    fn a_long_path_is_shortened() {
        let path = format!("/{}", "x".repeat(4_000));
        let shown = shown_inline("nas", &path, &Exports::default()).unwrap_or_default();
        assert_eq!(shown.chars().count(), SHOWN_CHARS);
    }
}
