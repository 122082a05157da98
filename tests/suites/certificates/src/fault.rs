//! Faults that a rotation must not have. They are injected between the store and the callers, not in the shipped code.

use ordinance_certs::{Bundle, Record};

/// A fault of a rotation that fails requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectedFault {
    /// The new CA replaces the bundle instead of extending it.
    ReplacesBundle,
    /// The new CA signs as soon as the configurations trust it.
    SkipsWait,
    /// The bundle loses the old CA at the switch.
    ShrinksEarly,
    /// A foreign writer keeps overwriting the bundle.
    ForeignWriter,
}

// === impl InjectedFault ===

impl InjectedFault {
    /// Every fault.
    pub const ALL: [Self; 4] =
        [Self::ReplacesBundle, Self::SkipsWait, Self::ShrinksEarly, Self::ForeignWriter];

    /// Returns the bundle that callers get in place of `bundle`.
    pub(crate) fn distort(self, bundle: &Bundle, record: Option<&Record>) -> Bundle {
        match (self, record) {
            (Self::ReplacesBundle, _) => {
                bundle.certificates().last().map_or_else(Bundle::default, |last| vec![last.clone()].into())
            }
            (Self::ShrinksEarly, Some(record)) if record.previous.is_some() => record.signing(),
            _ => bundle.clone(),
        }
    }

    /// Describes the fault.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReplacesBundle => "the bundle is replaced",
            Self::SkipsWait => "there is no wait",
            Self::ShrinksEarly => "the bundle shrinks at the switch",
            Self::ForeignWriter => "a foreign writer overwrites the bundle",
        }
    }
}
