//! Objects in YAML text: from the parser's events to JSON in one pass, with the span of each document and list item.
//!
//! A large text is cut at document markers, and a large list between its items. The parts are read in parallel.

mod chunk;
mod cursor;
mod document;
mod keys;
mod list;
mod quote;
mod scalar;

pub use chunk::{Chunk, documents};
pub(crate) use cursor::{Cursor, options};
pub use scalar::NULL_WORDS;

use crate::manifest::{KindFilter, ReadObjects};
use document::Documents;
use rayon::prelude::*;

/// The minimum size of a chunk that is read in parallel.
const CHUNK_BYTES: usize = 256 * 1024;

pub(crate) fn read(text: &str, namespace: &str, wanted: KindFilter<'_>) -> ReadObjects {
    let chunks = chunk::chunks(text, CHUNK_BYTES);
    let read = |chunk: &Chunk<'_>| {
        list::read(*chunk, CHUNK_BYTES, namespace, wanted)
            .unwrap_or_else(|| Documents::new(*chunk).read(namespace, wanted))
    };
    if let [chunk] = *chunks {
        return read(&chunk);
    }
    let found: Vec<ReadObjects> = chunks.par_iter().map(read).collect();
    found.into_iter().fold(ReadObjects::default(), ReadObjects::joined)
}

/// Returns the first document of a text as JSON, or `None` if there is none or if it can't be read.
pub(crate) fn first_json(text: &str) -> Option<String> {
    Documents::new(Chunk { text, offset: 0, line: 1 }).first_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_the_beginning_of_the_text() {
        let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x}\n";
        let text = pod.repeat(2 * CHUNK_BYTES / pod.len());
        let found = read(&text, "default", &|_, _| true);
        let last = found.objects.last().and_then(|last| last.as_ref().ok()).expect("an object");
        assert_eq!(last.line, (found.objects.len() * 4 - 2) as u64);
        assert_eq!(text.get(last.bytes.clone()), Some(pod.trim_start_matches("---\n").trim_end()));
    }
}
