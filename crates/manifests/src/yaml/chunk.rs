//! Chunks of a text that are read independently.

/// A part of a text that begins with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'t> {
    /// The text of the chunk.
    pub text: &'t str,
    /// Where it begins in the whole text, in bytes.
    pub offset: usize,
    /// The line in which it begins, from 1.
    pub line: u64,
}

/// Cuts a text into its smallest chunks, without gaps: one for each marked document, or a single one if the text may
/// have directives.
pub fn documents(text: &str) -> Vec<Chunk<'_>> {
    chunks(text, 1)
}

/// Cuts a text at document markers into chunks of at least `size` bytes. A text with a line that may be a directive
/// stays whole, because a directive belongs to the marker after it.
pub(super) fn chunks(text: &str, size: usize) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let mut rest = Chunk { text, offset: 0, line: 1 };
    if text.len() <= size || text.starts_with('%') || text.contains("\n%") {
        return vec![rest];
    }
    while let Some(end) = marker(rest.text, size) {
        let (chunk, after) = rest.split_at(end);
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    chunks
}

/// Where the first marked document after this many bytes begins.
fn marker(text: &str, after: usize) -> Option<usize> {
    let from = text.ceil_char_boundary(after);
    let ends = |next: Option<&u8>| next.is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    text.get(from..)?
        .match_indices("\n---")
        .map(|(position, _)| from + position + 1)
        .find(|start| ends(text.as_bytes().get(start + 3)))
}

// === impl Chunk ===

impl<'t> Chunk<'t> {
    /// Cuts the chunk at the beginning of a line.
    pub(super) fn split_at(self, start: usize) -> (Self, Self) {
        let (text, after) = self.text.split_at(start);
        let lines = text.bytes().filter(|byte| *byte == b'\n').count() as u64;
        (Self { text, ..self }, Self { text: after, offset: self.offset + start, line: self.line + lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(&str, u64)> {
        chunks(text, 4).iter().map(|chunk| (chunk.text, chunk.line)).collect()
    }

    #[test]
    fn cuts_a_text_at_document_markers() {
        assert_eq!(
            texts("a: 1\nb: 2\n---\nc: 3\n---x: 1\n--- # d\nd: 4\n---"),
            [("a: 1\nb: 2\n", 1), ("---\nc: 3\n---x: 1\n", 3), ("--- # d\nd: 4\n", 6), ("---", 8)]
        );
        assert_eq!(texts("---\na\n---\n"), [("---\na\n", 1), ("---\n", 3)]);
        assert_eq!(texts("é: é\n---\né: é"), [("é: é\n", 1), ("---\né: é", 2)]);
    }

    #[test]
    fn each_marked_document_is_a_chunk() {
        let text = "\u{feff}a: 1\n---\n---\r\nb: |\n ---\n c\n... # end\nd: 1\n";
        let chunks = documents(text);
        let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text).collect();
        assert_eq!(texts, ["\u{feff}a: 1\n", "---\n", "---\r\nb: |\n ---\n c\n... # end\nd: 1\n"]);
        assert_eq!((chunks[2].offset, chunks[2].line), (text.len() - texts[2].len(), 3));
        assert_eq!(documents(""), [Chunk { text: "", offset: 0, line: 1 }]);
    }

    #[test]
    fn does_not_cut_a_text_with_directives() {
        let text = "a: 1\n...\n%YAML 1.1\n---\nb: 1\n---\nc: 1\n";
        assert_eq!(texts(text), [(text, 1)]);
    }
}
