//! Edits of a text, applied all at once.

use std::ops::Range;

/// An edit: a part of a text, and the text in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// In bytes; empty for an insertion.
    pub at: Range<usize>,
    /// The new text; empty for a deletion.
    pub text: String,
}

// === impl Splice ===

impl Splice {
    pub(crate) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { at: at..at, text: text.into() }
    }

    pub(crate) fn replace(at: Range<usize>, text: impl Into<String>) -> Self {
        Self { at, text: text.into() }
    }
}

/// Applies edits, which are in the order of the text. Returns `None` if two of them overlap.
pub(crate) fn apply(text: &str, splices: Vec<Splice>) -> Option<String> {
    let mut applied =
        String::with_capacity(text.len() + splices.iter().map(|splice| splice.text.len()).sum::<usize>());
    let mut done = 0;
    for splice in splices {
        applied.push_str(text.get(done..splice.at.start)?);
        applied.push_str(&splice.text);
        done = splice.at.end;
    }
    applied.push_str(text.get(done..)?);
    Some(applied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applies_edits_that_do_not_overlap() {
        let splices = vec![Splice::insert(1, "x"), Splice::insert(1, "y"), Splice::replace(2..3, "C")];
        assert_eq!(apply("abcd", splices).as_deref(), Some("axybCd"));
        assert_eq!(apply("abcd", vec![Splice::replace(0..2, ""), Splice::replace(1..3, "")]), None);
    }
}
