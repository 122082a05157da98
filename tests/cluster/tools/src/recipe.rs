//! What is built from which module, and how.

use std::path::{Path, PathBuf};

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named after the programs themselves")]
pub enum Tool {
    Etcd,
    ApiServer,
    ControllerManager,
    Kubectl,
    Scheduler,
    Kubelet,
    Containerd,
    ContainerdShim,
    Ctr,
    HostLocal,
    Loopback,
    Ptp,
    Helm,
}

/// A Go module with the versions of some programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    Kubernetes,
    Containerd,
    Helm,
}

// === impl Tool ===

impl Tool {
    /// A control plane, and what talks to it.
    pub const CONTROL_PLANE: [Self; 4] =
        [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Kubectl];

    /// What the end-to-end suite takes, but for a node.
    pub const SUITE: [Self; 5] =
        [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Kubectl, Self::Helm];

    /// What a node needs beside a control plane: a scheduler, and what runs pods.
    pub const NODE: [Self; 8] = [
        Self::Scheduler,
        Self::Kubelet,
        Self::Containerd,
        Self::ContainerdShim,
        Self::Ctr,
        Self::HostLocal,
        Self::Loopback,
        Self::Ptp,
    ];

    /// The name of its file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
            Self::Containerd => "containerd",
            Self::ContainerdShim => "containerd-shim-runc-v2",
            Self::Ctr => "ctr",
            Self::HostLocal => "host-local",
            Self::Loopback => "loopback",
            Self::Ptp => "ptp",
            Self::Helm => "helm",
        }
    }

    /// Its package, as Go names it.
    pub(crate) fn package(self) -> String {
        let name = self.name();
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3".to_owned(),
            Self::HostLocal => format!("github.com/containernetworking/plugins/plugins/ipam/{name}"),
            Self::Loopback | Self::Ptp => {
                format!("github.com/containernetworking/plugins/plugins/main/{name}")
            }
            Self::Helm => "helm.sh/helm/v4/cmd/helm".to_owned(),
            _ if self.module() == Module::Containerd => {
                format!("github.com/containerd/containerd/v2/cmd/{name}")
            }
            _ => format!("k8s.io/kubernetes/cmd/{name}"),
        }
    }

    /// The module that it is a tool of.
    pub(crate) fn module(self) -> Module {
        match self {
            Self::Helm => Module::Helm,
            Self::Containerd | Self::ContainerdShim | Self::Ctr => Module::Containerd,
            Self::HostLocal | Self::Loopback | Self::Ptp => Module::Containerd,
            _ => Module::Kubernetes,
        }
    }
}

// === impl Module ===

impl Module {
    /// Where its `go.mod` is.
    pub(crate) fn folder(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.name())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Containerd => "containerd",
            Self::Helm => "helm",
        }
    }

    /// What only filesystems that no test uses would need.
    pub(crate) fn tags(self) -> &'static str {
        match self {
            Self::Containerd => "no_btrfs no_devmapper no_zfs no_aufs",
            Self::Kubernetes | Self::Helm => "",
        }
    }

    /// Flags of the linker: no debugging tables, and the version that a program says it has.
    pub(crate) fn linker_flags(self, go_mod: &str) -> String {
        let stamp = match self {
            Self::Kubernetes => required(go_mod, "k8s.io/kubernetes").map(kubernetes_stamp),
            Self::Helm => required(go_mod, "helm.sh/helm/v4").map(helm_stamp),
            Self::Containerd => None,
        };
        format!("-s -w {}", stamp.unwrap_or_default())
    }
}

/// The version of a module in the text of a `go.mod`.
fn required<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    let mut words = go_mod.lines().map(str::split_whitespace);
    words.find_map(|mut line| (line.next() == Some(module)).then(|| line.next()).flatten())
}

/// Without it the server calls itself `v0.0.0-master+$Format:%H$`, and `kubectl version` fails.
fn kubernetes_stamp(version: &str) -> String {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
    let stamp = |package| {
        format!(
            "-X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
        )
    };
    packages.map(stamp).join(" ")
}

fn helm_stamp(version: &str) -> String {
    format!("-X helm.sh/helm/v4/internal/version.version={version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_one_of_its_module() {
        for tool in Tool::CONTROL_PLANE.into_iter().chain(Tool::NODE).chain([Tool::Helm]) {
            let go_mod = std::fs::read_to_string(tool.module().folder().join("go.mod")).expect("go.mod");
            assert!(
                go_mod.lines().any(|line| line.trim_start_matches("tool").trim() == tool.package()),
                "{}",
                tool.package()
            );
        }
    }

    #[test]
    fn the_version_is_the_modules() {
        let go_mod = "require (\n\tk8s.io/api v0.9.0 // indirect\n\tk8s.io/kubernetes v1.37.2\n)\n";
        let flags = Module::Kubernetes.linker_flags(go_mod);
        assert!(flags.contains("component-base/version.gitVersion=v1.37.2 "), "{flags}");
        assert!(flags.contains("component-base/version.gitMinor=37 "), "{flags}");
    }
}
