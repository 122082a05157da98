//! Which ordinal of a StatefulSet writes where: from manifests to writers, and drawings of them.
//!
//! A [`Map`] is two [`Snapshot`]s, before and after the policy's patches, each a list of [`VolumeWriter`]s with the
//! locations that they write to and the other pods that write there too. The policy says where a volume lies, through
//! [`Keys`]; `ordinance_storage` says which of its directories a pod mounts. Three renderers: [`text()`], [`json()`]
//! and [`svg()`].

mod binding;
mod groups;
mod json;
mod location;
mod map;
mod object;
mod overlap;
mod plain;
mod quantity;
mod reader;
mod resolved_claims;
mod snapshot;
mod stateful_set;
mod sub_path;
mod svg;
mod text;
mod writer;

pub use binding::Bound;
pub use json::json;
pub use location::Location;
pub use map::{Map, RefusedObject};
pub use object::MappedObject;
pub use reader::{Keys, UnmappedObject};
pub use resolved_claims::ClaimedVolume;
pub use snapshot::{OmittedOrdinals, Snapshot};
pub use svg::svg;
pub use text::{Charset, TextOptions, text};
pub use writer::{Pod, Relation, VolumeWriter, WriterOverlap};
