//! Where the volumes of CSI drivers lie, by their attributes.

use super::{Export, MountOptions, Place, Protocol, Server};
use crate::json::{self, Text};
use crate::settings::Exports;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `volumeAttributes`.
pub(crate) type Attributes<'a> = BTreeMap<Text<'a>, Text<'a>>;

/// The source `csi` of a PersistentVolume, or of a pod's volume, which has no handle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CsiSource<'a> {
    /// e.g. `nfs.csi.k8s.io`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(crate) driver: Text<'a>,
    /// The driver's own name of the volume.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(crate) volume_handle: Text<'a>,
    /// As for NFS.
    #[serde(deserialize_with = "json::lenient")]
    pub(crate) read_only: bool,
    /// What the driver mounts by.
    #[serde(borrow, deserialize_with = "json::strings")]
    pub(crate) volume_attributes: Attributes<'a>,
}

/// The names that stand for `${pv.metadata.name}` and the like in a sub-directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct VolumeNames<'a> {
    /// The PersistentVolume's.
    pub(crate) volume: Option<&'a str>,
    /// The claim's.
    pub(crate) claim: Option<&'a str>,
    /// The claim's namespace.
    pub(crate) claim_namespace: Option<&'a str>,
}

// === impl CsiSource ===

impl CsiSource<'_> {
    /// The export of a pod's volume, if it is known.
    pub(crate) fn inline_export(&self, settings: &Exports) -> Option<Export> {
        let options = MountOptions::of(self.attribute("mountOptions"));
        self.place(&options, VolumeNames::default(), settings).export()
    }

    /// Where the volume lies as mounted with some options.
    pub(crate) fn place(&self, options: &MountOptions, names: VolumeNames<'_>, settings: &Exports) -> Place {
        match &*self.driver {
            "nfs.csi.k8s.io" => self.nfs(options, names, settings),
            "smb.csi.k8s.io" => self.smb(options, names, settings),
            "efs.csi.aws.com" => Place::of(self.efs(options, settings)),
            driver if is_cephfs(driver) => Place::of(self.cephfs(settings)),
            _ => Place::Elsewhere,
        }
    }

    /// An attribute that says something, its key in any case.
    pub(crate) fn attribute(&self, key: &str) -> Option<&str> {
        self.volume_attributes
            .iter()
            .find(|(name, value)| name.eq_ignore_ascii_case(key) && !value.is_empty())
            .map(|(_, value)| &**value)
    }

    /// The field that names the directory.
    pub(crate) fn field(&self) -> String {
        let said = |wanted: &&str| {
            self.volume_attributes
                .iter()
                .find(|(key, value)| key.eq_ignore_ascii_case(wanted) && !value.is_empty())
                .map(|(key, _)| &**key)
        };
        match ["subdir", "share", "source", "rootPath", "path"].iter().find_map(said) {
            Some(key) => format!("spec.csi.volumeAttributes.{key}"),
            None => "spec.csi.volumeHandle".to_owned(),
        }
    }

    /// Whether the driver's attributes say where a volume lies, rather than its handle.
    pub(crate) fn is_located_by_attributes(&self) -> bool {
        matches!(&*self.driver, "nfs.csi.k8s.io" | "smb.csi.k8s.io")
    }

    /// `server`, `share` and `subdir`.
    fn nfs(&self, options: &MountOptions, names: VolumeNames<'_>, settings: &Exports) -> Place {
        let (Some(server), Some(share)) = (self.attribute("server"), self.attribute("share")) else {
            return Place::Elsewhere;
        };
        match self.directory(share, names) {
            Ok(path) => Place::of(Export::nfs(server, &path, options, settings)),
            Err(unresolved) => Place::Unknown(unresolved),
        }
    }

    /// `source`, which is `//server/share`, and `subdir`.
    fn smb(&self, options: &MountOptions, names: VolumeNames<'_>, settings: &Exports) -> Place {
        let source = self.attribute("source").unwrap_or_default().replace('\\', "/");
        let Some((server, share)) = source.trim().trim_start_matches('/').split_once('/') else {
            return Place::Elsewhere;
        };
        match self.directory(share, names) {
            Ok(path) => {
                Place::of(Export::smb(server, &format!("/{}", path.replace('\\', "/")), options, settings))
            }
            Err(unresolved) => Place::Unknown(unresolved),
        }
    }

    /// The share and the sub-directory in it, names filled in; an error is what stays unresolved.
    fn directory(&self, share: &str, names: VolumeNames<'_>) -> Result<String, String> {
        let path = match self.attribute("subdir") {
            Some(directory) => format!("{}/{directory}", share.trim_end_matches(['/', '\\'])),
            None => share.to_owned(),
        };
        let filled = self.filled(path, names);
        if filled.contains("${") { Err(filled) } else { Ok(filled) }
    }

    /// The drivers fill in what the provisioner recorded in the attributes; that is also what the API object says,
    /// unless it was restored under another name.
    fn filled(&self, text: String, names: VolumeNames<'_>) -> String {
        if !text.contains("${") {
            return text;
        }
        [
            ("${pv.metadata.name}", "csi.storage.k8s.io/pv/name", names.volume),
            ("${pvc.metadata.name}", "csi.storage.k8s.io/pvc/name", names.claim),
            ("${pvc.metadata.namespace}", "csi.storage.k8s.io/pvc/namespace", names.claim_namespace),
        ]
        .into_iter()
        .fold(text, |text, (variable, attribute, name)| match self.attribute(attribute).or(name) {
            Some(value) => text.replace(variable, value),
            None => text,
        })
    }

    /// `<file system>[:<path>[:<access point>]]` as the handle; a path may also be an attribute, an access point a
    /// mount option. Where the root of an access point lies is not known: it counts as a directory of its own below
    /// the file system's root.
    fn efs(&self, options: &MountOptions, settings: &Exports) -> Option<Export> {
        let handle = self.attribute("fileSystemId").filter(|_| self.volume_handle.is_empty());
        let mut parts = handle.unwrap_or(&self.volume_handle).splitn(3, ':');
        let server = Server::resolve(parts.next()?, settings)?;
        let path = parts.next().filter(|path| !path.is_empty()).or_else(|| self.attribute("path"));
        let access_point = parts.next().filter(|id| !id.is_empty()).or_else(|| options.access_point());
        let mut export = Export::new(Protocol::Efs, server, path.unwrap_or_default());
        if let Some(id) = access_point {
            export.segments.insert(0, id.trim().to_owned());
        }
        Some(export)
    }

    /// A static volume: `clusterID`, `fsName` and `rootPath`. Any other has a directory that the driver made for it.
    fn cephfs(&self, settings: &Exports) -> Option<Export> {
        let is_static = self.attribute("staticVolume").is_none_or(|value| value.eq_ignore_ascii_case("true"));
        let root = self.attribute("rootPath").filter(|_| is_static)?;
        let server = Server::resolve(self.attribute("clusterID")?, settings)?;
        let mut export = Export::new(Protocol::Cephfs, server, root);
        export.file_system = self.attribute("fsName").map(str::to_owned);
        Some(export)
    }
}

/// The driver, also under an operator's prefix, e.g. `rook-ceph.cephfs.csi.ceph.com`.
fn is_cephfs(driver: &str) -> bool {
    driver
        .strip_suffix("cephfs.csi.ceph.com")
        .is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source<'a>(driver: &'a str, handle: &'a str, attributes: &[(&'a str, &'a str)]) -> CsiSource<'a> {
        CsiSource {
            driver: driver.into(),
            volume_handle: handle.into(),
            read_only: false,
            volume_attributes: attributes
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
        }
    }

    fn shown(source: &CsiSource<'_>, names: VolumeNames<'_>) -> String {
        match source.place(&MountOptions::default(), names, &Exports::default()) {
            Place::Export(export) => export.to_string(),
            Place::Unknown(path) => format!("unknown {path}"),
            Place::Elsewhere => "elsewhere".to_owned(),
        }
    }

    #[test]
    fn nfs_joins_share_and_subdir_with_keys_in_any_case() {
        let volume =
            source("nfs.csi.k8s.io", "h", &[("Server", "nas"), ("SHARE", "/srv/"), ("subDir", "a/../www")]);
        assert_eq!(shown(&volume, VolumeNames::default()), "nfs://nas/srv/www");
    }

    #[test]
    fn nfs_without_a_share_is_nowhere() {
        assert_eq!(
            shown(&source("nfs.csi.k8s.io", "h", &[("server", "nas")]), VolumeNames::default()),
            "elsewhere"
        );
    }

    #[test]
    fn names_are_filled_in_and_what_the_provisioner_recorded_goes_first() {
        let path = "${pvc.metadata.namespace}/${pvc.metadata.name}/${pv.metadata.name}";
        let names = VolumeNames { volume: Some("pv"), claim: Some("c"), claim_namespace: Some("ns") };
        let attributes = [("server", "nas"), ("share", "/srv"), ("subdir", path)];
        assert_eq!(shown(&source("nfs.csi.k8s.io", "h", &attributes), names), "nfs://nas/srv/ns/c/pv");
        let recorded = [attributes.as_slice(), &[("csi.storage.k8s.io/pvc/name", "d")]].concat();
        assert_eq!(shown(&source("nfs.csi.k8s.io", "h", &recorded), names), "nfs://nas/srv/ns/d/pv");
    }

    #[test]
    fn what_stays_unresolved_is_unknown() {
        let volume = source(
            "nfs.csi.k8s.io",
            "h",
            &[("server", "nas"), ("share", "/"), ("subdir", "${pvc.metadata.name}")],
        );
        assert_eq!(shown(&volume, VolumeNames::default()), "unknown /${pvc.metadata.name}");
    }

    #[test]
    fn smb_knows_no_case_and_takes_both_slashes() {
        for value in ["//NAS/Share", r"\\nas\share", "//nas./SHARE/"] {
            let volume = source("smb.csi.k8s.io", "h", &[("source", value), ("subDir", r"A\b")]);
            assert_eq!(shown(&volume, VolumeNames::default()), "smb://nas/share/a/b", "{value}");
        }
    }

    #[test]
    fn efs_reads_the_handle() {
        for (handle, expected) in [
            ("fs-1", "efs://fs-1/"),
            ("fs-1:/data/", "efs://fs-1/data"),
            ("fs-1::fsap-2", "efs://fs-1/fsap-2"),
            ("fs-1:/data:fsap-2", "efs://fs-1/fsap-2/data"),
        ] {
            assert_eq!(shown(&source("efs.csi.aws.com", handle, &[]), VolumeNames::default()), expected);
        }
    }

    #[test]
    fn cephfs_is_cluster_file_system_and_root() {
        let attributes =
            [("clusterID", "c"), ("fsName", "fs"), ("rootPath", "/vol"), ("staticVolume", "true")];
        for driver in ["cephfs.csi.ceph.com", "rook-ceph.cephfs.csi.ceph.com"] {
            assert_eq!(shown(&source(driver, "h", &attributes), VolumeNames::default()), "cephfs://c/fs/vol");
        }
        let made = [("clusterID", "c"), ("fsName", "fs"), ("subvolumePath", "/volumes/csi/x")];
        assert_eq!(shown(&source("cephfs.csi.ceph.com", "h", &made), VolumeNames::default()), "elsewhere");
    }
}
