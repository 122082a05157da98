//! How block collections are indented.

/// The indentation of a list in a mapping, in columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListIndent {
    /// From the key to the dashes.
    pub(crate) dash: usize,
    /// From a dash to the content of its element.
    pub(crate) gap: usize,
}

/// The indentation that a part of a text shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ObservedIndent {
    /// Of a mapping in a mapping, in columns.
    pub(crate) unit: Option<usize>,
    pub(crate) list: Option<ListIndent>,
}

// === impl ObservedIndent ===

impl ObservedIndent {
    /// Fills what this part does not show from another one, which is only observed if something is missing.
    pub(crate) fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.unit.is_some() && self.list.is_some() {
            return self;
        }
        let other = other();
        Self { unit: self.unit.or(other.unit), list: self.list.or(other.list) }
    }
}
