//! Ordinance as it is installed: its manifest, some replicas behind the Service's address, and the webhooks.

use crate::access::Access;
use crate::authority::PemPair;
use crate::cluster::Cluster;
use crate::container;
use crate::manifest::{Manifest, Service};
use crate::recording::Recording;
use crate::replica::Replica;
use crate::service_proxy::ServiceProxy;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The manifest of a checkout.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/ordinance.yaml");

/// How long the service account's token lasts: longer than anybody keeps a cluster up. In a pod it would be renewed.
const TOKEN: &str = "8760h";

/// The flag that names whose rights a replica has.
const KUBECONFIG: &str = "--kubeconfig=";

/// How to install it.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The program `ordinance`.
    pub binary: PathBuf,
    /// What is applied.
    pub manifest: Manifest,
    /// How many processes there are.
    pub replicas: usize,
    /// What they are started with.
    pub start: StartMode,
    /// Flags for `ordinance serve` beside those.
    pub arguments: Vec<String>,
    /// Where every review is kept that a replica is sent.
    pub recording: Option<Arc<Recording>>,
}

/// What replicas are started with, beside a kubeconfig with the rights of the Deployment's service account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartMode {
    /// A certificate for the Service, as flags.
    #[default]
    Certificate,
    /// The arguments of the Deployment's container, with the files that it mounts.
    Container,
    /// Nothing more: the certificate is said by other arguments.
    Bare,
}

/// Replicas behind a Service. They end with this value or with the cluster; the webhooks stay configured.
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
    /// One replica of a program, by the checkout's own manifest.
    ///
    /// # Errors
    ///
    /// What is wrong with the manifest.
    pub fn new(binary: &Path) -> Result<Self> {
        let manifest = Manifest::read(Path::new(MANIFEST))?;
        let (binary, start) = (binary.to_path_buf(), StartMode::default());
        Ok(Self { binary, manifest, replicas: 1, start, arguments: Vec::new(), recording: None })
    }
}

// === impl Ordinance ===

impl Ordinance {
    /// Applies the manifest, starts the replicas, and configures the webhooks once they are ready.
    ///
    /// # Errors
    ///
    /// Which of these failed, and why.
    pub async fn install(cluster: &Cluster, installation: Installation) -> Result<Self> {
        let kubectl = cluster.access().kubectl();
        kubectl.apply(&installation.manifest.without_webhooks()).await?.ok()?;
        let ordinance = Self::start(cluster, installation).await?;
        ordinance.configure(cluster.access()).await?;
        Ok(ordinance)
    }

    /// Starts the replicas behind the Service of a manifest that somebody applied.
    ///
    /// # Errors
    ///
    /// What of the manifest is not there, or why a replica did not become ready.
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

    /// Goes over to a manifest that somebody applied, as a Deployment does: a replica is ready before another ends.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), or that a replica did not end.
    pub async fn roll_out(&mut self, cluster: &Cluster, manifest: Manifest) -> Result<()> {
        self.installation.manifest = manifest;
        self.arguments = arguments(cluster, &self.installation).await?;
        self.restart(cluster).await
    }

    /// Replaces each replica by another, as `kubectl rollout restart` of a Deployment does.
    ///
    /// # Errors
    ///
    /// That a replica did not become ready, or did not end.
    pub async fn restart(&mut self, cluster: &Cluster) -> Result<()> {
        for _ in 0..self.replicas.len() {
            self.add(cluster).await?;
            self.retire(0).await?;
        }
        Ok(())
    }

    /// Asks a replica to end, takes it out of the Service once it says that it is not ready, and waits for its end.
    ///
    /// # Errors
    ///
    /// That it stayed ready, or did not end.
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

    /// Configures the webhooks, also if somebody deleted the configurations.
    ///
    /// # Errors
    ///
    /// What kubectl said.
    pub async fn configure(&self, access: &Access) -> Result<()> {
        let webhooks = self.installation.manifest.webhooks(&self.authority);
        access.kubectl().apply(&webhooks).await?.ok().map(|_| ())
    }

    /// Starts one more replica, and sends it its share of the connections once it is ready.
    ///
    /// # Errors
    ///
    /// That it did not become ready, with the end of its log.
    pub async fn add(&mut self, cluster: &Cluster) -> Result<()> {
        self.start_replica(cluster, &self.arguments.clone()).await
    }

    /// The same with one that reaches the API server by another address.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
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

    /// Takes a replica out of the Service, and hands it over; connections that it has stay.
    pub fn remove(&mut self, index: usize) -> Option<Replica> {
        let replica = (index < self.replicas.len()).then(|| self.replicas.remove(index));
        self.publish();
        replica
    }

    /// The replicas behind the Service.
    pub fn replicas(&mut self) -> &mut Vec<Replica> {
        &mut self.replicas
    }

    /// Where the API server calls it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.service_proxy.address()
    }

    /// Kills every replica at once, as if no node were left.
    pub fn stop(&mut self) {
        self.replicas.iter_mut().for_each(|replica| replica.process().kill());
    }

    /// Starts again the replicas that were stopped.
    ///
    /// # Errors
    ///
    /// That one did not become ready, with the end of its log.
    pub async fn resume(&mut self) -> Result<()> {
        for replica in &mut self.replicas {
            replica.resume().await?;
        }
        self.publish();
        Ok(())
    }

    /// Sends connections to the replicas that there are now, on the ports that they have now.
    pub fn publish(&self) {
        self.service_proxy.set_endpoints(self.replicas.iter().map(Replica::https).collect());
    }
}

/// What a replica is started with.
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

/// A certificate for the Service's name.
fn pair(cluster: &Cluster, service: &Service) -> Result<PemPair> {
    let name = format!("{}.{}.svc", service.name, service.namespace);
    cluster.authority().server(&name, std::slice::from_ref(&name))
}

/// A certificate for the Service's name, as flags.
fn certificate(cluster: &Cluster, service: &Service) -> Result<Vec<String>> {
    let pair = pair(cluster, service)?;
    let certificate = cluster.workspace().write("ordinance.crt", &pair.certificate)?;
    let key = cluster.workspace().write("ordinance.key", &pair.key)?;
    Ok(vec![format!("--tls-cert={}", certificate.display()), format!("--tls-key={}", key.display())])
}

/// What the Deployment's service account may read, as flags.
async fn account(cluster: &Cluster, manifest: &Manifest) -> Result<[String; 1]> {
    let token = token(cluster.access(), manifest).await?;
    let file = cluster.workspace().write("ordinance.kubeconfig", &cluster.kubeconfig().with_token(&token))?;
    Ok([format!("{KUBECONFIG}{}", file.display())])
}

/// A token of the Deployment's service account.
async fn token(access: &Access, manifest: &Manifest) -> Result<String> {
    let namespace = manifest.service()?.namespace;
    let pod = manifest.deployment()?.spec.template.spec;
    let name =
        pod.and_then(|pod| pod.service_account_name).context("the Deployment names no service account")?;
    let line = format!("create token {name} --namespace={namespace} --duration={TOKEN}");
    Ok(access.kubectl().ok(&line).await?.trim().to_owned())
}

async fn cluster_ip(access: &Access, service: &Service) -> Result<IpAddr> {
    let services: Api<core::Service> = Api::namespaced(access.client(), &service.namespace);
    let found = services.get(&service.name).await?;
    let address = found.spec.and_then(|spec| spec.cluster_ip);
    Ok(address.context("the Service has no cluster IP")?.parse()?)
}
