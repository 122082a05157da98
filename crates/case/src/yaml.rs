//! YAML of the project's own files: how it is read, and what is said of its faults.

use ordinance_manifests::{DEPTH, ManifestError};

/// How many parts of a text aliases may repeat: thousands of containers, but no bomb.
const REPLAYED: usize = 100_000;

/// How YAML is read. The sizes are an operator's own: a dump of a whole cluster is no attack, a bomb of aliases is.
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

/// The fault with its position.
pub(crate) fn unreadable(error: &serde_saphyr::Error) -> ManifestError {
    let location = error.location();
    ManifestError {
        line: location.map_or(1, |location| location.line()),
        column: location.map_or(1, |location| location.column()),
        message: message(error),
    }
}

/// The fault in one line, without its position.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().collect::<Vec<_>>().join(" ");
    line.split_once(" at line ").map_or(line.clone(), |(reason, _)| reason.to_owned())
}
