//! Why there is no plan.

/// Why a StatefulSet can't be migrated, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The set is not among the objects.
    #[error("there is no StatefulSet {namespace}/{name}; give it with --state or name its namespace with -n")]
    NoSet {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// An object can't be read.
    #[error("{object} can't be read: {reason}")]
    Unreadable {
        /// The object.
        object: String,
        /// Why.
        reason: String,
    },
    /// The set has no replicas, and no number is given.
    #[error("StatefulSet {0} has 0 replicas; give the number that it had with --replicas N")]
    NoReplicas(String),
    /// The set has more ordinals than a plan has room for.
    #[error("StatefulSet {set} has {replicas} replicas, and a plan has room for {limit}")]
    TooManyReplicas {
        /// The set.
        set: String,
        /// Its replicas.
        replicas: u64,
        /// The most replicas of a plan.
        limit: u64,
    },
    /// `--owner` names no ordinal of the set.
    #[error("--owner {owner}: the ordinals are {first} to {last}")]
    NoOwner {
        /// The given ordinal.
        owner: u64,
        /// The first ordinal.
        first: u64,
        /// The last ordinal.
        last: u64,
    },
    /// `--volume` names no volume that the pods write.
    #[error("--volume {0}: the pods have no such volume that they write and that outlives them")]
    NoVolume(String),
    /// A name that a shell or `find` would read differently.
    #[error("--{flag}: {name:?} can't be used; use letters, digits and . _ - + = @ # , : ~ %")]
    UnusableName {
        /// The flag.
        flag: &'static str,
        /// The name.
        name: String,
    },
    /// A name or a path of the set would act on a shell or a terminal.
    #[error(
        "{set} has {name:?}, with a line break or a character that can't be seen, which no script may have; rename it"
    )]
    ActingName {
        /// The set.
        set: String,
        /// The name or the path.
        name: String,
    },
    /// Pods on Windows have no sub-paths.
    #[error(
        "StatefulSet {0} runs on Windows, where volumes have no sub-paths; give each ordinal its own volume"
    )]
    Windows(String),
    /// A volume can't be isolated by sub-paths.
    #[error("volume {volume:?}: {reason}")]
    Volume {
        /// The volume or claim template.
        volume: String,
        /// Why, and the way out.
        reason: String,
    },
}
