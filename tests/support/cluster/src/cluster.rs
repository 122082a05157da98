//! A running control plane and everything that belongs to it.

use crate::access::ClusterAccess;
use crate::addresses::Addresses;
use crate::authority::TestAuthority;
use crate::control_plane::{ControlPlane, PlaneConfig};
use crate::fake_kubelet::FakeKubelet;
use crate::helm::Helm;
use crate::kubeconfig::Kubeconfig;
use crate::options::{ClusterOptions, PodMode};
use crate::workspace::Workspace;
use anyhow::Result;
use ordinance_tools::{Tool, Tools};

/// A control plane. Dropping it ends its processes and removes its files.
pub struct Cluster {
    _fake_kubelet: Option<FakeKubelet>,
    control_plane: ControlPlane,
    access: ClusterAccess,
    kubeconfig: Kubeconfig,
    authority: TestAuthority,
    _addresses: Addresses,
    tools: Tools,
    workspace: Workspace,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a control plane and waits until it is ready, which takes about 4 s.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of a log if a part did not start.
    pub async fn start(tools: &Tools, options: &ClusterOptions) -> Result<Self> {
        let (workspace, addresses) = (Workspace::new()?, Addresses::claim()?);
        let authority = TestAuthority::new("ordinance-cluster")?;
        let config = PlaneConfig {
            workspace: &workspace,
            tools,
            addresses: &addresses,
            authority: &authority,
            options,
        };
        let (control_plane, access, kubeconfig) = ControlPlane::start(&config).await?;
        let fake_kubelet = (options.pods == PodMode::Fake).then(|| FakeKubelet::start(access.client()));
        let tools = tools.clone();
        Ok(Self {
            _fake_kubelet: fake_kubelet,
            control_plane,
            access,
            kubeconfig,
            authority,
            _addresses: addresses,
            tools,
            workspace,
        })
    }

    /// Access as an administrator.
    #[must_use]
    pub fn access(&self) -> &ClusterAccess {
        &self.access
    }

    /// The address and the CA of the API server, for kubeconfigs of other users.
    #[must_use]
    pub fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    /// The CA that the API server and its clients trust.
    #[must_use]
    pub fn authority(&self) -> &TestAuthority {
        &self.authority
    }

    /// The processes of the control plane, to stop and start them.
    pub fn control_plane(&mut self) -> &mut ControlPlane {
        &mut self.control_plane
    }

    /// Helm for this cluster, if it is among the programs.
    #[must_use]
    pub fn helm(&self) -> Helm {
        Helm::new(self.tools.path(Tool::Helm), self.access.kubeconfig())
    }

    /// The programs that the cluster was started with.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The folder of the cluster's files and logs.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.workspace.folder()
    }

    /// The folder and the process group, for other processes that end with the cluster.
    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }
}
