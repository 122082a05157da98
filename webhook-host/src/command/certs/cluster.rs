//! The Secret and the webhook configurations of a cluster, and access to them.

use crate::cluster::ApiServerAccess;
use crate::config::{
    InputError, SelfManaged, SelfManagedFile, kubeconfig, kubeconfig_of, kubeconfig_problem, named,
    self_managed,
};
use anyhow::{Context, Result};
use clap::Args;
use kube::Client;
use kube::config::Kubeconfig;
use ordinance_certs::cluster::{ClusterConfigurations, SecretStore};
use ordinance_certs::inspect::Inspection;
use ordinance_certs::{ConfigurationStore as _, Schedule, Store as _, WebhookConfiguration};
use std::path::PathBuf;
use std::time::Duration;

/// The default namespace of an installation.
const NAMESPACE: &str = "ordinance-system";

/// The suffix of the Secret's name, after the name of the Service.
const SUFFIX: &str = "-ca";

/// The timeout of a request to the API server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The Secret and the webhook configurations to use, and the cluster that they are in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct CertsClusterArgs {
    /// The Secret with the CA [default: ordinance-system/ordinance-ca, in a pod of its own namespace]
    #[arg(long, value_name = "NAMESPACE/NAME", env = "ORDINANCE_SECRET", hide_env = true)]
    #[arg(value_parser = SecretName::parse)]
    secret: Option<SecretName>,
    /// Webhook configurations of this name, of both kinds; may be repeated [default: ordinance]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_WEBHOOK", hide_env = true, value_delimiter = ',')]
    webhook: Vec<String>,
    /// The configuration file of `ordinance serve`, for the names and times in certificate.selfManaged
    #[arg(long, value_name = "FILE", env = "ORDINANCE_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// A kubeconfig [default: the pod's service account, else $KUBECONFIG or ~/.kube/config]
    #[arg(long, value_name = "FILE", env = "ORDINANCE_KUBECONFIG", hide_env = true)]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig [default: the current context]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_CONTEXT", hide_env = true)]
    context: Option<String>,
}

/// A namespaced name of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SecretName {
    namespace: String,
    name: String,
}

/// A CA in a cluster, and the webhook configurations that trust it.
pub(super) struct ClusterAuthority {
    pub(super) store: SecretStore,
    pub(super) configurations: ClusterConfigurations,
    pub(super) schedule: Schedule,
    /// The Secret, as messages name it.
    pub(super) place: String,
    webhooks: Vec<String>,
}

// === impl CertsClusterArgs ===

impl CertsClusterArgs {
    /// Returns whether a flag names the Secret or the webhook configurations.
    pub(super) fn is_named(&self) -> bool {
        self.secret.is_some() || named(&self.webhook).next().is_some()
    }

    /// Returns whether a flag names the Secret.
    pub(super) const fn names_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Reads the kubeconfig and makes a client. Sends no request yet.
    pub(super) async fn open(&self) -> Result<ClusterAuthority> {
        let access = self.access()?;
        let mut api = access.config().await.map_err(|error| InputError::new("the cluster", error))?;
        api.connect_timeout = Some(REQUEST_TIMEOUT);
        api.read_timeout = Some(REQUEST_TIMEOUT);
        api.default_retry = false;
        let managed = self.managed()?;
        let pod = matches!(access, ApiServerAccess::Pod).then(|| api.default_namespace.clone());
        let namespace = managed.namespace(pod.as_deref().unwrap_or(NAMESPACE)).to_owned();
        let client = Client::try_from(api)?;
        let SelfManaged { secret, webhooks, schedule, .. } = managed;
        Ok(ClusterAuthority {
            store: SecretStore::new(client.clone(), &namespace, &secret),
            configurations: ClusterConfigurations::new(client, webhooks.clone()),
            place: format!("Secret {namespace}/{secret}"),
            schedule,
            webhooks,
        })
    }

    fn access(&self) -> Result<ApiServerAccess, InputError> {
        let place = |field| format!("--{field}");
        let context = self.context.as_deref();
        match &self.kubeconfig {
            Some(file) => {
                let read = kubeconfig_of(file).map_err(|error| error.within(place("kubeconfig")));
                kubeconfig(read?, context, place)
            }
            None if ApiServerAccess::is_pod() => Ok(ApiServerAccess::Pod),
            None => {
                let read = Kubeconfig::read().map_err(|error| {
                    let remedy =
                        "give --kubeconfig FILE, or inspect something else: --dir DIR, --connect HOST:PORT or FILE";
                    InputError::new("the cluster", format_args!("{}; {remedy}", kubeconfig_problem(&error)))
                });
                kubeconfig(read?, context, place)
            }
        }
    }

    /// Returns the names and times. Flags take precedence over the file, and the file over what follows from the Secret's
    /// name.
    fn managed(&self) -> Result<SelfManaged, InputError> {
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

// === impl ClusterAuthority ===

impl ClusterAuthority {
    /// Reads the webhook configurations that exist.
    pub(super) async fn read_configurations(&self) -> Result<Vec<WebhookConfiguration>> {
        self.configurations.read().await.map_err(|error| request_error("webhook configurations", error))
    }

    /// Adds the Secret and the trust bundles of the webhooks to an inspection.
    pub(super) async fn inspect(&self, inspection: &mut Inspection) -> Result<()> {
        let (place, webhooks) = (&self.place, &self.webhooks);
        let stored = self.store.read().await.map_err(|error| request_error(place, error))?;
        if stored.data.is_empty() {
            let remedy = "a replica with --cert self-managed fills it at its first start";
            inspection.add_problem(place, format!("holds nothing; {remedy}"));
        } else {
            inspection.add_store(place, |entry| format!("{place}: {entry}"), &stored.data, self.schedule);
        }
        let found = self.read_configurations().await?;
        for name in webhooks.iter().filter(|name| !found.iter().any(|found| found.name == **name)) {
            let remedy = "so the API server sends no requests; install it, or name another with --webhook";
            inspection
                .add_problem("webhook configurations", format!("there is none called {name}, {remedy}"));
        }
        inspection.add_configurations(&found);
        Ok(())
    }
}

/// Adds the place and the remedy to an error of a request to the API server. Returns any other error as it is.
pub(super) fn request_error(place: &str, error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    let Some(cause) = error.chain().find_map(|cause| cause.downcast_ref::<kube::Error>()) else {
        return error;
    };
    let message = match cause {
        kube::Error::Api(status) => status.message.clone(),
        _ => error.root_cause().to_string(),
    };
    InputError::new(
        place,
        format_args!("{message}; give --kubeconfig FILE or --context NAME with the needed access"),
    )
    .into()
}

/// Runs a future to completion.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the system lacks resources for network access")?.block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct TestArguments {
        #[command(flatten)]
        cluster: CertsClusterArgs,
    }

    fn managed(arguments: &[&str]) -> SelfManaged {
        let parsed = TestArguments::try_parse_from([&["test"], arguments].concat()).unwrap();
        parsed.cluster.managed().unwrap()
    }

    #[test]
    fn derives_the_webhook_configurations_from_the_secret() {
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
    fn refuses_a_secret_without_a_namespace() {
        for text in ["", "ordinance-ca", "/ordinance-ca", "a/", "a/b/c"] {
            assert!(SecretName::parse(text).is_err(), "{text}");
        }
    }
}
