//! YAML of the project's own test data: parser options, error messages, output and differences.

use ordinance_manifests::{DEPTH, ManifestError, ManifestErrorKind};
use serde::Serialize;
use serde_saphyr::UserMessageFormatter;
use similar::TextDiff;

/// The most parser events that the aliases of a text may repeat: enough for thousands of containers.
const REPLAYED: usize = 100_000;

/// Returns the parser's options. Sizes are not limited, because the files are the project's own and may be large.
/// Nesting and aliases are, because they multiply the work.
pub(crate) fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_events: usize::MAX,
            max_nodes: usize::MAX,
            max_documents: usize::MAX,
            max_reader_input_bytes: None,
            max_total_scalar_bytes: usize::MAX,
            max_total_comment_bytes: usize::MAX,
            max_buffered_comment_events: usize::MAX,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED },
        legacy_octal_numbers: true,
        emit_comments: false,
        with_snippet: false,
    }
}

/// Converts a parser error, with its position.
pub(crate) fn manifest_error(error: &serde_saphyr::Error) -> ManifestError {
    let location = error.location();
    ManifestError {
        line: location.map_or(1, |location| location.line()),
        column: location.map_or(1, |location| location.column()),
        message: message(error),
        kind: ManifestErrorKind::Syntax,
        is_quotable: true,
    }
}

/// Returns the message of a parser error in one line, without its position.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().render_with_formatter(&UserMessageFormatter);
    let line = text.lines().collect::<Vec<_>>().join(" ");
    line.split_once(" at line ").map_or(line.clone(), |(reason, _)| reason.to_owned())
}

/// Returns a value as YAML text; a comment with the error if YAML cannot express the value.
pub fn to_text(value: &impl Serialize) -> String {
    serde_saphyr::to_string(value).unwrap_or_else(|error| format!("# {error}\n"))
}

/// Returns a unified diff of two values as YAML: expected lines with `-`, answered lines with `+`.
pub(crate) fn difference(expected: &impl Serialize, answered: &impl Serialize) -> String {
    text_difference(&to_text(expected), &to_text(answered))
}

/// Returns a unified diff of two texts.
pub(crate) fn text_difference(expected: &str, answered: &str) -> String {
    TextDiff::from_lines(expected, answered).unified_diff().header("expected", "answered").to_string()
}
