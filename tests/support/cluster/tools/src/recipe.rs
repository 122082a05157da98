//! The programs, and the module or package that each comes from.

use std::path::{Path, PathBuf};

/// A program of a control plane or a node, or Helm.
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
    Runc,
    Busybox,
    Helm,
}

/// The origin of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolSource {
    /// It is built from a Go module.
    Module(Module),
    /// It is in a package of Debian and its derivatives.
    Package(&'static str),
}

/// A Go module that pins the versions of some programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    Kubernetes,
    Containerd,
    Helm,
}

// === impl Tool ===

impl Tool {
    /// The programs of a control plane, and kubectl.
    pub const CONTROL_PLANE: [Self; 4] =
        [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Kubectl];

    /// The programs that the end-to-end suite needs without a node.
    pub const SUITE: [Self; 5] =
        [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Kubectl, Self::Helm];

    /// The additional programs of a node: a scheduler, and everything that runs pods.
    pub const NODE: [Self; 10] = [
        Self::Scheduler,
        Self::Kubelet,
        Self::Containerd,
        Self::ContainerdShim,
        Self::Ctr,
        Self::HostLocal,
        Self::Loopback,
        Self::Ptp,
        Self::Runc,
        Self::Busybox,
    ];

    /// The file name.
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
            Self::Runc => "runc",
            Self::Busybox => "busybox",
            Self::Helm => "helm",
        }
    }

    /// The origin. runc is Debian's because building it needs a C toolchain.
    pub(crate) fn source(self) -> ToolSource {
        match self {
            Self::Runc => ToolSource::Package("runc"),
            Self::Busybox => ToolSource::Package("busybox-static"),
            Self::Helm => ToolSource::Module(Module::Helm),
            Self::Containerd | Self::ContainerdShim | Self::Ctr => ToolSource::Module(Module::Containerd),
            Self::HostLocal | Self::Loopback | Self::Ptp => ToolSource::Module(Module::Containerd),
            _ => ToolSource::Module(Module::Kubernetes),
        }
    }
}

// === impl Module ===

impl Module {
    /// The folder with the module's `go.mod`.
    pub(crate) fn folder(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.name())
    }

    /// Returns the Go package of a program.
    pub(crate) fn package(self, tool: Tool) -> String {
        let name = tool.name();
        match (self, tool) {
            (_, Tool::Etcd) => "go.etcd.io/etcd/server/v3".to_owned(),
            (_, Tool::HostLocal) => format!("github.com/containernetworking/plugins/plugins/ipam/{name}"),
            (_, Tool::Loopback | Tool::Ptp) => {
                format!("github.com/containernetworking/plugins/plugins/main/{name}")
            }
            (Self::Kubernetes, _) => format!("k8s.io/kubernetes/cmd/{name}"),
            (Self::Containerd, _) => format!("github.com/containerd/containerd/v2/cmd/{name}"),
            (Self::Helm, _) => format!("helm.sh/helm/v4/cmd/{name}"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Containerd => "containerd",
            Self::Helm => "helm",
        }
    }

    /// Build tags that leave out file systems which no test uses.
    pub(crate) fn tags(self) -> &'static str {
        match self {
            Self::Containerd => "no_btrfs no_devmapper no_zfs no_aufs",
            Self::Kubernetes | Self::Helm => "",
        }
    }

    /// Linker flags: no debug information, and the version that the program reports.
    pub(crate) fn linker_flags(self, go_mod: &str) -> String {
        let stamp = match self {
            Self::Kubernetes => required(go_mod, "k8s.io/kubernetes").map(kubernetes_stamp),
            Self::Helm => required(go_mod, "helm.sh/helm/v4").map(helm_stamp),
            Self::Containerd => None,
        };
        format!("-s -w {}", stamp.unwrap_or_default())
    }
}

/// Returns the version of a module in the text of a `go.mod`.
fn required<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    let mut words = go_mod.lines().map(str::split_whitespace);
    words.find_map(|mut line| (line.next() == Some(module)).then(|| line.next()).flatten())
}

/// Without it the server reports the version `v0.0.0-master+$Format:%H$`, and `kubectl version` fails.
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
    fn go_mod_lists_every_program_of_its_module() {
        for tool in Tool::CONTROL_PLANE.into_iter().chain(Tool::NODE).chain([Tool::Helm]) {
            let ToolSource::Module(module) = tool.source() else { continue };
            let go_mod = std::fs::read_to_string(module.folder().join("go.mod")).expect("go.mod");
            let package = module.package(tool);
            assert!(
                go_mod.lines().any(|line| line.trim_start_matches("tool").trim() == package),
                "{package}"
            );
        }
    }

    #[test]
    fn stamps_the_version_of_the_module() {
        let go_mod = "require (\n\tk8s.io/api v0.9.0 // indirect\n\tk8s.io/kubernetes v1.37.2\n)\n";
        let flags = Module::Kubernetes.linker_flags(go_mod);
        assert!(flags.contains("component-base/version.gitVersion=v1.37.2 "), "{flags}");
        assert!(flags.contains("component-base/version.gitMinor=37 "), "{flags}");
    }
}
