//! A control plane that runs until it is dropped.

use crate::access::Access;
use crate::addresses::Addresses;
use crate::helm::Helm;
use crate::keys::Authority;
use crate::kubeconfig::Kubeconfig;
use crate::plane::{Ground, Plane};
use crate::pods::Player;
use crate::site::Site;
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
    pub pods: Pods,
}

/// What becomes of pods, on a control plane without a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pods {
    /// Each is said to run and to be ready as soon as its claims are bound. Nothing runs.
    #[default]
    Pretend,
    /// They are left alone, as for a node that runs them.
    Leave,
}

/// A control plane, which ends with this value.
pub struct Cluster {
    _player: Option<Player>,
    plane: Plane,
    access: Access,
    kubeconfig: Kubeconfig,
    authority: Authority,
    _addresses: Addresses,
    tools: Tools,
    site: Site,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a control plane and waits until it is ready: about 4 s.
    ///
    /// # Errors
    ///
    /// Which part did not start, with the end of its log.
    pub async fn start(tools: &Tools, options: &Options) -> Result<Self> {
        let (site, addresses) = (Site::new()?, Addresses::claim()?);
        let authority = Authority::new("ordinance-cluster")?;
        let ground = Ground { site: &site, tools, addresses: &addresses, authority: &authority, options };
        let (plane, access, kubeconfig) = Plane::start(&ground).await?;
        let player = (options.pods == Pods::Pretend).then(|| Player::start(access.client()));
        let tools = tools.clone();
        Ok(Self { _player: player, plane, access, kubeconfig, authority, _addresses: addresses, tools, site })
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
    pub fn plane(&mut self) -> &mut Plane {
        &mut self.plane
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
        self.site.folder()
    }

    /// The ground for other processes that end with the cluster.
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }
}
