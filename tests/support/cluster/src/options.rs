//! The options of a cluster.

/// Options of a cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// The common name of the client certificate that the API server shows to webhooks, or `None` for no certificate.
    pub webhook_client: Option<String>,
    /// Additional flags of the API server.
    pub api_server: Vec<String>,
    /// Additional flags of the controller manager.
    pub controllers: Vec<String>,
    /// How pods become ready.
    pub pods: PodMode,
}

/// How pods become ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodMode {
    /// Without a node: a pod is reported ready as soon as its claims are bound. Nothing runs.
    #[default]
    Fake,
    /// With a node that runs them.
    Node,
}
