//! An installed Ordinance: its manifest, replicas behind the Service's address, and the webhooks.

use crate::access::ClusterAccess;
use crate::authority::IssuedPair;
use crate::cluster::Cluster;
use crate::container;
use crate::manifest::{InstallManifest, WebhookService};
use crate::recording::ReviewRecording;
use crate::replica::Replica;
use crate::service_proxy::ServiceProxy;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The manifest of the checkout with which Ordinance refuses requests.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/ordinance-enforce.yaml");

/// The lifetime of the service account's token: longer than any cluster of a test or a person. In a pod the kubelet
/// would renew it.
const TOKEN: &str = "8760h";

/// The flag for a replica's kubeconfig, which determines its rights.
const KUBECONFIG: &str = "--kubeconfig=";

/// Options of an installation.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The `ordinance` program.
    pub binary: PathBuf,
    /// The manifest to apply.
    pub manifest: InstallManifest,
    /// The number of processes.
    pub replicas: usize,
    /// The flags that each process is started with.
    pub start: StartMode,
    /// Additional flags of `ordinance serve`.
    pub arguments: Vec<String>,
    /// Where to store every review that a replica receives, if anywhere.
    pub recording: Option<Arc<ReviewRecording>>,
}

/// The flags of a replica, in addition to a kubeconfig with the rights of the Deployment's service account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartMode {
    /// A certificate for the Service.
    #[default]
    Certificate,
    /// The arguments of the Deployment's container, with the files that it mounts.
    Container,
    /// No more flags: the additional flags say which certificate to use.
    Bare,
}

/// Replicas behind a Service. They end when this value or the cluster is dropped; the webhook configurations stay.
pub struct Ordinance {
    service_proxy: ServiceProxy,
    replicas: Vec<Replica>,
    installation: Installation,
    arguments: Vec<String>,
    started: usize,
    authority: String,
}

// === impl Installation ===

impl Installation {
    /// Returns the options for one replica of a program and the checkout's manifest with `mode: Enforce`.
    ///
    /// # Errors
    ///
    /// Returns an error if the manifest is invalid.
    pub fn new(binary: &Path) -> Result<Self> {
        let manifest = InstallManifest::read(Path::new(MANIFEST))?;
        let (binary, start) = (binary.to_path_buf(), StartMode::default());
        Ok(Self { binary, manifest, replicas: 1, start, arguments: Vec::new(), recording: None })
    }
}

// === impl Ordinance ===

impl Ordinance {
    /// Applies the manifest, starts the replicas, and configures the webhooks as soon as they are ready.
    ///
    /// # Errors
    ///
    /// Returns an error if one of these steps fails.
    pub async fn install(cluster: &Cluster, installation: Installation) -> Result<Self> {
        let kubectl = cluster.access().kubectl();
        kubectl.apply(&installation.manifest.without_webhooks()).await?.ok()?;
        let ordinance = Self::start(cluster, installation).await?;
        ordinance.configure(cluster.access()).await?;
        Ok(ordinance)
    }

    /// Starts the replicas behind the Service of a manifest that was applied before.
    ///
    /// # Errors
    ///
    /// Returns an error if an object of the manifest is missing, or if a replica did not become ready.
    pub async fn start(cluster: &Cluster, installation: Installation) -> Result<Self> {
        let service = installation.manifest.service()?;
        let address = SocketAddr::new(cluster_ip(cluster.access(), &service).await?, service.port);
        let mut ordinance = Self {
            service_proxy: ServiceProxy::bind(address).await?,
            replicas: Vec::new(),
            arguments: arguments(cluster, &installation).await?,
            started: 0,
            authority: cluster.authority().certificate().to_owned(),
            installation,
        };
        for _ in 0..ordinance.installation.replicas {
            ordinance.add(cluster).await?;
        }
        Ok(ordinance)
    }

    /// Switches to a manifest that was applied before, as a Deployment does: a new replica becomes ready before an old
    /// one ends.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`start`](Self::start), and an error if a replica does not end.
    pub async fn roll_out(&mut self, cluster: &Cluster, manifest: InstallManifest) -> Result<()> {
        self.installation.manifest = manifest;
        self.arguments = arguments(cluster, &self.installation).await?;
        self.restart(cluster).await
    }

    /// Replaces every replica by a new one, as `kubectl rollout restart` of a Deployment does.
    ///
    /// # Errors
    ///
    /// Returns an error if a replica does not become ready, or does not end.
    pub async fn restart(&mut self, cluster: &Cluster) -> Result<()> {
        for _ in 0..self.replicas.len() {
            self.add(cluster).await?;
            self.retire(0).await?;
        }
        Ok(())
    }

    /// Sends SIGTERM to a replica, removes it from the Service as soon as it reports that it is unready, and waits for
    /// its end.
    ///
    /// # Errors
    ///
    /// Returns an error if it stays ready or does not end.
    pub async fn retire(&mut self, index: usize) -> Result<()> {
        if let Some(replica) = self.replicas.get_mut(index) {
            replica.process().ask_to_end()?;
            replica.unready().await?;
        }
        match self.remove(index) {
            Some(mut replica) => replica.process().ended().await,
            None => Ok(()),
        }
    }

    /// Applies the webhook configurations, which creates them again if they were deleted.
    ///
    /// # Errors
    ///
    /// Returns an error with kubectl's output if it failed.
    pub async fn configure(&self, access: &ClusterAccess) -> Result<()> {
        let webhooks = self.installation.manifest.webhooks(&self.authority);
        access.kubectl().apply(&webhooks).await?.ok().map(|_| ())
    }

    /// Starts one more replica, and adds it to the Service as soon as it is ready.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of the log if it did not become ready.
    pub async fn add(&mut self, cluster: &Cluster) -> Result<()> {
        self.start_replica(cluster, &self.arguments.clone()).await
    }

    /// Starts one more replica that reaches the API server at another address, e.g. of a proxy.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`add`](Self::add).
    pub async fn add_through(&mut self, cluster: &Cluster, address: SocketAddr) -> Result<()> {
        let (manifest, kubeconfig) = (&self.installation.manifest, cluster.kubeconfig().by(address));
        let token = token(cluster.access(), manifest).await?;
        let file = cluster.workspace().write("ordinance-by.kubeconfig", &kubeconfig.with_token(&token))?;
        let mut arguments = self.arguments.clone();
        arguments.retain(|argument| !argument.starts_with(KUBECONFIG));
        arguments.push(format!("{KUBECONFIG}{}", file.display()));
        self.start_replica(cluster, &arguments).await
    }

    async fn start_replica(&mut self, cluster: &Cluster, arguments: &[String]) -> Result<()> {
        let name = format!("ordinance-{}", self.started);
        self.started += 1;
        let binary = &self.installation.binary;
        let mut replica = Replica::start(&name, binary, arguments, cluster.workspace()).await?;
        if let Some(recording) = &self.installation.recording {
            let pair = pair(cluster, &self.installation.manifest.service()?)?;
            replica.record(Arc::clone(recording), &pair).await?;
        }
        self.replicas.push(replica);
        self.publish();
        Ok(())
    }

    /// Removes a replica from the Service and returns it. Its open connections stay.
    pub fn remove(&mut self, index: usize) -> Option<Replica> {
        let replica = (index < self.replicas.len()).then(|| self.replicas.remove(index));
        self.publish();
        replica
    }

    /// The replicas behind the Service.
    pub fn replicas(&mut self) -> &mut Vec<Replica> {
        &mut self.replicas
    }

    /// The address that the API server calls.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.service_proxy.address()
    }

    /// Kills all replicas at once, as if all nodes were lost.
    pub fn stop(&mut self) {
        self.replicas.iter_mut().for_each(|replica| replica.process().kill());
    }

    /// Starts the killed replicas again.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of the log if one did not become ready.
    pub async fn resume(&mut self) -> Result<()> {
        for replica in &mut self.replicas {
            replica.resume().await?;
        }
        self.publish();
        Ok(())
    }

    /// Updates the Service with the current replicas and their current ports.
    pub fn publish(&self) {
        self.service_proxy.set_endpoints(self.replicas.iter().map(Replica::https).collect());
    }
}

/// Returns the flags of a replica.
async fn arguments(cluster: &Cluster, installation: &Installation) -> Result<Vec<String>> {
    let service = installation.manifest.service()?;
    let mut arguments = match installation.start {
        StartMode::Certificate => certificate(cluster, &service)?,
        StartMode::Bare => Vec::new(),
        StartMode::Container => container::arguments(cluster, &installation.manifest.deployment()?).await?,
    };
    arguments.extend(account(cluster, &installation.manifest).await?);
    arguments.extend(installation.arguments.iter().cloned());
    Ok(arguments)
}

/// Issues a certificate for the Service's name.
fn pair(cluster: &Cluster, service: &WebhookService) -> Result<IssuedPair> {
    let name = format!("{}.{}.svc", service.name, service.namespace);
    cluster.authority().server(&name, std::slice::from_ref(&name))
}

/// Issues a certificate for the Service's name, and returns the flags that name its files.
fn certificate(cluster: &Cluster, service: &WebhookService) -> Result<Vec<String>> {
    let pair = pair(cluster, service)?;
    let certificate = cluster.workspace().write("ordinance.crt", &pair.certificate)?;
    let key = cluster.workspace().write("ordinance.key", &pair.key)?;
    Ok(vec![format!("--tls-cert={}", certificate.display()), format!("--tls-key={}", key.display())])
}

/// Returns the flag for a kubeconfig with the rights of the Deployment's service account.
async fn account(cluster: &Cluster, manifest: &InstallManifest) -> Result<[String; 1]> {
    let token = token(cluster.access(), manifest).await?;
    let file = cluster.workspace().write("ordinance.kubeconfig", &cluster.kubeconfig().with_token(&token))?;
    Ok([format!("{KUBECONFIG}{}", file.display())])
}

/// Creates a token of the Deployment's service account.
async fn token(access: &ClusterAccess, manifest: &InstallManifest) -> Result<String> {
    let namespace = manifest.service()?.namespace;
    let pod = manifest.deployment()?.spec.template.spec;
    let name =
        pod.and_then(|pod| pod.service_account_name).context("the Deployment names no service account")?;
    let line = format!("create token {name} --namespace={namespace} --duration={TOKEN}");
    Ok(access.kubectl().ok(&line).await?.trim().to_owned())
}

async fn cluster_ip(access: &ClusterAccess, service: &WebhookService) -> Result<IpAddr> {
    let services: Api<core::Service> = Api::namespaced(access.client(), &service.namespace);
    let found = services.get(&service.name).await?;
    let address = found.spec.and_then(|spec| spec.cluster_ip);
    Ok(address.context("the Service has no cluster IP")?.parse()?)
}
