//! The places of volumes whose source is a field of Kubernetes' own: `nfs`, `cephfs`, `glusterfs`, `azureFile` and others.

use super::{Export, Protocol, StorageServer, VolumeLocation};
use crate::catalogue::AZURE_SECRET;
use crate::settings::Exports;
use ordinance_storage::{
    AzureFileSource, CephfsSource, GlusterfsSource, MountOptions, NfsSource, NodeName, NodePath,
    QuobyteSource,
};

// === impl VolumeLocation ===

impl VolumeLocation {
    /// Returns where the source `nfs` is located. The API server rejects a relative path.
    pub(crate) fn of_nfs(source: &NfsSource<'_>, options: &MountOptions<'_>, settings: &Exports) -> Self {
        let is_absolute = source.path.starts_with('/');
        let export =
            is_absolute.then(|| Export::nfs(&source.server, &source.path, options, settings)).flatten();
        Self::of(export, "spec.nfs.path")
    }

    /// Returns where the source `cephfs` is located, by its monitors.
    pub(crate) fn of_cephfs(source: &CephfsSource<'_>, settings: &Exports) -> Self {
        let server = StorageServer::of_monitors(source.monitors.iter().map(|monitor| &**monitor), settings);
        let export = server.map(|server| Export::new(Protocol::of("cephfs"), server, &source.path));
        Self::of(export, "spec.cephfs.path")
    }

    /// Returns where the source `glusterfs` is located. Which servers the Endpoints list is not in the object: equal names
    /// count as one cluster, since each namespace has Endpoints of its own for the same servers.
    pub(crate) fn of_glusterfs(source: &GlusterfsSource<'_>, settings: &Exports) -> Self {
        let endpoints = match &*source.endpoints_namespace {
            "" => source.endpoints.to_string(),
            namespace => format!("{namespace}.{}", &*source.endpoints),
        };
        Self::of(below_volume("glusterfs", &endpoints, &source.path, settings), "spec.glusterfs.path")
    }

    /// Returns where the source `azureFile` is located. The storage account is in the Secret; the name of a Secret that a
    /// provisioner made has it, too. `namespace` is that of the Secret where the source has none.
    pub(crate) fn of_azure_file(source: &AzureFileSource<'_>, namespace: &str, settings: &Exports) -> Self {
        let (prefix, suffix) = AZURE_SECRET;
        let account = source.secret_name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        let namespace = if source.secret_namespace.is_empty() { namespace } else { &source.secret_namespace };
        let (scheme, server) = match account.filter(|account| !account.is_empty()) {
            Some(account) => ("smb", format!("{account}.file.core.windows.net")),
            None => ("azure-file-secret", format!("{namespace}.{}", &*source.secret_name)),
        };
        let has_secret = !source.secret_name.is_empty() && !source.share_name.is_empty();
        let export =
            has_secret.then(|| below_volume(scheme, &server, &source.share_name, settings)).flatten();
        Self::of(export, "spec.azureFile.shareName")
    }

    /// Returns where the source `quobyte` is located. The kubelet mounts one registry per node, so the volume alone decides
    /// (`pkg/volume/quobyte/quobyte.go`, `SetUpAt`).
    pub(crate) fn of_quobyte(source: &QuobyteSource<'_>, settings: &Exports) -> Self {
        let is_complete = !source.registry.is_empty() && !source.volume.is_empty();
        let export =
            is_complete.then(|| below_volume("quobyte", "registry", &source.volume, settings)).flatten();
        Self::of(export, "spec.quobyte.volume")
    }

    /// Returns where a directory of a node is; `field` names the path. Without a node it is never compared, since
    /// the directory is another one on each node.
    pub(crate) fn of_node_path(source: &NodePath<'_>, node: Option<NodeName<'_>>, field: &str) -> Self {
        let server = match node {
            Some(NodeName::Hosts(hosts)) => hosts.iter().map(|host| &**host).collect::<Vec<_>>().join(","),
            Some(NodeName::Other(required)) => format!("{:x}", crate::display::fingerprint([&*required])),
            None => return Self::Unsupported,
        };
        if !source.path.starts_with('/') {
            return Self::Unsupported;
        }
        let server = StorageServer::resolve(&server, &Exports::default());
        Self::of(server.map(|server| Export::new(Protocol::of("node"), server, &source.path)), field)
    }
}

/// Returns the export of a path whose first segment is a volume or share that exists already.
fn below_volume(scheme: &str, server: &str, path: &str, settings: &Exports) -> Option<Export> {
    let path = path.trim_start_matches('/');
    let place = format!("{server}/{path}");
    let volume = path.find('/').unwrap_or(path.len());
    Export::of_place(scheme, &place, server.len() + 1 + volume, &MountOptions::default(), settings)
}
