//! Which ordinal of a StatefulSet writes where: from manifests to writers, and the writers drawn.
//!
//! A [`Map`] is two [`Snapshot`]s, before and after, each a list of [`Writer`]s with the place that it writes to; what two
//! pods would write stands out. Where a volume lies is asked of the policy, by [`Keys`]; only what a StatefulSet makes of
//! its volumes is read here. Three renderers: [`text()`], [`json()`] and [`svg()`].

mod binding;
mod groups;
mod json;
mod location;
mod map;
mod overlap;
mod plain;
mod quantity;
mod snapshot;
mod stateful_set;
mod storage;
mod sub_path;
mod svg;
mod text;

pub use json::json;
pub use location::Location;
pub use map::{Map, Object, Refused, Unread};
pub use overlap::{Overlap, Relation};
pub use snapshot::{Omitted, Pod, Snapshot, Writer};
pub use stateful_set::{ORDINALS, WRITERS};
pub use storage::{Bound, ClaimedVolume};
pub use svg::svg;
pub use text::{Charset, Look, text};

use ordinance_contract::{Key, Scope};

/// What the policy says that an object of the cluster holds, uses or looks at; or, in one line, why it can't read it.
pub type Keys<'a> = dyn Fn(&Scope<'_>, &str) -> Result<Vec<Key>, String> + 'a;
