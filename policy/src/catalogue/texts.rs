//! A list of texts, compiled in or from the settings.

/// Separates the texts of a joined list.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// A list of texts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Texts<'a> {
    /// Compiled in.
    List(&'a [&'a str]),
    /// Joined by [`SEPARATOR`].
    Joined(&'a str),
}

// === impl Texts ===

impl<'a> Texts<'a> {
    /// An empty list.
    pub(crate) const NONE: Self = Self::List(&[]);

    /// The texts of a list that is compiled in; empty for another one.
    pub(crate) const fn list(self) -> &'a [&'a str] {
        match self {
            Self::List(list) => list,
            Self::Joined(_) => &[],
        }
    }

    /// Returns the texts in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        let (list, joined) = match self {
            Self::List(list) => (list, ""),
            Self::Joined(joined) => (&[][..], joined),
        };
        let joined = (!joined.is_empty()).then(|| joined.split(SEPARATOR).filter(|text| !text.is_empty()));
        list.iter().copied().chain(joined.into_iter().flatten())
    }
}

impl Default for Texts<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl PartialEq for Texts<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Texts<'_> {}
