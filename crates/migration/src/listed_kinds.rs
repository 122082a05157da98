//! The objects of a cluster that a plan is made from: what can share storage with the set, and what changes its replicas.

/// A list of objects to read from an API server.
#[derive(Clone, Copy, Debug)]
pub struct ListedKind {
    /// The path of the API group, e.g. `apis/apps/v1`.
    pub group: &'static str,
    /// The plural of the kind.
    pub resource: &'static str,
    /// The namespaces to read.
    pub breadth: Breadth,
}

/// The namespaces that a list is read of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// The whole cluster.
    Cluster,
    /// All namespaces, or that of the set if the user may not read all.
    AllOrOwn,
    /// The namespace of the set.
    Own,
    /// The namespace of the set, and nothing if the user may not read it.
    OwnIfAllowed,
}

// === impl ListedKind ===

impl ListedKind {
    /// The lists that a plan needs.
    pub const ALL: [Self; 5] = [
        Self { group: "apis/apps/v1", resource: "statefulsets", breadth: Breadth::AllOrOwn },
        Self { group: "api/v1", resource: "persistentvolumeclaims", breadth: Breadth::AllOrOwn },
        Self { group: "api/v1", resource: "persistentvolumes", breadth: Breadth::Cluster },
        Self { group: "api/v1", resource: "pods", breadth: Breadth::Own },
        Self {
            group: "apis/autoscaling/v2",
            resource: "horizontalpodautoscalers",
            breadth: Breadth::OwnIfAllowed,
        },
    ];
}
