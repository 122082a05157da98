//! The Secret and the webhook configurations of a cluster, and the way to them.

use crate::cluster::Access;
use crate::config::{Fault, SelfManaged, SelfManagedFile, kubeconfig, named, self_managed};
use anyhow::{Context, Result};
use clap::Args;
use kube::Client;
use kube::config::Kubeconfig;
use ordinance_certs::cluster::{Configurations, SecretStore};
use ordinance_certs::inspect::Inspection;
use ordinance_certs::{Configuration, Schedule, Store as _, Webhooks as _};
use std::path::PathBuf;
use std::time::Duration;

/// Where it is installed, unless that is said.
const NAMESPACE: &str = "ordinance-system";

/// What the name of a Service's Secret ends with.
const SUFFIX: &str = "-ca";

/// How long the API server may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Which Secret and which webhook configurations, of which cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ClusterArgs {
    /// The Secret with the CA [default: ordinance-system/ordinance-ca, in a pod of its own namespace]
    #[arg(long, value_name = "NAMESPACE/NAME", env = "ORDINANCE_SECRET", hide_env = true)]
    #[arg(value_parser = SecretName::parse)]
    secret: Option<SecretName>,
    /// Webhook configurations of this name, of both kinds; may be repeated [default: ordinance]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_WEBHOOK", hide_env = true, value_delimiter = ',')]
    webhook: Vec<String>,
    /// The configuration of `ordinance serve`, for the names and times of certificate.selfManaged
    #[arg(long, value_name = "FILE", env = "ORDINANCE_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// A kubeconfig; without it the pod's own account, $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE", env = "ORDINANCE_KUBECONFIG", hide_env = true)]
    kubeconfig: Option<PathBuf>,
    /// One of its contexts, in place of its current one
    #[arg(long, value_name = "NAME", env = "ORDINANCE_CONTEXT", hide_env = true)]
    context: Option<String>,
}

/// A Secret's name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SecretName {
    namespace: String,
    name: String,
}

/// The place of a CA, and of those who trust it.
pub(super) struct Cluster {
    pub(super) store: SecretStore,
    pub(super) configurations: Configurations,
    pub(super) schedule: Schedule,
    /// What the Secret is called in messages.
    pub(super) place: String,
    webhooks: Vec<String>,
}

// === impl ClusterArgs ===

impl ClusterArgs {
    /// Whether the cluster is asked for by name.
    pub(super) fn is_named(&self) -> bool {
        self.secret.is_some() || named(&self.webhook).next().is_some()
    }

    /// Whether a Secret is.
    pub(super) const fn names_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Finds the way; nothing is asked yet.
    pub(super) async fn open(&self) -> Result<Cluster> {
        let access = self.access()?;
        let mut api = access.config().await.map_err(|error| Fault::new("the cluster", error))?;
        api.connect_timeout = Some(ANSWER_TIME);
        api.read_timeout = Some(ANSWER_TIME);
        api.default_retry = false;
        let managed = self.managed()?;
        let pod = matches!(access, Access::Pod).then(|| api.default_namespace.clone());
        let namespace = managed.namespace(pod.as_deref().unwrap_or(NAMESPACE)).to_owned();
        let client = Client::try_from(api)?;
        let SelfManaged { secret, webhooks, schedule, .. } = managed;
        Ok(Cluster {
            store: SecretStore::new(client.clone(), &namespace, &secret),
            configurations: Configurations::new(client, webhooks.clone()),
            place: format!("Secret {namespace}/{secret}"),
            schedule,
            webhooks,
        })
    }

    fn access(&self) -> Result<Access, Fault> {
        let place = |field| format!("--{field}");
        let context = self.context.as_deref();
        match &self.kubeconfig {
            Some(file) => {
                let read =
                    Kubeconfig::read_from(file).map_err(|error| Fault::new(place("kubeconfig"), error));
                kubeconfig(read?, context, place)
            }
            None if Access::is_pod() => Ok(Access::Pod),
            None => {
                let read = Kubeconfig::read().map_err(|error| {
                    let remedy =
                        "give --kubeconfig FILE, or look elsewhere: --dir DIR, --connect HOST:PORT or FILE";
                    Fault::new("the cluster", format_args!("{error}; {remedy}"))
                });
                kubeconfig(read?, context, place)
            }
        }
    }

    /// Names and times: flags over the file over what follows from the Secret's name.
    fn managed(&self) -> Result<SelfManaged, Fault> {
        let mut file = match &self.config {
            Some(path) => self_managed(path)?,
            None => SelfManagedFile::default(),
        };
        if let Some(SecretName { namespace, name }) = &self.secret {
            if let (None, Some(service)) = (&self.config, name.strip_suffix(SUFFIX)) {
                file.service = service.to_owned();
            }
            file.namespace = Some(namespace.clone());
            file.secret = Some(name.clone());
        }
        let named: Vec<String> = named(&self.webhook).cloned().collect();
        if !named.is_empty() {
            file.webhooks = Some(named);
        }
        Ok(file.complete())
    }
}

// === impl SecretName ===

impl SecretName {
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("`{text}` names no Secret; write e.g. {NAMESPACE}/ordinance-ca")),
        }
    }
}

// === impl Cluster ===

impl Cluster {
    /// The webhook configurations that there are.
    pub(super) async fn found(&self) -> Result<Vec<Configuration>> {
        self.configurations.read().await.map_err(|error| unanswered("webhook configurations", error))
    }

    /// Takes in what is stored, and who trusts whom.
    pub(super) async fn inspect(&self, inspection: &mut Inspection) -> Result<()> {
        let (place, webhooks) = (&self.place, &self.webhooks);
        let stored = self.store.read().await.map_err(|error| unanswered(place, error))?;
        if stored.data.is_empty() {
            let remedy = "a replica with --cert self-managed fills it at its first start";
            inspection.trouble(place, format!("holds nothing; {remedy}"));
        } else {
            inspection.store(place, |entry| format!("{place}: {entry}"), &stored.data, self.schedule);
        }
        let found = self.found().await?;
        for name in webhooks.iter().filter(|name| !found.iter().any(|found| found.name == **name)) {
            let remedy = "so nothing is asked; install it, or name others by --webhook";
            inspection.trouble("webhook configurations", format!("there is none called {name}, {remedy}"));
        }
        inspection.configurations(&found);
        Ok(())
    }
}

/// What the API server said, or why it said nothing; an error that is not of its making stays as it is.
pub(super) fn unanswered(place: &str, error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    let Some(asked) = error.chain().find_map(|cause| cause.downcast_ref::<kube::Error>()) else {
        return error;
    };
    let message = match asked {
        kube::Error::Api(status) => status.message.clone(),
        _ => error.root_cause().to_string(),
    };
    Fault::new(place, format_args!("{message}; give --kubeconfig FILE or --context NAME of who may ask"))
        .into()
}

/// Runs what speaks to a cluster to its end.
pub(super) fn block_on<T>(asked: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the system has no resources for it")?.block_on(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        cluster: ClusterArgs,
    }

    fn managed(arguments: &[&str]) -> SelfManaged {
        let line = Line::try_parse_from([&["test"], arguments].concat()).unwrap();
        line.cluster.managed().unwrap()
    }

    #[test]
    fn a_secret_says_which_webhook_configurations_are_meant() {
        let own = managed(&["--secret", "storage/guard-ca"]);
        assert_eq!((own.secret.as_str(), own.namespace("other")), ("guard-ca", "storage"));
        assert_eq!(own.webhooks, ["guard"]);
        assert_eq!(
            managed(&["--secret", "storage/guard-ca", "--webhook", "one,two"]).webhooks,
            ["one", "two"]
        );
        assert_eq!(managed(&["--secret", "storage/tls"]).webhooks, ["ordinance"]);
        assert_eq!(managed(&[]).webhooks, ["ordinance"]);
    }

    #[test]
    fn a_secret_has_a_namespace() {
        for text in ["", "ordinance-ca", "/ordinance-ca", "a/", "a/b/c"] {
            assert!(SecretName::parse(text).is_err(), "{text}");
        }
    }
}
