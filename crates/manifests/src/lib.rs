//! Reads Kubernetes objects from YAML and JSON text as kubectl does, with the span of each object in the text.
//!
//! It reads several documents in one text, `List`s (also nested), a byte order mark and CRLF line endings, and the
//! booleans and octal numbers of YAML 1.1. An object becomes JSON text with its keys in order; text that is JSON
//! already is passed on byte for byte. [`search()`] finds the manifests of a repository and
//! can let `helm` and `kubectl` render them, [`sources()`] finds every file, and [`region()`] a field in a text.
//!
//! The YAML reader ([`documents()`] and the modules below `yaml`) works on the events of `granit-parser`. Compared:
//! `serde-saphyr` 2.2 uses the same parser and has spans, but stops at the first syntax error; this reader goes on with
//! the next document, and writes JSON text without a value in between. `marked-yaml` 0.8 has spans, but reads every
//! scalar as a string. `serde_yaml` 0.9 is deprecated and has no spans.

mod chart;
mod content;
mod excerpt;
mod globs;
mod json;
mod kind;
mod kustomization;
mod manifest;
mod read;
mod region;
mod render;
mod rendering;
mod search;
mod sources;
mod walk;
mod yaml;

pub use content::TextContent;
pub use globs::{PathGlob, PathGlobs};
pub use kind::{is_list_kind, parse, plural};
pub use manifest::{
    BYTE_ORDER_MARK, DEPTH, KindFilter, Manifest, ManifestError, ManifestErrorKind, ReadObjects,
};
pub use read::{read, read_wanted};
pub use region::{Region, region};
pub use render::{RENDER_TIME, RENDERED_BYTES};
pub use rendering::{RenderTool, RenderedDirectory};
pub use search::{FoundSources, Rendering, search};
pub use sources::{FoundSource, ManifestSource, SourceError, SourceOrigin, sources};
pub use yaml::{Chunk, NULL_WORDS, documents};

#[cfg(test)]
mod tests;
