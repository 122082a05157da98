//! The parser of a chunk, with positions in the whole text.

use super::chunk::Chunk;
use crate::manifest::{DEPTH, ManifestError, ManifestErrorKind};
use granit_parser::{Event, Marker, Options, Parser, ScanError, Span, StrInput};
use std::ops::Range;

/// Added to errors in lines with template actions.
const RENDER: &str = "; a template has to be rendered first, e.g. by `helm template`";

/// The nesting that the parser accepts. It reads ahead, so this is more than what [`DEPTH`] allows.
const PARSER_DEPTH: usize = 16 * DEPTH;

/// The events of a chunk.
pub(crate) struct Cursor<'t> {
    parser: Parser<'t, StrInput<'t>>,
    chunk: Chunk<'t>,
}

/// The options of the parser.
pub(crate) fn options() -> Options {
    let mut options = granit_parser::options! {
        flow_nesting_limit: PARSER_DEPTH,
        block_nesting_limit: PARSER_DEPTH,
    };
    options.set_emit_comments(false);
    options
}

// === impl Cursor ===

impl<'t> Cursor<'t> {
    pub(crate) fn new(chunk: Chunk<'t>, options: Options) -> Self {
        Self { parser: Parser::new_from_str_with_options(chunk.text, options), chunk }
    }

    /// Returns the next event, or `None` at the end of the text.
    pub(crate) fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, ManifestError> {
        match self.parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => Ok(None),
            Some(Ok(next)) => Ok(Some(next)),
            Some(Err(error)) => Err(self.syntax(&error)),
        }
    }

    /// Skips the rest of this document. Returns whether another one follows.
    pub(super) fn skip_document(&mut self) -> Result<bool, ManifestError> {
        self.parser.proceed_next_document().map_err(|error| self.syntax(&error))
    }

    fn syntax(&self, error: &ScanError) -> ManifestError {
        self.at(error.marker(), error.info())
    }

    /// An error at the start of a span.
    pub(super) fn error(&self, span: &Span, message: impl Into<String>) -> ManifestError {
        self.at(&span.start, message.into())
    }

    fn at(&self, mark: &Marker, message: String) -> ManifestError {
        let (message, kind) = match self.is_template(mark) {
            true => (message + RENDER, ManifestErrorKind::Template),
            false => (message, ManifestErrorKind::Syntax),
        };
        ManifestError {
            line: self.line_of(mark.line()),
            column: mark.col() as u64 + 1,
            message,
            kind,
            is_quotable: false,
        }
    }

    /// Whether the line of a marker has a template action at the marker, or anywhere before or after it.
    fn is_template(&self, mark: &Marker) -> bool {
        let (before, after) = self.chunk.text.split_at_checked(byte_offset(mark)).unwrap_or_default();
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split('\n').next().unwrap_or_default();
        before.contains("{{") || after.contains("{{") || before.ends_with('{') && after.starts_with('{')
    }

    /// A range in the whole text, without the white space at its end.
    pub(super) fn range(&self, start: usize, end: usize) -> Range<usize> {
        let text = self.chunk.text.get(start..end).unwrap_or_default().trim_end();
        self.chunk.offset + start..self.chunk.offset + start + text.len()
    }

    /// Where the value of an event ends, or `None` for a block collection, which ends with its last value. An omitted
    /// value ends with the colon before it.
    pub(crate) fn end(&self, event: &Event<'_>, span: &Span) -> Option<usize> {
        let (start, end) = (byte_offset(&span.start), byte_offset(&span.end));
        let rest = self.chunk.text.get(start..).unwrap_or_default();
        match event {
            _ if start < end => Some(end),
            Event::Scalar(..) => Some(start + usize::from(rest.starts_with(':'))),
            _ => None,
        }
    }

    /// The next event of a document that has begun.
    pub(super) fn next_in_document(&mut self) -> Result<(Event<'t>, Span), ManifestError> {
        self.next()?.ok_or_else(|| ManifestError {
            line: self.chunk.line,
            column: 1,
            message: "the text ends in the middle of a document".to_owned(),
            kind: ManifestErrorKind::Syntax,
            is_quotable: false,
        })
    }

    /// The text of the chunk.
    pub(crate) fn text(&self) -> &'t str {
        self.chunk.text
    }

    /// The line in the whole text, from a line in the chunk.
    pub(super) fn line_of(&self, line: usize) -> u64 {
        self.chunk.line + (line as u64).saturating_sub(1)
    }
}

/// The offset of a marker in the chunk.
pub(super) fn byte_offset(marker: &Marker) -> usize {
    marker.byte_offset().unwrap_or_default()
}
