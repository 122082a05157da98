//! Objects in YAML text: from the parser's events to JSON in one pass, with the place of each document and list item.
//!
//! A large text is cut at document markers, and its pieces are read side by side.

mod document;
mod keys;
mod scalar;

pub(crate) use document::{Cursor, options};

use crate::{Found, Wanted};
use document::Documents;
use rayon::prelude::*;

/// From this size on it pays to read a piece by itself.
const PIECE_BYTES: usize = 256 * 1024;

/// A part of a text that begins with a document, and can be read by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'t> {
    /// Its own text.
    pub text: &'t str,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// The line of its beginning, from 1.
    pub line: u64,
}

/// The smallest pieces of a text, which follow one another without a gap: one for each document that is marked, unless
/// the text may have directives.
pub fn documents(text: &str) -> Vec<Piece<'_>> {
    pieces(text, 1)
}

pub(crate) fn read(text: &str, namespace: &str, wanted: Wanted<'_>) -> Found {
    let pieces = pieces(text, PIECE_BYTES);
    let read = |piece: &Piece<'_>| Documents::new(*piece).read(namespace, wanted);
    if let [piece] = *pieces {
        return read(&piece);
    }
    let found: Vec<Found> = pieces.par_iter().map(read).collect();
    found.into_iter().fold(Found::default(), |mut all, found| {
        all.append(found);
        all
    })
}

/// Appends a text as a JSON string, without a copy: a text may be most of a large file.
pub(crate) fn quote(json: &mut String, text: &str) {
    json.push('"');
    let mut plain = 0;
    for (position, byte) in text.bytes().enumerate() {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            json.push_str(text.get(plain..position).unwrap_or_default());
            escape(json, byte);
            plain = position + 1;
        }
    }
    json.push_str(text.get(plain..).unwrap_or_default());
    json.push('"');
}

fn escape(json: &mut String, byte: u8) {
    match byte {
        b'"' => json.push_str("\\\""),
        b'\\' => json.push_str("\\\\"),
        b'\n' => json.push_str("\\n"),
        b'\r' => json.push_str("\\r"),
        b'\t' => json.push_str("\\t"),
        _ => json.push_str(&format!("\\u{byte:04x}")),
    }
}

/// Cuts a text at markers of documents into pieces of at least that size. Where a line could be a directive it stays
/// whole, since a directive belongs to the marker after it.
fn pieces(text: &str, size: usize) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = Piece { text, offset: 0, line: 1 };
    if text.len() <= size || text.starts_with('%') || text.contains("\n%") {
        return vec![rest];
    }
    while let Some(end) = marker(rest.text, size) {
        let (piece, after) = rest.text.split_at(end);
        pieces.push(Piece { text: piece, ..rest });
        let lines = piece.bytes().filter(|byte| *byte == b'\n').count() as u64;
        rest = Piece { text: after, offset: rest.offset + end, line: rest.line + lines };
    }
    pieces.push(rest);
    pieces
}

/// Where the first document begins that is marked, after so many bytes.
fn marker(text: &str, after: usize) -> Option<usize> {
    let from = text.ceil_char_boundary(after);
    let ends = |next: Option<&u8>| next.is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    text.get(from..)?
        .match_indices("\n---")
        .map(|(position, _)| from + position + 1)
        .find(|start| ends(text.as_bytes().get(start + 3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(&str, u64)> {
        pieces(text, 4).iter().map(|piece| (piece.text, piece.line)).collect()
    }

    #[test]
    fn cuts_a_text_where_documents_are_marked() {
        assert_eq!(
            texts("a: 1\nb: 2\n---\nc: 3\n---x: 1\n--- # d\nd: 4\n---"),
            [("a: 1\nb: 2\n", 1), ("---\nc: 3\n---x: 1\n", 3), ("--- # d\nd: 4\n", 6), ("---", 8)]
        );
        assert_eq!(texts("---\na\n---\n"), [("---\na\n", 1), ("---\n", 3)]);
        assert_eq!(texts("é: é\n---\né: é"), [("é: é\n", 1), ("---\né: é", 2)]);
    }

    #[test]
    fn each_marked_document_is_a_piece() {
        let text = "\u{feff}a: 1\n---\n---\r\nb: |\n ---\n c\n... # end\nd: 1\n";
        let pieces = documents(text);
        let texts: Vec<&str> = pieces.iter().map(|piece| piece.text).collect();
        assert_eq!(texts, ["\u{feff}a: 1\n", "---\n", "---\r\nb: |\n ---\n c\n... # end\nd: 1\n"]);
        assert_eq!((pieces[2].offset, pieces[2].line), (text.len() - texts[2].len(), 3));
        assert_eq!(documents(""), [Piece { text: "", offset: 0, line: 1 }]);
    }

    #[test]
    fn quotes_every_character_so_that_it_is_read_as_it_was() {
        let text: String = (0..0x250).filter_map(char::from_u32).collect();
        let mut json = String::new();
        quote(&mut json, &text);
        assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text));
    }

    #[test]
    fn leaves_a_text_with_directives_whole() {
        let text = "a: 1\n...\n%YAML 1.1\n---\nb: 1\n---\nc: 1\n";
        assert_eq!(texts(text), [(text, 1)]);
    }

    #[test]
    fn places_count_from_the_beginning_of_the_text() {
        let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x}\n";
        let text = pod.repeat(2 * PIECE_BYTES / pod.len());
        let found = read(&text, "default", &|_, _| true);
        let last = found.objects.last().and_then(|last| last.as_ref().ok()).expect("an object");
        assert_eq!(last.line, (found.objects.len() * 4 - 2) as u64);
        assert_eq!(text.get(last.bytes.clone()), Some(pod.trim_start_matches("---\n").trim_end()));
    }
}
