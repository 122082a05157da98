//! A control plane that runs until it is dropped.

use crate::access::Access;
use crate::addresses::Addresses;
use crate::authority::Authority;
use crate::control_plane::{ControlPlane, PlaneConfig};
use crate::fake_kubelet::FakeKubelet;
use crate::helm::Helm;
use crate::kubeconfig::Kubeconfig;
use crate::workspace::Workspace;
use anyhow::Result;
use ordinance_tools::{Tool, Tools};

/// How to start a cluster.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The common name of the certificate that the API server shows to webhooks; none without.
    pub webhook_client: Option<String>,
    /// Flags for the API server beside the usual ones.
    pub api_server: Vec<String>,
    /// Flags for the controllers beside the usual ones.
    pub controllers: Vec<String>,
    /// What becomes of pods.
    pub pods: PodMode,
}

/// What becomes of pods, on a control plane without a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodMode {
    /// Each is said to run and to be ready as soon as its claims are bound. Nothing runs.
    #[default]
    Fake,
    /// They are left alone, as for a node that runs them.
    Node,
}

/// A control plane, which ends with this value.
pub struct Cluster {
    _fake_kubelet: Option<FakeKubelet>,
    control_plane: ControlPlane,
    access: Access,
    kubeconfig: Kubeconfig,
    authority: Authority,
    _addresses: Addresses,
    tools: Tools,
    workspace: Workspace,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a control plane and waits until it is ready: about 4 s.
    ///
    /// # Errors
    ///
    /// Which part did not start, with the end of its log.
    pub async fn start(tools: &Tools, options: &Options) -> Result<Self> {
        let (workspace, addresses) = (Workspace::new()?, Addresses::claim()?);
        let authority = Authority::new("ordinance-cluster")?;
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

    /// Ways to talk to it.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Where the API server is, to talk to it as somebody else.
    #[must_use]
    pub fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    /// The authority that the API server and its clients trust.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The parts, to stop and start them.
    pub fn control_plane(&mut self) -> &mut ControlPlane {
        &mut self.control_plane
    }

    /// Helm's client for it, if it is among the programs.
    #[must_use]
    pub fn helm(&self) -> Helm {
        Helm::new(self.tools.path(Tool::Helm), self.access.kubeconfig())
    }

    /// The programs.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The folder of its files, logs among them.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.workspace.folder()
    }

    /// The ground for other processes that end with the cluster.
    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }
}
