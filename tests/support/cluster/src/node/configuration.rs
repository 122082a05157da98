//! The configuration files of containerd, the pod network and the kubelet.

use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// The node's address. The kubelet accepts no loopback address.
pub const ADDRESS: &str = "10.99.0.1";

/// The socket that containerd listens on.
pub const SOCKET: &str = "/run/containerd/containerd.sock";

/// The image of the process that holds a pod's namespaces.
pub const PAUSE: &str = "localhost/pause:1";

/// Returns containerd's configuration, given the folders of the network plugins, and the folder whose subfolder `cni`
/// has the network's configuration.
pub fn containerd(plugins: &BTreeSet<&Path>, folder: &Path) -> String {
    // A container keeps its parent's OOM score: lowering it needs a capability that may be missing. An AppArmor profile
    // would be loaded for the whole machine.
    format!(
        r#"version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = {plugins}
conf_dir = "{folder}/cni"
"#,
        // A TOML array of strings is a JSON array.
        plugins = json!(plugins),
        folder = folder.display(),
    )
}

/// Returns the pod network: a veth pair for each pod, with an address that only the node can reach.
pub fn pod_network() -> String {
    json!({ "cniVersion": "1.0.0", "name": "pods", "plugins": [{
        "type": "ptp",
        "ipMasq": false,
        "ipam": {
            "type": "host-local",
            "dataDir": "/run/cni",
            "ranges": [[{ "subnet": "10.244.0.0/24" }]],
            "routes": [{ "dst": "0.0.0.0/0" }],
        },
    }] })
    .to_string()
}

/// Returns the kubelet's configuration, given the control group of its pods.
pub fn kubelet(cgroup: &str) -> String {
    // Only the API server can reach the kubelet, so it needs no authentication.
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": { "anonymous": { "enabled": true }, "webhook": { "enabled": false } },
        "authorization": { "mode": "AlwaysAllow" },
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "enforceNodeAllocatable": [],
        "evictionHard": {
            "imagefs.available": "0%", "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
        },
        "failCgroupV1": false,
        "failSwapOn": false,
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": false,
        "nodeStatusReportFrequency": "10s",
        "nodeStatusUpdateFrequency": "2s",
        "resolvConf": "",
        // How soon a pod that could not start is tried again.
        "syncFrequency": "1s",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    })
    .to_string()
}
