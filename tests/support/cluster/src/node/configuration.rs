//! How containerd, the pods' network and the kubelet are set up.

use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// Where containerd listens.
pub const SOCKET: &str = "/run/containerd/containerd.sock";

/// The image of the process that holds a pod's namespaces.
pub const PAUSE: &str = "localhost/pause:1";

/// containerd's settings, given where the network's plugins are, and a folder with the network's settings below it.
pub fn containerd(plugins: &BTreeSet<&Path>, folder: &Path) -> String {
    // A container is run with the score that its parent has: to lower it takes a right that may be missing. A profile of
    // AppArmor would be loaded for the whole machine.
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
        // A TOML array is a JSON array.
        plugins = json!(plugins),
        folder = folder.display(),
    )
}

/// A pair of interfaces for each pod, with an address that the node reaches and nobody else.
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

/// The kubelet's settings, given the control group below which its pods are.
pub fn kubelet(cgroup: &str) -> String {
    // Nobody but the API server can reach it: it need not ask who calls.
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": super::ADDRESS,
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
        // A pod that could not start is tried again after this time.
        "syncFrequency": "1s",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    })
    .to_string()
}
