//! What a rotation must not do. None of it is in what is shipped: it happens on the way to the callers.

use ordinance_certs::{Bundle, Record};

/// A way to rotate that breaks requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A bundle is replaced by the new CA rather than extended by it.
    Replaces,
    /// The new CA signs as soon as it is in the configurations.
    Hastes,
    /// The old CA leaves the bundle at the moment of the switch.
    Forgets,
    /// Somebody else writes a bundle of his own.
    Rivals,
}

// === impl Fault ===

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Replaces, Self::Hastes, Self::Forgets, Self::Rivals];

    /// What callers see in place of a bundle.
    pub(crate) fn distort(self, bundle: &Bundle, record: Option<&Record>) -> Bundle {
        match (self, record) {
            (Self::Replaces, _) => {
                bundle.certificates().last().map_or_else(Bundle::default, |last| vec![last.clone()].into())
            }
            (Self::Forgets, Some(record)) if record.previous.is_some() => record.signing(),
            _ => bundle.clone(),
        }
    }

    /// In a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replaces => "the bundle is replaced",
            Self::Hastes => "there is no wait",
            Self::Forgets => "the bundle shrinks at the switch",
            Self::Rivals => "somebody else writes the bundle",
        }
    }
}
