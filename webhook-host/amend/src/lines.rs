//! Lines of a text, by the offsets of bytes in it.

/// Where the line of a position begins.
pub(crate) fn start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Where the line of a position ends: at its line feed, with the carriage return before it, or at the end of the text.
pub(crate) fn end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    match text[at..end].ends_with('\r') {
        true => end - 1,
        false => end,
    }
}

/// Where the next line begins.
pub(crate) fn next(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// What is before a position in its line.
pub(crate) fn before(text: &str, at: usize) -> &str {
    &text[start(text, at)..at]
}

/// What is before a position in its line, if that is nothing but blanks.
pub(crate) fn indentation(text: &str, at: usize) -> Option<&str> {
    let before = before(text, at);
    before.bytes().all(|byte| matches!(byte, b' ' | b'\t')).then_some(before)
}

/// The number of a position's line, from 1.
pub(crate) fn number(text: &str, at: usize) -> usize {
    1 + text[..at].bytes().filter(|byte| *byte == b'\n').count()
}

/// How lines end at a position: as its own line, or as the one before it if it is the last.
pub(crate) fn ending(text: &str, at: usize) -> &'static str {
    let feed = text[at..].find('\n').map(|feed| at + feed).or_else(|| text[..at].rfind('\n'));
    match feed {
        Some(feed) if text[..feed].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Whether a part of a text is on one line.
pub(crate) fn is_one(text: &str) -> bool {
    !text.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_before_its_carriage_return() {
        let text = "a: 1\r\n  b\nc";
        assert_eq!((start(text, 2), end(text, 2), next(text, 2)), (0, 4, 6));
        assert_eq!((ending(text, 2), ending(text, 8), ending(text, 11)), ("\r\n", "\n", "\n"));
        assert_eq!((indentation(text, 8), indentation(text, 3)), (Some("  "), None));
        assert_eq!((number(text, 0), number(text, 11)), (1, 3));
    }
}
