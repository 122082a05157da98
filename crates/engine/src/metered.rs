//! What a call of a policy uses: fuel and memory.

/// The fuel of a fresh instance. The time limit ends a call long before it is burnt.
pub(super) const FUEL: u64 = u64::MAX;

/// The resources that an instance has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// About the number of executed instructions, since the instance was created; `None` unless the engine is
    /// [metered](crate::Engine::metered).
    pub fuel: Option<u64>,
    /// The largest size of the linear memory, in bytes, also in earlier reviews of the instance.
    pub memory: usize,
}

/// An answer of a policy with the resources that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered<T> {
    /// The answer, or the failure.
    pub answer: T,
    /// The resources that the instance has used since it was created, the time of creation included.
    pub usage: Usage,
}

// === impl Metered ===

impl<T> Metered<T> {
    /// Converts the answer.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Metered<U> {
        Metered { answer: convert(self.answer), usage: self.usage }
    }
}
