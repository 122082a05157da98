//! Faulty protocols, which the trials must catch.

/// One broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A reservation is deleted after 10 s, although the API server may still store the object.
    ShortGrace,
    /// A replica decides as soon as its reservation is written, on what it knows then.
    NoWait,
    /// A replica decides although its watch of the objects has been silent for longer than it may be.
    NoFreshness,
    /// Two paths overlap only if they are equal texts.
    TextPaths,
    /// An item of a list counts as the next event.
    ListInOrder,
    /// An object is known by its uid, so that a client that tries again excludes itself.
    HolderByUid,
    /// A replica deletes other replicas' reservations that it takes for losers.
    Bystander,
}

// === impl Mutant ===

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ShortGrace,
        Self::NoWait,
        Self::NoFreshness,
        Self::TextPaths,
        Self::ListInOrder,
        Self::HolderByUid,
        Self::Bystander,
    ];

    /// Returns what the protocol does wrong, after "if".
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShortGrace => "reservations are deleted after 10 s",
            Self::NoWait => "a replica decides without waiting for its own write",
            Self::NoFreshness => "a replica decides although its watch is silent",
            Self::TextPaths => "paths are compared as texts",
            Self::ListInOrder => "a list is taken for events in order",
            Self::HolderByUid => "an object is known by its uid",
            Self::Bystander => "bystanders delete reservations that look lost",
        }
    }
}
