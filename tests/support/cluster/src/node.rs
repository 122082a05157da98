//! A real node for the control plane: a kubelet, a scheduler and containerd, whose pods really run.
//!
//! The node and its control plane live in Linux namespaces of their own: [`LinuxNamespaces`] makes them and runs this
//! program again inside. There it is a cluster like any other, and the addresses of its pods exist only there.
//!
//! [`LinuxNamespaces`]: namespaces::LinuxNamespaces

pub(crate) mod cgroups;
pub(crate) mod configuration;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod namespaces;

use crate::cluster::Cluster;
use crate::managed_process::ManagedProcess;
use crate::options::{ClusterOptions, PodMode};
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

/// The folder of the node's files. It exists only inside the namespaces, and is short because a socket's path must be
/// short.
pub(crate) const FOLDER: &str = "/run/ordinance";

/// The subfolder with the directories that stand for NFS exports.
pub(crate) const EXPORTS: &str = "exports";

/// How long the node may take to become ready. It takes 4 s on an idle machine.
const READY: Duration = Duration::from_secs(90);

/// A running node. Dropping it kills its processes.
#[derive(Debug)]
pub struct ClusterNode {
    kubelet: ManagedProcess,
    _scheduler: ManagedProcess,
    containerd: ManagedProcess,
}

// === impl ClusterNode ===

impl ClusterNode {
    /// Returns the options of a control plane with a node.
    #[must_use]
    pub fn options() -> ClusterOptions {
        // No DNS server knows the node's name.
        let by_address = "--kubelet-preferred-address-types=InternalIP".to_owned();
        ClusterOptions { pods: PodMode::Node, api_server: vec![by_address], ..ClusterOptions::default() }
    }

    /// Starts the node of a cluster and waits until it is ready. Both must be inside `LinuxNamespaces`.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of a log if a part did not start.
    pub async fn start(cluster: &Cluster) -> Result<Self> {
        let inside = NodeContext::from_env().context("a node runs only inside LinuxNamespaces")?;
        let mut containerd = containerd(cluster)?;
        images(cluster, &mut containerd).await?;
        // Without it the Node authorizer, whose view lags by some milliseconds, sometimes refuses a pod's claim, which
        // costs 8 s.
        let allow = "create clusterrolebinding nodes --clusterrole=system:node --group=system:nodes";
        cluster.access().kubectl().ok(allow).await?;
        let scheduler = scheduler(cluster)?;
        let kubelet = kubelet(cluster, &inside)?;
        let mut node = Self { kubelet, _scheduler: scheduler, containerd };
        node.ready(cluster).await?;
        Ok(node)
    }

    /// Creates the directory that stands for an export of a server, if it does not exist, and sets its mode.
    ///
    /// # Errors
    ///
    /// Returns an error if it can't be created.
    pub fn export(&self, server: &str, path: &str, mode: u32) -> Result<PathBuf> {
        let folder = Path::new(FOLDER).join(EXPORTS).join(server).join(path.trim_start_matches('/'));
        std::fs::create_dir_all(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode))?;
        Ok(folder)
    }

    /// The last log lines of kubelet and containerd.
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
            // Pods are refused until their namespace has its service account.
            let account = accounts.get_opt("default").await?;
            Ok(nodes.get_opt(NAME).await?.filter(is_ready).and(account))
        });
        let ready = ready.await.map(|_| ());
        ready.with_context(|| format!("the end of the logs, {}", self.tail()))
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

/// Imports the images of the test pods into containerd, so that no registry is needed.
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
        "ctr can't import the images; the end of containerd's log:\n{}",
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
    kubelet.arg(format!("--hostname-override={NAME}")).arg(format!("--node-ip={}", configuration::ADDRESS));
    kubelet.arg("--cert-dir").arg(cluster.folder().join("kubelet"));
    ManagedProcess::start("kubelet", kubelet, cluster.workspace())
}

/// Writes a kubeconfig for a part of the node.
fn kubeconfig(cluster: &Cluster, user: &str, group: Option<&str>) -> Result<PathBuf> {
    let pair = cluster.authority().client(user, group)?;
    let name = user.rsplit(':').next().unwrap_or(user);
    cluster.workspace().write(&format!("{name}.kubeconfig"), &cluster.kubeconfig().with_pair(&pair))
}
