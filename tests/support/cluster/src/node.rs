//! A real node beside the control plane: a kubelet, a scheduler and containerd, whose pods really run.
//!
//! It lives in namespaces of its own, and so does the control plane that it is a node of: an [`LinuxNamespaces`] makes them and
//! runs this program again inside. There it is a cluster like any other, whose pods have addresses that exist only there.
//!
//! [`LinuxNamespaces`]: namespaces::LinuxNamespaces

pub(crate) mod cgroups;
pub(crate) mod configuration;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod namespaces;

use crate::cluster::{Cluster, Options, PodMode};
use crate::managed_process::ManagedProcess;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use namespaces::NodeContext;
use ordinance_tools::Tool;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The node's name.
pub const NAME: &str = "node-a";

/// The node's address: the kubelet takes no loopback address.
pub(crate) const ADDRESS: &str = "10.99.0.1";

/// Where the node has its files: seen inside only, and short, since a socket's path may not be long.
pub(crate) const FOLDER: &str = "/run/ordinance";

/// The folder in it of the directories that play what servers export.
pub(crate) const EXPORTS: &str = "exports";

/// How long the node may take to become ready: 4 s on an idle machine.
const READY: Duration = Duration::from_secs(90);

/// A node, which ends with this value.
#[derive(Debug)]
pub struct Node {
    kubelet: ManagedProcess,
    _scheduler: ManagedProcess,
    containerd: ManagedProcess,
}

// === impl Node ===

impl Node {
    /// How a control plane with a node is started.
    #[must_use]
    pub fn options() -> Options {
        // The node's name is none that anybody resolves.
        let by_address = "--kubelet-preferred-address-types=InternalIP".to_owned();
        Options { pods: PodMode::Node, api_server: vec![by_address], ..Options::default() }
    }

    /// Starts a node of a cluster, both in an enclosure, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Which part did not start, with the end of its log.
    pub async fn start(cluster: &Cluster) -> Result<Self> {
        let inside = NodeContext::from_env().context("a node runs in an namespaces only")?;
        let mut containerd = containerd(cluster)?;
        images(cluster, &mut containerd).await?;
        // Else the Node authorizer, a few milliseconds behind, refuses a pod's claim now and then: 8 s lost.
        let allow = "create clusterrolebinding nodes --clusterrole=system:node --group=system:nodes";
        cluster.access().kubectl().ok(allow).await?;
        let scheduler = scheduler(cluster)?;
        let kubelet = kubelet(cluster, &inside)?;
        let mut node = Self { kubelet, _scheduler: scheduler, containerd };
        node.ready(cluster).await?;
        Ok(node)
    }

    /// A directory that plays what a server exports at a path, with a mode; made if it is not there.
    ///
    /// # Errors
    ///
    /// Why it can't be made.
    pub fn export(&self, server: &str, path: &str, mode: u32) -> Result<PathBuf> {
        let folder = Path::new(FOLDER).join(EXPORTS).join(server).join(path.trim_start_matches('/'));
        std::fs::create_dir_all(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode))?;
        Ok(folder)
    }

    /// The last lines of what kubelet and containerd said.
    #[must_use]
    pub fn tail(&self) -> String {
        format!("kubelet:\n{}\ncontainerd:\n{}", self.kubelet.tail(), self.containerd.tail())
    }

    async fn ready(&mut self, cluster: &Cluster) -> Result<()> {
        let nodes: Api<core::Node> = Api::all(cluster.access().client());
        let accounts: Api<core::ServiceAccount> = Api::default_namespaced(cluster.access().client());
        let ready = until("the node to be ready", READY, async || {
            self.kubelet.check()?;
            self.containerd.check()?;
            // Without the account of their namespace pods are refused.
            let account = accounts.get_opt("default").await?;
            Ok(nodes.get_opt(NAME).await?.filter(is_ready).and(account))
        });
        let ready = ready.await.map(|_| ());
        ready.with_context(|| format!("the logs end so, {}", self.tail()))
    }
}

fn is_ready(node: &core::Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

// === The node's parts ===

fn containerd(cluster: &Cluster) -> Result<ManagedProcess> {
    let plugins = [Tool::HostLocal, Tool::Loopback, Tool::Ptp].map(|plugin| cluster.tools().path(plugin));
    let plugins: BTreeSet<&Path> = plugins.into_iter().filter_map(Path::parent).collect();
    cluster.workspace().write("cni/10-pods.conflist", &configuration::pod_network())?;
    let file = cluster
        .workspace()
        .write("containerd.toml", &configuration::containerd(&plugins, cluster.folder()))?;
    let mut containerd = Command::new(cluster.tools().path(Tool::Containerd));
    containerd.arg("--config").arg(file).env("PATH", cluster.tools().search_path());
    ManagedProcess::start("containerd", containerd, cluster.workspace())
}

/// Hands containerd the images that pods are made of: no registry is asked.
async fn images(cluster: &Cluster, containerd: &mut ManagedProcess) -> Result<()> {
    let archive = cluster.folder().join("images.tar");
    image::archive(cluster.tools().path(Tool::Busybox), &archive)?;
    until("containerd", READY, async || {
        containerd.check()?;
        Ok(ctr(cluster).arg("version").status()?.success().then_some(()))
    })
    .await?;
    let import = ctr(cluster).args(["--namespace=k8s.io", "images", "import"]).arg(archive).status()?;
    ensure!(
        import.success(),
        "ctr can't import the images; containerd's log ends so:\n{}",
        containerd.tail()
    );
    Ok(())
}

fn ctr(cluster: &Cluster) -> Command {
    let mut ctr = Command::new(cluster.tools().path(Tool::Ctr));
    ctr.args(["--address", configuration::SOCKET]);
    ctr.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ctr
}

fn scheduler(cluster: &Cluster) -> Result<ManagedProcess> {
    let kubeconfig = kubeconfig(cluster, "system:kube-scheduler", None)?;
    let mut scheduler = Command::new(cluster.tools().path(Tool::Scheduler));
    scheduler.arg("--kubeconfig").arg(kubeconfig).args(["--leader-elect=false", "--secure-port=0"]);
    ManagedProcess::start("kube-scheduler", scheduler, cluster.workspace())
}

fn kubelet(cluster: &Cluster, inside: &NodeContext) -> Result<ManagedProcess> {
    let kubeconfig = kubeconfig(cluster, &format!("system:node:{NAME}"), Some("system:nodes"))?;
    let file = cluster.workspace().write("kubelet.json", &configuration::kubelet(inside.cgroup()))?;
    let mut kubelet = Command::new(cluster.tools().path(Tool::Kubelet));
    kubelet.arg("--kubeconfig").arg(kubeconfig).arg("--config").arg(file);
    kubelet.arg(format!("--hostname-override={NAME}")).arg(format!("--node-ip={ADDRESS}"));
    kubelet.arg("--cert-dir").arg(cluster.folder().join("kubelet"));
    ManagedProcess::start("kubelet", kubelet, cluster.workspace())
}

/// A kubeconfig file for a part of the node.
fn kubeconfig(cluster: &Cluster, user: &str, group: Option<&str>) -> Result<PathBuf> {
    let pair = cluster.authority().client(user, group)?;
    let name = user.rsplit(':').next().unwrap_or(user);
    cluster.workspace().write(&format!("{name}.kubeconfig"), &cluster.kubeconfig().with_pair(&pair))
}
