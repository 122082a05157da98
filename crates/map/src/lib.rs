//! Which ordinal of a StatefulSet writes where: from manifests to writers, and drawings of them.
//!
//! A [`Map`] is two [`Snapshot`]s, before and after the policy's patches, each a list of [`Writer`]s with the locations
//! that they write to and the other pods that write there too. The policy says where a volume lies, through [`Keys`];
//! `ordinance_storage` says which of its directories a pod mounts. Three renderers: [`text()`], [`json()`] and [`svg()`].

mod binding;
mod claim_places;
mod groups;
mod json;
mod location;
mod map;
mod overlap;
mod plain;
mod quantity;
mod snapshot;
mod stateful_set;
mod sub_path;
mod svg;
mod text;

pub use claim_places::{Bound, ClaimedVolume};
pub use json::json;
pub use location::Location;
pub use map::{Map, Object, Refused, Unread};
pub use overlap::{Overlap, Relation};
pub use snapshot::{Omitted, Pod, Snapshot, Writer};
pub use stateful_set::{ORDINALS, WRITERS};
pub use svg::svg;
pub use text::{Charset, TextOptions, text};

use ordinance_contract::{Key, Scope};

/// Asks the policy for the keys of an object; an error says in one line why the policy can't read the object.
pub type Keys<'a> = dyn Fn(&Scope<'_>, &str) -> Result<Vec<Key>, String> + 'a;
