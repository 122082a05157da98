//! Exports: the directory of a server that a volume names, normalised.
//!
//! Two exports are one directory exactly if their realms and segments are equal. The policy does not ask DNS: two names
//! are two servers unless `exports.serverAliases` declares that they are one.

mod csi;
mod in_tree;
mod inline;
mod server;

pub(crate) use csi::CsiVolume;
pub(crate) use server::{StorageServer, is_ipv6, normalised_server};

use crate::display::shorten;
use crate::settings::Exports;
use ordinance_storage::MountOptions;
use ordinance_storage::path::{joined, segments};
use std::borrow::Cow;
use std::fmt;

/// The longest path that Linux opens (`PATH_MAX`).
const PATH_BYTES: usize = 4_096;

/// The longest export in a message, in characters: a warning has 240 for everything.
const SHOWN_CHARS: usize = 80;

/// A directory that a server exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    protocol: Protocol,
    server: StorageServer,
    /// `None` for the default port of the protocol.
    port: Option<u16>,
    segments: Vec<String>,
    /// The number of segments that must exist already, e.g. the share of SMB; below them a volume may name any directory.
    existing: usize,
    /// The number of segments that belong to a pseudo-root.
    pseudo_root: usize,
    /// The path as written, if it differs from its normal form.
    respelled: Option<String>,
}

/// The protocol by which a directory is mounted; the scheme of the realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Nfs,
    /// Names are compared without their case.
    Smb,
    /// A file system of AWS; the server is its id.
    Efs,
    /// The scheme of any other one.
    Other(String),
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
    Export(Export, Evidence),
    /// No directory of a server: this text identifies the volume among those of its driver.
    Volume(String, Evidence),
    /// On a path with variables that cannot be resolved.
    Unresolved(String, Evidence),
    /// Attributes whose keys differ by case only say two things.
    Ambiguous(Evidence),
    /// The volume lacks what its driver locates it by, e.g. `server`.
    Incomplete(String),
    /// On storage of a driver that the catalogue does not have.
    UnknownDriver,
    /// On storage that is never compared, or that the API server rejects.
    Unsupported,
}

/// What in a volume says where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The last field of it, e.g. `spec.nfs.path`.
    pub(crate) field: String,
    /// Whether the `volumeHandle` is part of it, so that another handle is another volume.
    pub(crate) has_handle: bool,
}

// === impl VolumeLocation ===

impl VolumeLocation {
    /// Returns the export, if it is known.
    pub(crate) fn export(self) -> Option<Export> {
        match self {
            Self::Export(export, _) => Some(export),
            _ => None,
        }
    }

    fn of(export: Option<Export>, field: &str) -> Self {
        let evidence = Evidence { field: field.to_owned(), has_handle: false };
        export.map_or(Self::Unsupported, |export| Self::Export(export, evidence))
    }
}

// === impl Protocol ===

impl Protocol {
    fn of(scheme: &str) -> Self {
        match scheme {
            "nfs" => Self::Nfs,
            "smb" => Self::Smb,
            "efs" => Self::Efs,
            other => Self::Other(other.to_owned()),
        }
    }

    fn scheme(&self) -> &str {
        match self {
            Self::Nfs => "nfs",
            Self::Smb => "smb",
            Self::Efs => "efs",
            Self::Other(scheme) => scheme,
        }
    }

    /// Returns whether its servers are hosts, whose names and addresses have several spellings.
    fn has_hosts(&self) -> bool {
        const HOSTS: [&str; 12] = [
            "azure-blob",
            "beegfs",
            "cephfs",
            "cubefs",
            "curvine",
            "glusterfs",
            "iscsi",
            "isilon",
            "lustre",
            "seaweedfs",
            "vast",
            "s3-endpoint",
        ];
        match self {
            Self::Nfs | Self::Smb | Self::Efs => true,
            Self::Other(scheme) => HOSTS.contains(&scheme.as_str()),
        }
    }

    /// Returns the port that is used without a mount option.
    fn default_port(&self) -> Option<u16> {
        match self {
            Self::Nfs => Some(2049),
            Self::Smb => Some(445),
            Self::Efs | Self::Other(_) => None,
        }
    }
}

// === impl Export ===

impl Export {
    /// Returns the export of a path, which is split into its segments.
    fn new(protocol: Protocol, server: StorageServer, path: &str) -> Self {
        let segments = segments(mountable(path));
        let respelled = (!is_normal(path, &segments)).then(|| path.to_owned());
        Self { protocol, server, port: None, existing: 0, segments, pseudo_root: 0, respelled }
    }

    /// Returns the export of a place, which is a server and a path, as the template of a driver spells it. The first
    /// `existing` bytes spell what must exist already. `None` without a server.
    pub(crate) fn of_place(
        scheme: &str,
        place: &str,
        existing: usize,
        options: &MountOptions<'_>,
        settings: &Exports,
    ) -> Option<Self> {
        let protocol = Protocol::of(scheme);
        let is_smb = protocol == Protocol::Smb;
        let place = if is_smb { Cow::Owned(place.replace('\\', "/")) } else { Cow::Borrowed(place) };
        let (named, rest) = place.split_at_checked(existing).unwrap_or(("", &place));
        let (server, path) = split_server(&place);
        let export = match protocol {
            Protocol::Nfs => Self::nfs(server, path, options, settings)?,
            // The path of a source may go on after its share.
            Protocol::Smb => Self::smb(server, path, options, settings)?.below(1, path),
            protocol if protocol.has_hosts() => {
                Self::new(protocol, StorageServer::resolve(server, settings)?, path)
            }
            protocol => Self::new(protocol, StorageServer::resolve_name(server, settings)?, path),
        };
        let existing = named.split('/').filter(|segment| !segment.is_empty()).count().saturating_sub(1);
        if is_smb || existing == 0 {
            return Some(export);
        }
        Some(Self { respelled: respelled(rest), ..export.below(existing, path) })
    }

    /// Says that the first segments of the path must exist already. `..` below them does not lead out of them: a driver makes
    /// the rest a path of its own.
    fn below(mut self, existing: usize, path: &str) -> Self {
        self.existing = existing;
        if !path.contains("..") {
            return self;
        }
        let path = if self.protocol == Protocol::Smb { path.to_lowercase() } else { path.to_owned() };
        let mut named = path.split('/').filter(|segment| !matches!(*segment, "" | "."));
        self.segments = named.by_ref().take(existing).map(str::to_owned).collect();
        self.segments.extend(segments(&named.collect::<Vec<_>>().join("/")));
        self
    }

    /// Returns the export of a path on an NFS server, or `None` without a server.
    fn nfs(server: &str, path: &str, options: &MountOptions<'_>, settings: &Exports) -> Option<Self> {
        let server = StorageServer::resolve(server, settings)?;
        if let Some(file_system) = server.efs_file_system() {
            return Some(Self::new(Protocol::Efs, file_system, path));
        }
        if let Some(container) = blob_container(server.name(), path) {
            return Some(Self::new(Protocol::Other("azure-blob".to_owned()), server, container));
        }
        let export = Self::new(Protocol::Nfs, server, path).on_port(options);
        Some(if options.is_version_4() { export.below_pseudo_root(settings) } else { export })
    }

    /// Returns the export of a path on an SMB server, which ignores case.
    fn smb(server: &str, path: &str, options: &MountOptions<'_>, settings: &Exports) -> Option<Self> {
        let server = StorageServer::resolve(server, settings)?;
        let mut export = Self::new(Protocol::Smb, server, &path.to_lowercase()).on_port(options);
        if path.chars().any(char::is_uppercase) {
            export.respelled = Some(path.to_owned());
        }
        Some(export)
    }

    fn on_port(mut self, options: &MountOptions<'_>) -> Self {
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
        let (scheme, host) = (self.protocol.scheme(), self.server.host());
        match self.port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => [scheme, "://", &host].concat(),
        }
    }

    /// The path below the realm; empty for its root.
    pub(crate) fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The segments as the volume writes them: without those of a pseudo-root, and without those that another field names.
    pub(crate) fn written(&self) -> &[String] {
        self.segments.get(self.pseudo_root + self.named_elsewhere()..).unwrap_or_default()
    }

    /// The number of segments of a path that another field than that of the directory names. An SMB source has its share
    /// in it.
    pub(crate) fn named_elsewhere(&self) -> usize {
        if self.protocol == Protocol::Smb { 0 } else { self.existing }
    }

    /// The segments of the pseudo-root that the volume's path is below; empty without one.
    pub(crate) fn pseudo_root(&self) -> &[String] {
        self.segments.get(..self.pseudo_root).unwrap_or_default()
    }

    /// The number of segments, without those of a pseudo-root, that must exist already, so that no volume can name others
    /// in their place.
    pub(crate) fn existing(&self) -> usize {
        self.existing
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
            Protocol::Nfs | Protocol::Efs | Protocol::Other(_) => own == its,
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

/// Returns the beginning of a path that Linux can open; a longer one cannot be mounted, and counts as this beginning.
fn mountable(path: &str) -> &str {
    path.get(..path.floor_char_boundary(PATH_BYTES)).unwrap_or(path)
}

/// Splits a place into its server and its path, which begins with one slash unless it is empty.
fn split_server(place: &str) -> (&str, &str) {
    let place = place.trim().trim_start_matches('/');
    let Some(slash) = place.find('/') else { return (place.trim_end_matches(':'), "") };
    let (server, path) = place.split_at(slash);
    let slashes = path.len() - path.trim_start_matches('/').len();
    let path = path.get(slashes - 1..).filter(|path| *path != "/").unwrap_or_default();
    (server.trim_end_matches(':'), path)
}

/// Returns a path if it differs from its normal form.
fn respelled(path: &str) -> Option<String> {
    (!is_normal(path, &segments(path))).then(|| path.to_owned())
}

/// Returns whether a path is spelled as its segments are joined, or is empty.
fn is_normal(path: &str, segments: &[String]) -> bool {
    let mut rest = path;
    for segment in segments {
        match rest.strip_prefix('/').and_then(|rest| rest.strip_prefix(segment.as_str())) {
            Some(after) => rest = after,
            None => return path.is_empty(),
        }
    }
    rest.is_empty() || (rest == "/" && segments.is_empty())
}

/// Returns the container and the directory in it that an NFS path of Azure Blob Storage names: the account is the first segment
/// (`pkg/blob/nodeserver.go` of blob-csi-driver, `NodeStageVolume`).
fn blob_container<'p>(server: &str, path: &'p str) -> Option<&'p str> {
    let account = server.strip_suffix(".blob.core.windows.net")?;
    path.trim_start_matches('/').strip_prefix(account).filter(|rest| rest.starts_with('/'))
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
    use crate::settings::Settings;
    use ordinance_storage::{NfsSource, VolumeSource};

    fn source<'a>(server: &'a str, path: &'a str) -> NfsSource<'a> {
        NfsSource { server: server.into(), path: path.into(), read_only: false }
    }

    fn nfs(server: &str, path: &str, options: &str, settings: &Exports) -> Option<Export> {
        VolumeLocation::of_nfs(&source(server, path), &MountOptions::of([options]), settings).export()
    }

    fn inline(server: &str, path: &str, settings: &Exports) -> Option<Export> {
        let settings = Settings { exports: settings.clone(), ..Settings::default() };
        Export::of_inline(&VolumeSource::Nfs(source(server, path)), "default", &settings)
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
        let export = nfs("[FD00::1]", "/srv//www/", "port=2050", &Exports::default());
        assert_eq!(export.as_ref().map(Export::realm).as_deref(), Some("nfs://[fd00::1]:2050"));
        assert_eq!(export.as_ref().map(Export::segments), Some(["srv", "www"].map(String::from).as_slice()));
        assert_eq!(export.as_ref().and_then(Export::respelled_path), Some("/srv//www/"));
    }

    #[test]
    fn the_default_port_is_left_out() {
        for options in ["port=2049", "port=0", "hard"] {
            let export = nfs("nas", "/", options, &Exports::default());
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
        let export = nfs("nas", "/srv/www", "nfsvers=3", &settings);
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
    fn a_place_is_a_server_and_a_path() {
        for (scheme, place, existing, shown) in [
            ("nfs", "nas/srv/www", 3, "nfs://nas/srv/www"),
            ("nfs", "10.0.0.5:/srv", 0, "nfs://10.0.0.5/srv"),
            ("nfs", "fs-1.efs.eu-west-1.amazonaws.com/a", 0, "efs://fs-1/a"),
            ("nfs", "acme.blob.core.windows.net/acme/web", 0, "azure-blob://acme.blob.core.windows.net/web"),
            ("smb", "/NAS\\Share\\Dir", 10, "smb://nas/share/dir"),
            ("smb", "acme.privatelink.file.core.windows.net/web", 0, "smb://acme.file.core.windows.net/web"),
            ("lustre", "fs.example.com@tcp:/data", 0, "lustre://fs.example.com/data"),
            ("gs", "bucket", 6, "gs://bucket/"),
        ] {
            let export =
                Export::of_place(scheme, place, existing, &MountOptions::default(), &Exports::default());
            assert_eq!(export.map(|export| export.to_string()).as_deref(), Some(shown));
        }
        let nowhere = Export::of_place("nfs", "", 0, &MountOptions::default(), &Exports::default());
        assert_eq!(nowhere, None);
    }

    #[test]
    fn a_long_path_is_shortened() {
        let path = format!("/{}", "x".repeat(4_000));
        let shown = shown_inline("nas", &path, &Exports::default()).unwrap_or_default();
        assert_eq!(shown.chars().count(), SHOWN_CHARS);
    }
}
