//! Why a policy gave no verdict.

/// Why a policy gave no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The evaluation took longer than it may.
    #[error("ran longer than {limit_ms} ms")]
    Time {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// The guest wanted more memory than it may have.
    #[error("needed more than {limit} bytes of memory")]
    Memory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The guest wanted a larger table than it may have.
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
    /// The answer is larger than it may be.
    #[error("answered with more than {limit} bytes")]
    Output {
        /// The limit in bytes.
        limit: usize,
    },
    /// The AdmissionReview that says the verdict is larger than it may be.
    #[error("answered with what makes a review of more than {limit} bytes")]
    Answer {
        /// The limit in bytes.
        limit: usize,
    },
    /// The guest trapped, e.g. by a panic.
    #[error("trapped: {0}")]
    Trap(String),
    /// The answer makes no sense, e.g. a patch that is not JSON.
    #[error("answered nonsense: {0}")]
    Nonsense(String),
    /// More holdings overlap than may be handed to one evaluation.
    #[error("more than {limit} different holdings overlap this object's keys")]
    Holdings {
        /// The limit.
        limit: usize,
    },
    /// The host itself panicked while it judged.
    #[error("made the host panic; this is a fault of Ordinance")]
    Panic,
    /// The host remembers what it admitted, with a cluster until a watch brings it, and has no room for another object.
    #[error("has {limit} objects to remember already, and no room for another")]
    Full {
        /// The limit in objects.
        limit: usize,
    },
    /// Every instance is at work, or others keep changing what overlaps this object; asking again later may help.
    #[error("is busy")]
    Busy,
    /// The index cannot answer now; asking again later may help.
    #[error("the index is not ready")]
    NotReady,
}

// === impl Failure ===

impl Failure {
    /// One word for metrics.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Time { .. } => "time",
            Self::Memory { .. } => "memory",
            Self::Table { .. } => "table",
            Self::Stack { .. } => "stack",
            Self::Output { .. } => "output",
            Self::Answer { .. } => "answer",
            Self::Trap(_) => "trap",
            Self::Nonsense(_) => "nonsense",
            Self::Holdings { .. } => "holdings",
            Self::Panic => "panic",
            Self::Full { .. } => "full",
            Self::Busy => "busy",
            Self::NotReady => "not_ready",
        }
    }

    /// The limit that an operator can raise, as a path into the configuration file.
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
            Self::Trap(_) | Self::Nonsense(_) | Self::Panic | Self::Busy | Self::NotReady => None,
        }
    }
}
