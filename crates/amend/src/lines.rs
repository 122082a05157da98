//! The lines of a text, by byte offsets.

use std::ops::Deref;

/// A text with the offsets of its line feeds: a line is found by binary search, however long it is.
#[derive(Clone, Debug)]
pub(crate) struct IndexedText<'t> {
    pub(crate) all: &'t str,
    feeds: Vec<usize>,
}

// === impl IndexedText ===

impl<'t> IndexedText<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { all: text, feeds: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// The number of line feeds before an offset.
    fn feeds_before(&self, at: usize) -> usize {
        self.feeds.partition_point(|feed| *feed < at)
    }

    /// The first line feed at or after an offset.
    fn feed(&self, at: usize) -> Option<usize> {
        self.feeds.get(self.feeds_before(at)).copied()
    }

    /// The last line feed before an offset.
    fn feed_before(&self, at: usize) -> Option<usize> {
        self.feeds.get(self.feeds_before(at).checked_sub(1)?).copied()
    }

    /// Where the line at an offset begins.
    pub(crate) fn start(&self, at: usize) -> usize {
        self.feed_before(at).map_or(0, |feed| feed + 1)
    }

    /// Where the line at an offset ends, without its line ending.
    pub(crate) fn end(&self, at: usize) -> usize {
        let end = self.feed(at).unwrap_or(self.all.len());
        match self.all[at..end].ends_with('\r') {
            true => end - 1,
            false => end,
        }
    }

    /// Where the line after an offset begins; the end of the text for the last line.
    pub(crate) fn next(&self, at: usize) -> usize {
        self.feed(at).map_or(self.all.len(), |feed| feed + 1)
    }

    /// The part of a line before an offset.
    pub(crate) fn before(&self, at: usize) -> &'t str {
        &self.all[self.start(at)..at]
    }

    /// The part of a line before an offset, or `None` if it is not blank.
    pub(crate) fn indentation(&self, at: usize) -> Option<&'t str> {
        let before = self.before(at);
        before.bytes().all(|byte| matches!(byte, b' ' | b'\t')).then_some(before)
    }

    /// The number of the line at an offset, from 1.
    pub(crate) fn number(&self, at: usize) -> usize {
        1 + self.feeds_before(at)
    }

    /// The line ending at an offset; on the last line that of the line before it.
    pub(crate) fn ending(&self, at: usize) -> &'static str {
        match self.feed(at).or_else(|| self.feed_before(at)) {
            Some(feed) if self.all[..feed].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }
}

impl Deref for IndexedText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.all
    }
}

/// Whether a part of a text has no line break.
pub(crate) fn is_one(text: &str) -> bool {
    !text.contains('\n')
}

/// A text without the line endings at its end.
pub(crate) fn without_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// Whether the rest of a line is blank or a comment.
pub(crate) fn is_comment(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_before_its_carriage_return() {
        let text = IndexedText::new("a: 1\r\n  b\nc");
        assert_eq!((text.start(2), text.end(2), text.next(2)), (0, 4, 6));
        assert_eq!((text.ending(2), text.ending(8), text.ending(11)), ("\r\n", "\n", "\n"));
        assert_eq!((text.indentation(8), text.indentation(3)), (Some("  "), None));
        assert_eq!((text.number(0), text.number(11)), (1, 3));
        assert_eq!((text.start(5), text.start(6), text.end(11), text.next(11)), (0, 6, 11, 11));
    }
}
