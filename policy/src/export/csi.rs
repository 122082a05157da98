//! The exports of CSI volumes, from their attributes and handles.

use super::{Export, Protocol, StorageServer, VolumeLocation};
use crate::settings::Exports;
use ordinance_storage::{CsiSource, MountOptions, VolumeNames};

/// The longest path that Linux opens.
const PATH_BYTES: usize = 4_096;

// === impl VolumeLocation ===

impl VolumeLocation {
    /// Returns where a CSI volume with these mount options is located.
    pub(crate) fn of_csi(
        source: &CsiSource<'_>,
        options: &MountOptions,
        names: VolumeNames<'_>,
        settings: &Exports,
    ) -> Self {
        match &*source.driver {
            "nfs.csi.k8s.io" => nfs(source, options, names, settings),
            "smb.csi.k8s.io" => smb(source, options, names, settings),
            "efs.csi.aws.com" => Self::of(efs(source, options, settings)),
            driver if is_cephfs(driver) => Self::of(cephfs(source, settings)),
            _ => Self::Unsupported,
        }
    }
}

/// The NFS driver: `server`, `share` and `subdir`.
fn nfs(
    source: &CsiSource<'_>,
    options: &MountOptions,
    names: VolumeNames<'_>,
    settings: &Exports,
) -> VolumeLocation {
    let (Some(server), Some(share)) = (source.attribute("server"), source.attribute("share")) else {
        return VolumeLocation::Unsupported;
    };
    in_directory(source, share, names, |path| Export::nfs(server, path, options, settings))
}

/// The SMB driver: `source`, which is `//server/share`, and `subdir`.
fn smb(
    source: &CsiSource<'_>,
    options: &MountOptions,
    names: VolumeNames<'_>,
    settings: &Exports,
) -> VolumeLocation {
    let address = source.attribute("source").unwrap_or_default().replace('\\', "/");
    let Some((server, share)) = address.trim().trim_start_matches('/').split_once('/') else {
        return VolumeLocation::Unsupported;
    };
    in_directory(source, share, names, |path| {
        Export::smb(server, &format!("/{}", path.replace('\\', "/")), options, settings)
    })
}

/// Returns the location of the export that `export` makes of the path of share and sub-directory.
fn in_directory(
    source: &CsiSource<'_>,
    share: &str,
    names: VolumeNames<'_>,
    export: impl FnOnce(&str) -> Option<Export>,
) -> VolumeLocation {
    match directory(source, share, names) {
        Ok(path) => VolumeLocation::of(export(&path)),
        Err(unresolved) => VolumeLocation::Unresolved(unresolved),
    }
}

/// Returns the path of share and sub-directory with their variables replaced.
///
/// # Errors
///
/// The path, if it still contains a variable.
fn directory(source: &CsiSource<'_>, share: &str, names: VolumeNames<'_>) -> Result<String, String> {
    let path = match source.attribute("subdir") {
        Some(directory) => format!("{}/{directory}", share.trim_end_matches(['/', '\\'])),
        None => share.to_owned(),
    };
    let with_names = with_names(source, path, names);
    if with_names.contains("${") { Err(with_names) } else { Ok(with_names) }
}

/// Expands `${pv.metadata.name}` and the like as the drivers do: with the names that the provisioner recorded in the
/// attributes, otherwise with those of the API objects, which differ only if a volume was restored under another name.
fn with_names(source: &CsiSource<'_>, text: String, names: VolumeNames<'_>) -> String {
    if !text.contains("${") {
        return text;
    }
    [
        ("${pv.metadata.name}", "csi.storage.k8s.io/pv/name", names.volume),
        ("${pvc.metadata.name}", "csi.storage.k8s.io/pvc/name", names.claim),
        ("${pvc.metadata.namespace}", "csi.storage.k8s.io/pvc/namespace", names.claim_namespace),
    ]
    .into_iter()
    .fold(text, |text, (variable, attribute, name)| match source.attribute(attribute).or(name) {
        Some(value) if is_path(&text, variable, value) => text.replace(variable, value),
        _ => text,
    })
}

/// Returns whether a text is short enough for a path once a variable is replaced. A longer one stays unresolved: no
/// server has such a path.
fn is_path(text: &str, variable: &str, value: &str) -> bool {
    value.len() <= variable.len() || text.matches(variable).count().saturating_mul(value.len()) <= PATH_BYTES
}

/// The EFS driver: the handle `<file system>[:<path>[:<access point>]]`. A path may also be an attribute, an access
/// point a mount option. The root of an access point is unknown, so it counts as a directory of its own below the
/// root of the file system.
fn efs(source: &CsiSource<'_>, options: &MountOptions, settings: &Exports) -> Option<Export> {
    let handle = source.attribute("fileSystemId").filter(|_| source.volume_handle.is_empty());
    let mut parts = handle.unwrap_or(&source.volume_handle).splitn(3, ':');
    let server = StorageServer::resolve(parts.next()?, settings)?;
    let path = parts.next().filter(|path| !path.is_empty()).or_else(|| source.attribute("path"));
    let access_point = parts.next().filter(|id| !id.is_empty()).or_else(|| options.access_point());
    let mut export = Export::new(Protocol::Efs, server, path.unwrap_or_default());
    if let Some(id) = access_point {
        export.segments.insert(0, id.trim().to_owned());
    }
    Some(export)
}

/// The CephFS driver: `clusterID`, `fsName` and `rootPath` of a static volume. For any other volume the driver
/// creates a directory.
fn cephfs(source: &CsiSource<'_>, settings: &Exports) -> Option<Export> {
    let is_static = source.attribute("staticVolume").is_none_or(|value| value.eq_ignore_ascii_case("true"));
    let root = source.attribute("rootPath").filter(|_| is_static)?;
    let server = StorageServer::resolve(source.attribute("clusterID")?, settings)?;
    let mut export = Export::new(Protocol::Cephfs, server, root);
    export.file_system = source.attribute("fsName").map(str::to_owned);
    Some(export)
}

/// Returns whether a driver is that of CephFS, also under an operator's prefix, e.g. `rook-ceph.cephfs.csi.ceph.com`.
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
        match VolumeLocation::of_csi(source, &MountOptions::default(), names, &Exports::default()) {
            VolumeLocation::Export(export) => export.to_string(),
            VolumeLocation::Unresolved(path) => format!("unknown {path}"),
            VolumeLocation::Unsupported => "elsewhere".to_owned(),
        }
    }

    #[test]
    fn nfs_joins_share_and_subdir_with_keys_in_any_case() {
        let volume =
            source("nfs.csi.k8s.io", "h", &[("Server", "nas"), ("SHARE", "/srv/"), ("subDir", "a/../www")]);
        assert_eq!(shown(&volume, VolumeNames::default()), "nfs://nas/srv/www");
    }

    #[test]
    fn nfs_without_a_share_is_unsupported() {
        assert_eq!(
            shown(&source("nfs.csi.k8s.io", "h", &[("server", "nas")]), VolumeNames::default()),
            "elsewhere"
        );
    }

    #[test]
    fn recorded_names_take_precedence_over_those_of_the_objects() {
        let path = "${pvc.metadata.namespace}/${pvc.metadata.name}/${pv.metadata.name}";
        let names = VolumeNames { volume: Some("pv"), claim: Some("c"), claim_namespace: Some("ns") };
        let attributes = [("server", "nas"), ("share", "/srv"), ("subdir", path)];
        assert_eq!(shown(&source("nfs.csi.k8s.io", "h", &attributes), names), "nfs://nas/srv/ns/c/pv");
        let recorded = [attributes.as_slice(), &[("csi.storage.k8s.io/pvc/name", "d")]].concat();
        assert_eq!(shown(&source("nfs.csi.k8s.io", "h", &recorded), names), "nfs://nas/srv/ns/d/pv");
    }

    #[test]
    fn a_path_with_an_unknown_name_is_unresolved() {
        let volume = source(
            "nfs.csi.k8s.io",
            "h",
            &[("server", "nas"), ("share", "/"), ("subdir", "${pvc.metadata.name}")],
        );
        assert_eq!(shown(&volume, VolumeNames::default()), "unknown /${pvc.metadata.name}");
    }

    #[test]
    fn smb_ignores_case_and_takes_both_slashes() {
        for value in ["//NAS/Share", r"\\nas\share", "//nas./SHARE/"] {
            let volume = source("smb.csi.k8s.io", "h", &[("source", value), ("subDir", r"A\b")]);
            assert_eq!(shown(&volume, VolumeNames::default()), "smb://nas/share/a/b", "{value}");
        }
    }

    #[test]
    fn efs_parses_the_handle() {
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
        let provisioned = [("clusterID", "c"), ("fsName", "fs"), ("subvolumePath", "/volumes/csi/x")];
        assert_eq!(
            shown(&source("cephfs.csi.ceph.com", "h", &provisioned), VolumeNames::default()),
            "elsewhere"
        );
    }
}
