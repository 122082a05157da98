//! The processes of a control plane: etcd, kube-apiserver and kube-controller-manager.

use crate::access::ClusterAccess;
use crate::addresses::Addresses;
use crate::authority::{TestAuthority, service_accounts};
use crate::kubeconfig::{Kubeconfig, for_webhooks};
use crate::managed_process::ManagedProcess;
use crate::options::ClusterOptions;
use crate::wait::until;
use crate::workspace::Workspace;
use anyhow::Result;
use http::Request;
use ordinance_tools::{Tool, Tools};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long the API server may take to become ready. It takes 2 s on an idle machine.
const READY: Duration = Duration::from_secs(90);

/// A process of the control plane that can be stopped and started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlPlanePart {
    /// The store of the API server.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controllers: of StatefulSets, claims, garbage collection and namespaces.
    Controllers,
}

/// The processes of a control plane.
#[derive(Debug)]
pub struct ControlPlane {
    controllers: ManagedProcess,
    api_server: ManagedProcess,
    etcd: ManagedProcess,
}

/// The inputs of a control plane's command lines.
pub(crate) struct PlaneConfig<'a> {
    pub workspace: &'a Workspace,
    pub tools: &'a Tools,
    pub addresses: &'a Addresses,
    pub authority: &'a TestAuthority,
    pub options: &'a ClusterOptions,
}

// === impl ControlPlane ===

impl ControlPlane {
    /// Starts all parts and waits until the API server is ready. Also returns access to it.
    pub(crate) async fn start(config: &PlaneConfig<'_>) -> Result<(Self, ClusterAccess, Kubeconfig)> {
        let [store, peers, server] = config.addresses.free()?;
        let kubeconfig = Kubeconfig::new(format!("https://{server}"), config.authority.certificate());
        let admin = config.kubeconfig(&kubeconfig, "admin", Some("system:masters"))?;
        let access = ClusterAccess::new(&admin, config.tools.path(Tool::Kubectl)).await?;
        let mut etcd = ManagedProcess::start("etcd", config.etcd(store, peers)?, config.workspace)?;
        let (private, public) = config.service_account_keys()?;
        let command = config.api_server(server, store, [&private, &public])?;
        let mut api_server = ManagedProcess::start("kube-apiserver", command, config.workspace)?;
        ready(&access, &mut [&mut etcd, &mut api_server]).await?;
        let manager = config.kubeconfig(&kubeconfig, "system:kube-controller-manager", None)?;
        let controllers = config.controllers(&manager, &private)?;
        let controllers = ManagedProcess::start("kube-controller-manager", controllers, config.workspace)?;
        Ok((Self { controllers, api_server, etcd }, access, kubeconfig))
    }

    /// A part, to stop and start it.
    pub fn part(&mut self, part: ControlPlanePart) -> &mut ManagedProcess {
        match part {
            ControlPlanePart::Etcd => &mut self.etcd,
            ControlPlanePart::ApiServer => &mut self.api_server,
            ControlPlanePart::Controllers => &mut self.controllers,
        }
    }

    /// Waits until the API server is ready, e.g. after a restart.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of a log if that takes longer than 90 s, or if a part ends.
    pub async fn ready(&mut self, access: &ClusterAccess) -> Result<()> {
        ready(access, &mut [&mut self.etcd, &mut self.api_server, &mut self.controllers]).await
    }
}

/// Waits until `/readyz` reports `ok`. Fails as soon as one of the parts ends.
async fn ready(access: &ClusterAccess, parts: &mut [&mut ManagedProcess]) -> Result<()> {
    let client = access.client();
    until("the API server's /readyz", READY, async || {
        parts.iter_mut().try_for_each(|part| part.check())?;
        let request = Request::get("/readyz").body(Vec::new())?;
        let answer = client.request_text(request).await;
        Ok(answer.is_ok_and(|answer| answer == "ok").then_some(()))
    })
    .await
}

// === impl PlaneConfig ===

impl PlaneConfig<'_> {
    /// Writes a kubeconfig for a user.
    fn kubeconfig(&self, kubeconfig: &Kubeconfig, user: &str, group: Option<&str>) -> Result<PathBuf> {
        let pair = self.authority.client(user, group)?;
        let name = user.rsplit(':').next().unwrap_or(user);
        self.workspace.write(&format!("{name}.kubeconfig"), &kubeconfig.with_pair(&pair))
    }

    fn service_account_keys(&self) -> Result<(PathBuf, PathBuf)> {
        let (private, public) = service_accounts()?;
        Ok((
            self.workspace.write("service-accounts.key", &private)?,
            self.workspace.write("service-accounts.pub", &public)?,
        ))
    }

    fn etcd(&self, store: SocketAddr, peers: SocketAddr) -> Result<Command> {
        let (clients, peers) = (format!("http://{store}"), format!("http://{peers}"));
        let mut etcd = Command::new(self.tools.path(Tool::Etcd));
        etcd.arg("--unsafe-no-fsync").arg(flag("--data-dir", self.workspace.path("etcd").display()));
        etcd.arg(flag("--listen-client-urls", &clients)).arg(flag("--advertise-client-urls", &clients));
        etcd.arg(flag("--listen-peer-urls", &peers)).arg(flag("--initial-advertise-peer-urls", &peers));
        etcd.arg(flag("--initial-cluster", format!("default={peers}")));
        Ok(etcd)
    }

    fn api_server(&self, address: SocketAddr, store: SocketAddr, tokens: [&Path; 2]) -> Result<Command> {
        let [private, public] = tokens;
        let mut server = Command::new(self.tools.path(Tool::ApiServer));
        server.arg(flag("--etcd-servers", format!("http://{store}")));
        server.arg(flag("--bind-address", address.ip())).arg(flag("--secure-port", address.port()));
        server.arg(flag("--service-cluster-ip-range", self.addresses.services()));
        server.args(["--endpoint-reconciler-type=none", "--allow-privileged"]);
        server.args(["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"]);
        server.arg("--service-account-issuer=https://kubernetes.default.svc");
        server.arg(flag("--service-account-signing-key-file", private.display()));
        server.arg(flag("--service-account-key-file", public.display()));
        server.args(self.serving()?).args(self.webhooks()?).args(&self.options.api_server);
        Ok(server)
    }

    /// Returns the flags of the API server's certificate and of the CA that its clients' certificates are signed by.
    fn serving(&self) -> Result<[String; 3]> {
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1"];
        let addresses = [self.addresses.plane().to_string(), self.addresses.kubernetes().to_string()];
        let names: Vec<String> = names.map(str::to_owned).into_iter().chain(addresses).collect();
        let pair = self.authority.server("kube-apiserver", &names)?;
        let authority = self.workspace.write("ca.crt", self.authority.certificate())?;
        Ok([
            flag("--tls-cert-file", self.workspace.write("kube-apiserver.crt", &pair.certificate)?.display()),
            flag("--tls-private-key-file", self.workspace.write("kube-apiserver.key", &pair.key)?.display()),
            flag("--client-ca-file", authority.display()),
        ])
    }

    /// Returns the flag that makes the API server show a client certificate to webhooks, if the options name one.
    fn webhooks(&self) -> Result<Option<String>> {
        let Some(name) = &self.options.webhook_client else { return Ok(None) };
        let kubeconfig = for_webhooks(&self.authority.client(name, None)?);
        let kubeconfig = self.workspace.write("webhooks.kubeconfig", &kubeconfig)?;
        let file = self.workspace.write("admission.json", &admission(&kubeconfig).to_string())?;
        Ok(Some(flag("--admission-control-config-file", file.display())))
    }

    fn controllers(&self, kubeconfig: &Path, tokens: &Path) -> Result<Command> {
        let authority = self.workspace.write("ca.crt", self.authority.certificate())?;
        let mut controllers = Command::new(self.tools.path(Tool::ControllerManager));
        controllers
            .arg(flag("--kubeconfig", kubeconfig.display()))
            .arg(flag("--root-ca-file", authority.display()));
        controllers.arg(flag("--service-account-private-key-file", tokens.display()));
        controllers.args(["--use-service-account-credentials", "--leader-elect=false", "--secure-port=0"]);
        // How soon the controller retries a claim that waits for its volume; the default is 15 s.
        controllers.arg("--pvclaimbinder-sync-period=1s").args(&self.options.controllers);
        Ok(controllers)
    }
}

/// Returns the API server's admission configuration: the kubeconfig that the webhook plugins use.
fn admission(kubeconfig: &Path) -> Value {
    let plugin = |name| {
        json!({ "name": name, "configuration": {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "WebhookAdmissionConfiguration",
            "kubeConfigFile": kubeconfig,
        }})
    };
    let plugins = ["MutatingAdmissionWebhook", "ValidatingAdmissionWebhook"].map(plugin);
    json!({ "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins })
}

fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("{name}={value}")
}
