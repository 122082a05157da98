//! The reasons for which a policy gives no verdict.

use ordinance_contract::{Key, Scope};

/// Why a policy gave no verdict. The text follows the policy's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The evaluation exceeded its time limit.
    #[error("ran longer than {limit_ms} ms")]
    Time {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// The guest exceeded its memory limit.
    #[error("needed more than {limit} bytes of memory")]
    Memory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The guest exceeded its table limit.
    #[error("needed a table of more than {limit} elements")]
    Table {
        /// The limit in elements.
        limit: usize,
    },
    /// The guest's stack overflowed.
    #[error("needed more than {limit} bytes of stack")]
    Stack {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer exceeds its limit.
    #[error("answered with more than {limit} bytes")]
    Output {
        /// The limit in bytes.
        limit: usize,
    },
    /// The AdmissionReview made from the verdict exceeds its limit.
    #[error("gave a verdict whose AdmissionReview is larger than {limit} bytes")]
    Answer {
        /// The limit in bytes.
        limit: usize,
    },
    /// The guest trapped, for example by a panic.
    #[error("trapped: {0}")]
    Trap(String),
    /// The response is invalid, for example a patch that is not JSON.
    #[error("returned an invalid response: {0}")]
    InvalidResponse(String),
    /// More holdings overlap than one evaluation may receive.
    #[error("needs more than {limit} different holdings, since so many objects overlap {key:?}")]
    Holdings {
        /// The limit.
        limit: usize,
        /// The key that they overlap.
        key: String,
    },
    /// The host panicked during the evaluation.
    #[error("made the host panic; this is a bug in Ordinance")]
    Panic,
    /// The index has no room for another object.
    #[error("already remembers {limit} objects and has no room for another")]
    Full {
        /// The limit in objects.
        limit: usize,
    },
    /// The index of admitted objects has no room for the keys of another one.
    #[error("has no room for another object in its index of {limit} bytes")]
    IndexFull {
        /// The limit in bytes.
        limit: usize,
    },
    /// The keys of an object take too much memory, even with shorter paths.
    #[error("can't remember the object: {0}")]
    Keys(String),
    /// Every instance is busy, or concurrent requests keep changing the overlapping holdings. A retry may succeed.
    #[error("is busy")]
    Busy,
    /// The index is not current. A retry may succeed.
    #[error("waits for its index, which is not current")]
    NotReady,
    /// The verdict depends on whether the API server stores objects that were admitted before. A retry may succeed.
    #[error("waits until the API server stores an object that it asked about before, or drops it")]
    Unconfirmed {
        /// These objects.
        objects: Vec<Scope<'static>>,
    },
    /// The object holds keys that are not reserved. A retry may succeed.
    #[error("waits until it is known what other replicas admit")]
    Unreserved(Box<UnreservedObject>),
}

/// An object that holds keys which are not reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreservedObject {
    /// Its resource, namespace and name.
    pub scope: Scope<'static>,
    /// The uid that the API server has given it; empty if there is none.
    pub uid: String,
    /// The keys that its stored state does not hold.
    pub keys: Vec<Key>,
}

// === impl Failure ===

impl Failure {
    /// Returns the cause as a metric label.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Time { .. } => "time",
            Self::Memory { .. } => "memory",
            Self::Table { .. } => "table",
            Self::Stack { .. } => "stack",
            Self::Output { .. } => "output",
            Self::Answer { .. } => "answer",
            Self::Trap(_) => "trap",
            Self::InvalidResponse(_) => "invalid_response",
            Self::Holdings { .. } => "holdings",
            Self::Panic => "panic",
            Self::Full { .. } => "full",
            Self::IndexFull { .. } => "index_full",
            Self::Keys(_) => "keys",
            Self::Busy => "busy",
            Self::NotReady => "not_ready",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Unreserved(_) => "unreserved",
        }
    }

    /// Returns the limit that an operator can raise, as a path into the configuration file.
    pub const fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Time { .. } => Some("limits.policyTime"),
            Self::Memory { .. } => Some("limits.policyMemory"),
            Self::Table { .. } => Some("limits.policyTable"),
            Self::Stack { .. } => Some("limits.policyStack"),
            Self::Output { .. } => Some("limits.policyOutput"),
            Self::Answer { .. } => Some("limits.answerBytes"),
            Self::Holdings { .. } => Some("limits.holdings"),
            Self::Full { .. } => Some("limits.rememberedObjects"),
            Self::IndexFull { .. } => Some("limits.indexBytes"),
            Self::Trap(_)
            | Self::InvalidResponse(_)
            | Self::Keys(_)
            | Self::Panic
            | Self::Busy
            | Self::NotReady
            | Self::Unconfirmed { .. }
            | Self::Unreserved(_) => None,
        }
    }
}
